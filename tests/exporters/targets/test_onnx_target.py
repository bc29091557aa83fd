"""The ONNX target: every kind of network in every form, against torch and OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("ultralytics")

import onnx
import torch

from exporters.base import ExportOptions, FloatSearch, UnverifiedArtifact
from exporters.targets.registry import TARGETS
from streamvision.checkpoints import open_source
from streamvision.checkpoints.base import Source
from streamvision.checkpoints.torchvision import TorchvisionSource
from streamvision.checkpoints.torchvision_build import as_classifier
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, ExportError
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends.base import Backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.inference.model_card import ModelCard
from streamvision.training.torchvision_run import build_classifier
from support.calibration import few
from support.detection_sets import Agreement
from support.float_arithmetic import assert_same_network
from support.labelled_pictures import save_picture
from support.random_sources import random_source, tiny_random_source
from support.reference_models import yolov8n_onnx

pytestmark = pytest.mark.reference

WIDE = (320, 192)
ONNX = TARGETS.get("onnx").create()


@pytest.fixture(scope="module")
def yolo(data_dir: Path) -> Source:
    return open_source(data_dir / "models" / "yolov8n_coco.pt")


@pytest.fixture(scope="module")
def wide(yolo: Source, tmp_path_factory: pytest.TempPathFactory) -> UnverifiedArtifact:
    return ONNX.export(yolo, ExportOptions(size_px=WIDE), tmp_path_factory.mktemp("wide"))


def pictures(size_px: tuple[int, int], count: int = 1) -> NDArray[np.float32]:
    coarse = np.random.default_rng(4).random((count * 3, size_px[1] // 16, size_px[0] // 16), np.float32)
    smooth = [cv2.resize(plane, size_px, interpolation=cv2.INTER_CUBIC) for plane in coarse]
    return np.clip(np.stack(smooth), 0, 1).reshape(count, 3, size_px[1], size_px[0])


def opened(artifact: UnverifiedArtifact) -> Backend:
    """Open an artifact and check that the card in the file is the one that was promised."""
    backend = ONNX.open(artifact)
    assert read_card(backend, path=artifact.path) == artifact.card
    return backend


def truth(source: Source, size_px: tuple[int, int], tensor: NDArray[np.float32]) -> list[NDArray[Any]]:
    return source.backend(size_px=size_px).run(tensor)


def found(backend: Backend, card: ModelCard, path: Path, data_dir: Path) -> list[NDArray[np.float64]]:
    detector = Model(backend, card, ModelConfig(path=path, score=0.25))
    chosen = sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[:6]
    return [
        np.column_stack([seen.box_xyxy_px, seen.score, seen.class_id]).astype(np.float64)
        for seen in detector.detect([BgrPicture(cv2.imread(str(path))) for path in chosen])
    ]


def agreement(
    artifact: UnverifiedArtifact, source: Source, size_px: tuple[int, int], data_dir: Path, *, slack: float = 0.01
) -> Agreement:
    agreed = Agreement(0.25, slack)
    of_source = found(
        backend := source.backend(size_px=size_px), read_card(backend, path=source.path), source.path, data_dir
    )
    of_export = found(opened(artifact), artifact.card, artifact.path, data_dir)
    for number, pair in enumerate(zip(of_export, of_source, strict=True)):
        agreed.add(str(number), *pair)
    assert agreed.pairs > 10
    return agreed


def test_a_rectangular_input_gives_what_torch_gives(yolo: Source, wide: UnverifiedArtifact) -> None:
    tensor = pictures(WIDE)
    (boxes,) = opened(wide).run(tensor)
    assert_same_network(boxes, truth(yolo, WIDE, tensor)[0], axis=1)
    assert (wide.card.input.width_px, wide.card.input.height_px) == WIDE


def test_opencv_reads_it_too(wide: UnverifiedArtifact) -> None:
    tensor = pictures(WIDE)
    network = cv2.dnn.readNetFromONNX(str(wide.path))
    network.setInput(tensor)
    assert_same_network(network.forward(), opened(wide).run(tensor)[0], axis=1)


def test_the_file_says_nothing_of_the_machine_and_names_ultralytics_entries(
    wide: UnverifiedArtifact, project_root: Path
) -> None:
    content = wide.path.read_bytes()
    assert str(project_root).encode() not in content
    assert b"site-packages" not in content
    entries = {entry.key: entry.value for entry in onnx.load(wide.path).metadata_props}
    assert (entries["task"], entries["stride"], entries["imgsz"]) == ("detect", "32", "[192, 320]")
    assert entries["license"].startswith("AGPL-3.0")


def test_half_precision_is_half_the_size_and_keeps_its_boxes(
    yolo: Source, wide: UnverifiedArtifact, data_dir: Path, tmp_path: Path
) -> None:
    artifact = ONNX.export(yolo, ExportOptions(precision="fp16", size_px=WIDE), tmp_path)
    assert artifact.path.stat().st_size < 0.55 * wide.path.stat().st_size
    agreed = agreement(artifact, yolo, WIDE, data_dir)
    assert not agreed.unmatched
    assert agreed.min_iou > 0.97
    assert agreed.max_score_difference < 0.02


@pytest.mark.slow
def test_static_int8_finds_the_same_objects(
    yolo: Source, data_dir: Path, wide: UnverifiedArtifact, tmp_path: Path
) -> None:
    pictures = few(data_dir / "coco_calib", tmp_path)
    options = ExportOptions(precision="int8", size_px=WIDE, calibration=pictures, search=FloatSearch(seconds=0))
    artifact = ONNX.export(yolo, options, tmp_path)
    assert artifact.path.stat().st_size < 0.55 * wide.path.stat().st_size
    assert opened(artifact).precision == "int8"
    agreed = agreement(artifact, yolo, WIDE, data_dir, slack=0.15)
    assert len(agreed.unmatched) <= 0.1 * agreed.pairs, agreed


def test_the_layers_with_most_weights_of_a_classifier_are_in_8_bits(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_classifier("lenet", classes=3, side_px=32)
    described = as_classifier("lenet", network, names=("a", "b", "c"), side_px=32, beginning="by chance")
    source = TorchvisionSource(described, path=tmp_path / "lenet.pt")
    plain = ONNX.export(source, ExportOptions(), tmp_path)
    for seed in range(6):
        save_picture(tmp_path / "pictures" / f"{seed}.png", 48, 40, seed=seed)
    (tmp_path / "int8").mkdir()
    options = ExportOptions(precision="int8", calibration=tmp_path / "pictures")
    small = ONNX.export(source, options, tmp_path / "int8")
    assert small.path.stat().st_size < 0.35 * plain.path.stat().st_size
    assert small.notes[0].startswith("The last learned layer before each output stays in float")
    tensor = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    expected, found = (opened(one).run(tensor)[0] for one in (plain, small))
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_free_batch_and_size(tmp_path: Path) -> None:
    source = tiny_random_source("detect", WIDE)
    artifact = ONNX.export(source, ExportOptions(size_px=WIDE, dynamic_batch=True, dynamic_size=True), tmp_path)
    assert (artifact.card.input.dynamic_batch, artifact.card.input.dynamic_size, artifact.card.input.stride_px) == (
        True,
        True,
        32,
    )
    backend = opened(artifact)
    assert backend.input.shape == (None, 3, None, None)
    for size_px, count in ((WIDE, 1), ((256, 256), 2), ((160, 384), 3)):
        tensor = pictures(size_px, count)
        assert_same_network(backend.run(tensor)[0], truth(source, size_px, tensor)[0], axis=1)


def test_bytes_in_and_suppression_inside_find_the_same_objects(yolo: Source, data_dir: Path, tmp_path: Path) -> None:
    artifact = ONNX.export(yolo, ExportOptions(size_px=(320, 320), uint8_input=True, nms=True), tmp_path)
    card = artifact.card
    assert (card.head, card.nms_inside, card.input.layout, card.input.dtype) == ("yolo_end2end", True, "nhwc", "uint8")
    agreed = agreement(artifact, yolo, (320, 320), data_dir)
    assert not agreed.unmatched
    assert agreed.min_iou > 0.999


def test_int8_without_pictures_is_refused_before_any_work(
    yolo: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: pytest.fail("the network was converted"))
    with pytest.raises(ExportError, match="--calibration DIR"):
        ONNX.export(yolo, ExportOptions(precision="int8", size_px=(64, 64)), tmp_path)


@pytest.mark.parametrize(
    ("name", "size_px"),
    [
        ("segment", (96, 64)),
        ("pose", (96, 64)),
        ("obb", (96, 64)),
        ("yolov8n-cls.yaml", (64, 64)),
        ("lraspp_mobilenet_v3_large", (96, 64)),
        ("squeezenet1_1", (64, 64)),
    ],
)
def test_networks_of_other_tasks(name: str, size_px: tuple[int, int], tmp_path: Path) -> None:
    random = tiny_random_source(name, size_px) if name in ("segment", "pose", "obb") else random_source(name)
    artifact = ONNX.export(random, ExportOptions(size_px=size_px), tmp_path)
    tensor = pictures(size_px)
    for output, expected in zip(opened(artifact).run(tensor), truth(random, size_px, tensor), strict=True):
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_torchvision_detectors(name: str, tmp_path: Path) -> None:
    source = random_source(name)
    size_px = (320, 320)
    artifact = ONNX.export(source, ExportOptions(size_px=size_px), tmp_path)
    tensor = pictures(size_px)
    sides = []
    for boxes, scores, labels in (opened(artifact).run(tensor), truth(source, size_px, tensor)):
        filled = scores[0] > 0
        sides.append(np.column_stack([boxes[0], scores[0], labels[0]])[filled].astype(np.float64))
    agreed = Agreement(0.0)
    agreed.add(name, *sides)
    assert agreed.pairs > 3
    assert len(agreed.unmatched) <= 0.05 * agreed.pairs, agreed


def test_what_a_network_cannot_do_is_one_sentence(yolo: Source, tmp_path: Path) -> None:
    detector = random_source("ssdlite320_mobilenet_v3_large")
    with pytest.raises(ExportError, match="leave out --dynamic-batch"):
        ONNX.export(detector, ExportOptions(dynamic_batch=True), tmp_path)
    with pytest.raises(ExportError, match="multiples of 32 px; give 320x192"):
        ONNX.export(yolo, ExportOptions(size_px=(320, 180)), tmp_path)
    with pytest.raises(ExportError, match="leave out --dynamic-size"):
        ONNX.export(random_source("mobilenet_v3_small"), ExportOptions(dynamic_size=True), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_onnx_file_keeps_its_network_and_gets_a_card(data_dir: Path, reference_dir: Path, tmp_path: Path) -> None:
    path = yolov8n_onnx(data_dir, reference_dir)
    source = open_source(path)
    artifact = ONNX.export(source, ExportOptions(), tmp_path)
    assert onnx.load(artifact.path).graph == onnx.load(path).graph
    assert opened(artifact).metadata["streamvision.card"]
    with pytest.raises(ExportError, match="stays as it is, so that --nms is not possible"):
        ONNX.export(source, ExportOptions(nms=True), tmp_path)


def test_an_unknown_format_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="there are onnx, openvino, tflite, ncnn, coreml, tensorrt"):
        TARGETS.get("caffe")
