"""Quantised files in the form that TensorRT takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import numpy_helper  # noqa: E402

from exporters.pictures import calibration_tensors  # noqa: E402
from exporters.tensorrt.quantise import quantise  # noqa: E402
from streamvision.core.config.app import ModelConfig  # noqa: E402
from streamvision.core.picture import BgrPicture  # noqa: E402
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend  # noqa: E402
from streamvision.inference.card_reader import read_card  # noqa: E402
from streamvision.inference.model import Model  # noqa: E402
from support.detection_sets import iou_matrix  # noqa: E402
from support.tiny_detector import tiny_detector, tiny_pictures  # noqa: E402


@pytest.fixture
def source(tmp_path: Path) -> Any:
    return onnx.load(tiny_detector(tmp_path / "tiny.onnx"))


@pytest.fixture
def pictures() -> list[np.ndarray]:
    return [tiny_pictures(1, seed=seed) for seed in range(8)]


def nodes(model: Any, *operators: str) -> list[Any]:
    return [node for node in model.graph.node if node.op_type in operators]


def test_the_form_is_tensorrts(source: Any, pictures: list[np.ndarray]) -> None:
    model = quantise(source, pictures, float_layers=1)
    onnx.checker.check_model(model, full_check=True)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    pairs = nodes(model, "QuantizeLinear", "DequantizeLinear")
    assert all(stored[node.input[2]].dtype == np.int8 and not stored[node.input[2]].any() for node in pairs)
    weights = {node.output[0]: node for node in pairs if node.input[0] in stored}
    quantised = [node for node in nodes(model, "Conv") if node.input[1] in weights]
    assert [node.name for node in quantised] == ["two", "three", "four", "five"]
    for node in quantised:
        integers, scales = (stored[name] for name in weights[node.input[1]].input[:2])
        assert integers.dtype == np.int8
        assert np.abs(integers.astype(int)).max() == 127
        assert scales.shape == integers.shape[:1]
        assert node.input[0].endswith("_rounded")
        assert stored[node.input[2]].dtype == np.float32


@pytest.mark.parametrize(("float_layers", "left"), [(1, 4), (2, 3), (3, 2)])
def test_the_last_layers_stay_in_float(source: Any, pictures: list[np.ndarray], float_layers: int, left: int) -> None:
    model = quantise(source, pictures, float_layers=float_layers)
    assert sum(node.input[1].endswith("_rounded") for node in nodes(model, "Conv")) == left


def test_ranges_follow_the_pictures(source: Any, pictures: list[np.ndarray], tmp_path: Path) -> None:
    def loss(calibration: list[np.ndarray]) -> float:
        onnx.save(quantise(source, calibration, float_layers=1), tmp_path / "quantised.onnx")
        found = OnnxRuntimeBackend(tmp_path / "quantised.onnx").run(tiny_pictures(4))[0]
        return float(np.abs(found - wanted)[:, 4:].max())

    wanted = OnnxRuntimeBackend(tmp_path / "tiny.onnx").run(tiny_pictures(4))[0]
    good = loss(pictures)
    assert good < 0.01
    assert loss([picture / 50 for picture in pictures]) > 5 * good


def test_without_pictures_it_is_refused(source: Any) -> None:
    with pytest.raises(RuntimeError, match="at least one picture"):
        quantise(source, [], float_layers=1)


def test_without_layers_it_is_refused(source: Any, pictures: list[np.ndarray]) -> None:
    with pytest.raises(RuntimeError, match="no learned layer"):
        quantise(source, pictures, float_layers=9)


def test_a_real_network_of_an_old_operator_set_finds_the_same(data_dir: Path, tmp_path: Path) -> None:
    """YOLOX-nano is hard: it has depthwise layers, which stay in float."""
    original = data_dir / "models" / "yolox_nano.onnx"
    backend = OnnxRuntimeBackend(original)
    card = read_card(backend, path=original)
    tensors = calibration_tensors(data_dir / "coco_calib", card.input, count=8)
    onnx.save(quantise(onnx.load(original), tensors, float_layers=3), tmp_path / "int8.onnx")
    config = ModelConfig(path=original, score=0.4)
    detectors = [Model(b, card, config) for b in (backend, OnnxRuntimeBackend(tmp_path / "int8.onnx"))]
    pictures = sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[:8]
    found = [[d.detect([BgrPicture(cv2.imread(str(path)))])[0] for path in pictures] for d in detectors]
    overlaps = [
        iou_matrix(a.box_xyxy_px, b.box_xyxy_px).max(axis=1, initial=0) for a, b in zip(*found, strict=True) if len(a)
    ]
    assert np.mean(np.concatenate(overlaps) > 0.5) > 0.8
