"""The gate for 8 bits: a network that was quantised well passes, each that was quantised wrongly is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import numpy_helper  # noqa: E402

from exporters.base import ExportOptions, FloatSearch  # noqa: E402
from exporters.float_layers import FloatReference  # noqa: E402
from exporters.onnx.conversion import to_onnx  # noqa: E402
from exporters.onnx.quantise import Quantiser  # noqa: E402
from exporters.parity.gate import Gate  # noqa: E402
from exporters.parity.tolerances import TOLERANCES  # noqa: E402
from exporters.parity.verdict import Parity  # noqa: E402
from exporters.pictures import calibration_tensors, pictures_in  # noqa: E402
from streamvision.checkpoints.onnx_file import OnnxSource  # noqa: E402
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend  # noqa: E402
from support.broken_exports import BrokenTarget, behind_output  # noqa: E402

SENSITIVE = frozenset(
    (
        1,
        2,
        3,
        5,
        6,
        8,
        9,
        10,
        12,
        15,
        17,
        21,
        22,
        23,
        25,
        26,
        33,
        36,
        38,
        48,
        49,
        50,
        52,
        53,
        56,
        57,
        58,
        59,
        60,
        61,
        62,
        65,
    )
)
"""Depths of YOLOX-nano that stay in float, as the search finds them in half a minute."""


@pytest.fixture(scope="module")
def source(data_dir: Path) -> OnnxSource:
    return OnnxSource(data_dir / "models" / "yolox_nano.onnx")


@pytest.fixture(scope="module")
def quantiser(source: OnnxSource, data_dir: Path) -> Quantiser:
    model, card = to_onnx(source, ExportOptions())
    return Quantiser(model, calibration_tensors(data_dir / "coco_calib", card.input, count=8), float_layers=3)


@pytest.fixture(scope="module")
def good(quantiser: Quantiser) -> Any:
    return quantiser.quantised(in_float=SENSITIVE)


def judged(
    model: Any, source: OnnxSource, data_dir: Path, scratch: Path, *, pictures: Path | None = None, count: int = 8
) -> Parity:
    target = BrokenTarget(lambda _, path: onnx.save(model, path))
    options = ExportOptions(precision="int8")
    artifact = target.export(source, options, scratch)
    shown = pictures_in(pictures or data_dir / "coco_calib", count=count)
    return Gate(source, shown).prove(target, artifact, options, scratch=scratch)


def activations(model: Any, operator: str, position: int) -> list[Any]:
    """Return the constants that a quantised network's activations read: scales (1) or zero points (2)."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    names = {
        node.input[position]
        for node in model.graph.node
        if node.op_type == operator and stored[node.input[2]].data_type == onnx.TensorProto.UINT8
    }
    return [stored[name] for name in sorted(names)]


def wrong_zero_points(model: Any) -> None:
    """Let what is read be one level higher than what was written, in every activation."""
    for tensor in activations(model, "DequantizeLinear", 2):
        model.graph.initializer.add().CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor) + np.uint8(1), f"{tensor.name}_read")
        )
    made = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and f"{node.input[2]}_read" in made:
            node.input[2] = f"{node.input[2]}_read"


def narrow_ranges(model: Any) -> None:
    """Cut every activation at a third of its range."""
    for tensor in activations(model, "QuantizeLinear", 1):
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) / np.float32(3), tensor.name))


def one_scale_for_all_weights(model: Any) -> None:
    """Round the weights of each layer with the scale of its largest channel, in 5 bits."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        tensor = stored.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if tensor is None or tensor.data_type != onnx.TensorProto.INT8:
            continue
        scale = numpy_helper.to_array(stored[node.input[1]])
        values = numpy_helper.to_array(tensor)
        step = 4 * scale.max()
        shape = (-1, *[1] * (values.ndim - 1))
        rounded = np.rint(values * scale.reshape(shape) / step) * step / scale.reshape(shape)
        tensor.CopyFrom(numpy_helper.from_array(np.clip(np.rint(rounded), -127, 127).astype(np.int8), tensor.name))


def test_a_network_that_was_quantised_well_passes(
    good: Any, source: OnnxSource, data_dir: Path, tmp_path: Path
) -> None:
    parity = judged(good, source, data_dir, tmp_path)
    assert parity.passed, parity.sentence()
    for name in ("lost_share", "gained_share", "iou_of_most", "score_difference_of_most"):
        assert parity.figure("result", name) is not None, name


@pytest.mark.parametrize("broken", [wrong_zero_points, narrow_ranges, one_scale_for_all_weights])
def test_a_network_that_was_quantised_wrongly_is_refused(
    broken: Callable[[Any], None], good: Any, source: OnnxSource, data_dir: Path, tmp_path: Path
) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(good)
    broken(model)
    parity = judged(model, source, data_dir, tmp_path)
    assert parity.first_difference is not None
    assert parity.first_difference.name == "decoded"


def test_a_network_whose_sensitive_layers_are_in_8_bits_is_refused_and_the_search_sees_why(
    quantiser: Quantiser, good: Any, source: OnnxSource, data_dir: Path, tmp_path: Path
) -> None:
    every = quantiser.quantised()
    assert not judged(every, source, data_dir, tmp_path).passed
    pictures = pictures_in(data_dir / "coco_calib", count=6)
    _, card = to_onnx(source, ExportOptions())

    def opened(model: Any) -> OnnxRuntimeBackend:
        onnx.save(model, tmp_path / "opened.onnx")
        return OnnxRuntimeBackend(tmp_path / "opened.onnx", device="cpu")

    reference = FloatReference(source.backend(size_px=(416, 416)), card, pictures, TOLERANCES["int8"])
    assert reference.error(opened(every)).greatest > 1
    assert reference.error(opened(good)).greatest < FloatSearch().limit_share + 0.3


def test_one_class_that_is_broken_is_refused_though_its_objects_are_few(
    good: Any, source: OnnxSource, data_dir: Path, tmp_path: Path
) -> None:
    """Scores of cars are a third of what they were: 10 of some 330 objects, on pictures other than for calibration."""
    column = np.ones((1, 1, 85), np.float32)
    column[..., 5 + source.card.names.index("car")] = 0.3
    onnx.save(good, tmp_path / "good.onnx")
    behind_output(("Mul", [column], {}))(tmp_path / "good.onnx", tmp_path / "broken.onnx")
    pictures = data_dir / "coco_val" / "images"
    for name, passes in (("good", True), ("broken", False)):
        parity = judged(onnx.load(tmp_path / f"{name}.onnx"), source, data_dir, tmp_path, pictures=pictures, count=64)
        assert parity.passed is passes, parity.sentence()
        assert all(figure.passed for stage in parity.stages for figure in stage.figures), (
            "all objects together are fine"
        )
    assert parity.first_difference is not None
    assert [group.name for group in parity.first_difference.groups if not group.passed] == ["class 'car'"]
