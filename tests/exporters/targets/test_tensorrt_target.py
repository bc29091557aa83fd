"""The export for TensorRT is an ONNX file in the asked-for types, proven in the same types on a CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from exporters.base import ExportOptions, ExportPrecision, UnverifiedArtifact  # noqa: E402
from exporters.graph.picture_input import with_picture_input  # noqa: E402
from exporters.onnx.half import rounding_model  # noqa: E402
from exporters.parity.gate import Gate  # noqa: E402
from exporters.pictures import pictures_in  # noqa: E402
from exporters.targets.registry import TARGETS  # noqa: E402
from exporters.targets.tensorrt import TensorRtTarget  # noqa: E402
from streamvision.checkpoints.onnx_file import OnnxSource  # noqa: E402
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend  # noqa: E402
from streamvision.inference.backends.onnx_scan import scan_onnx  # noqa: E402
from streamvision.inference.card_reader import read_card  # noqa: E402
from streamvision.inference.model_card import PixelFormat  # noqa: E402
from support.float_arithmetic import assert_same_network  # noqa: E402
from support.tiny_detector import tiny_detector, tiny_pictures  # noqa: E402


@pytest.fixture
def source(data_dir: Path) -> OnnxSource:
    return OnnxSource(data_dir / "models" / "yolox_nano.onnx")


def export(source: OnnxSource, folder: Path, precision: ExportPrecision, **options: object) -> UnverifiedArtifact:
    return TensorRtTarget().export(source, ExportOptions(precision=precision, **options), folder)  # type: ignore[arg-type]


def test_it_is_among_the_targets() -> None:
    assert isinstance(TARGETS.get("tensorrt").create(), TensorRtTarget)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_gate_passes_what_is_equal(
    source: OnnxSource, data_dir: Path, tmp_path: Path, precision: ExportPrecision
) -> None:
    artifact = export(source, tmp_path, precision)
    gate = Gate(source, pictures_in(data_dir / "coco_val" / "images", count=8))
    parity = gate.prove(TensorRtTarget(), artifact, ExportOptions(precision=precision), scratch=tmp_path)
    assert parity.passed, parity.sentence


def test_the_gate_sees_what_half_precision_breaks(data_dir: Path, tmp_path: Path) -> None:
    """A million and back is nothing to float32, and infinite in float16."""
    model = onnx.load(data_dir / "models" / "yolox_nano.onnx")
    position, layer = next((i, node) for i, node in enumerate(model.graph.node) if node.op_type == "Conv")
    names = [f"{layer.output[0]}_{i}" for i in range(4)] + [layer.output[0]]
    layer.output[0] = names[0]
    for i, factor in enumerate((1e3, 1e3, 1e-3, 1e-3)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(factor, np.float32), f"factor{i}"))
        product = onnx.helper.make_node("Mul", [names[i], f"factor{i}"], [names[i + 1]], f"product{i}")
        model.graph.node.insert(position + 1 + i, product)
    onnx.save(model, tmp_path / "large.onnx")
    source = OnnxSource(tmp_path / "large.onnx")
    (tmp_path / "out").mkdir()
    artifact = export(source, tmp_path / "out", "fp16")
    gate = Gate(source, pictures_in(data_dir / "coco_val" / "images", count=2))
    options = ExportOptions(precision="fp16")
    assert not gate.prove(TensorRtTarget(), artifact, options, scratch=tmp_path).passed


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_file_says_itself_what_engines_compute_in(tmp_path: Path, precision: ExportPrecision) -> None:
    path = tiny_detector(tmp_path / "tiny.onnx")
    (tmp_path / "out").mkdir()
    artifact = export(OnnxSource(path), tmp_path / "out", precision)
    assert scan_onnx(artifact.path.read_bytes(), name="m").precision == precision
    assert "--device tensorrt" in artifact.notes[0]


def test_what_is_opened_rounds_as_a_gpu_does(tmp_path: Path) -> None:
    path = tiny_detector(tmp_path / "tiny.onnx")
    (tmp_path / "out").mkdir()
    target = TensorRtTarget()
    artifact = export(OnnxSource(path), tmp_path / "out", "fp16")
    backend = target.open(artifact)
    rounding = rounding_model(onnx.load(artifact.path))
    session = pytest.importorskip("onnxruntime").InferenceSession(
        rounding.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    pictures = tiny_pictures(2)
    assert_same_network(backend.run(pictures)[0], session.run(None, {"images": pictures})[0], axis=1)
    assert "streamvision.card" in backend.metadata
    backend.close()


def test_int8_without_pictures_is_refused(tmp_path: Path) -> None:
    source = OnnxSource(tiny_detector(tmp_path / "tiny.onnx"))
    with pytest.raises(RuntimeError, match="--calibration DIR"):
        export(source, tmp_path, "int8")


@pytest.mark.parametrize("pixel_format", ["bgr24", "yuv420p"])
def test_behind_whole_pictures_all_sizes_are_known(tmp_path: Path, pixel_format: PixelFormat) -> None:
    """The provider resizes beside TensorRT, which begins with the network, and builds for known sizes alone."""
    onnxruntime = pytest.importorskip("onnxruntime")
    path = onnx_with_a_fixed_batch(tmp_path)
    backend = OnnxRuntimeBackend(path)
    card = read_card(backend, path=path)
    network = {name for node in onnx.load(path).graph.node for name in (*node.input, *node.output)}
    model, _ = with_picture_input(onnx.load(path), card, pixel_format)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(tmp_path / "as_it_is.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = {
        value.name: value.type.tensor_type.shape for value in onnx.load(tmp_path / "as_it_is.onnx").graph.value_info
    }
    assert "images" in found
    free = [name for name in network & found.keys() if any(not side.HasField("dim_value") for side in found[name].dim)]
    assert free == []


def onnx_with_a_fixed_batch(folder: Path) -> Path:
    path = tiny_detector(folder / "tiny.onnx")
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, path)
    return path
