"""The OpenVINO target: from checkpoints and from ONNX files, against torch and ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("openvino")
pytest.importorskip("ultralytics")

import openvino

from exporters.base import ExportOptions, FloatSearch, UnverifiedArtifact
from exporters.targets.openvino import learned_below
from exporters.targets.registry import TARGETS
from streamvision.checkpoints import open_source
from streamvision.checkpoints.base import Source
from streamvision.core.errors import ExportError
from streamvision.core.picture import BgrPicture
from streamvision.inference.card_reader import read_card
from streamvision.inference.preprocess import InputBatch
from support.calibration import few
from support.float_arithmetic import assert_same_network
from support.random_sources import random_source

pytestmark = pytest.mark.reference

WIDE = (320, 192)
OPENVINO = TARGETS.get("openvino").create()


@pytest.fixture(scope="module")
def yolo(data_dir: Path) -> Source:
    return open_source(data_dir / "models" / "yolov8n_coco.pt")


@pytest.fixture(scope="module")
def wide(yolo: Source, tmp_path_factory: pytest.TempPathFactory) -> UnverifiedArtifact:
    return OPENVINO.export(yolo, ExportOptions(size_px=WIDE), tmp_path_factory.mktemp("wide"))


def part(artifact: UnverifiedArtifact, ending: str) -> Path:
    (path,) = artifact.path.glob(f"*{ending}")
    return path


def noise(size_px: tuple[int, int], count: int = 1) -> np.ndarray:
    return np.random.default_rng(2).random((count, 3, size_px[1], size_px[0]), np.float32)


def test_a_rectangular_input_gives_what_torch_gives(yolo: Source, wide: UnverifiedArtifact) -> None:
    backend = OPENVINO.open(wide)
    assert read_card(backend, path=wide.path) == wide.card
    assert backend.precision == "fp32"
    tensor = noise(WIDE)
    expected = yolo.backend(size_px=WIDE).run(tensor)[0]
    assert_same_network(backend.run(tensor)[0], expected, axis=1)


def test_the_files_say_nothing_of_the_machine_and_nothing_else_is_left(
    wide: UnverifiedArtifact, project_root: Path
) -> None:
    text = part(wide, ".xml").read_text(encoding="utf-8")
    assert str(project_root) not in text
    assert str(wide.path) not in text
    assert sorted(path.suffix for path in wide.path.iterdir()) == [".bin", ".xml"]


def test_fp16_halves_the_weights(yolo: Source, wide: UnverifiedArtifact, tmp_path: Path) -> None:
    artifact = OPENVINO.export(yolo, ExportOptions(precision="fp16", size_px=WIDE), tmp_path)
    sizes = [part(one, ".bin").stat().st_size for one in (artifact, wide)]
    assert sizes[0] < 0.55 * sizes[1]
    tensor = noise(WIDE)
    scores = [OPENVINO.open(one).run(tensor)[0][:, 4:].copy() for one in (artifact, wide)]
    np.testing.assert_allclose(*scores, atol=0.01)


@pytest.mark.slow
def test_int8_keeps_its_head_in_float(yolo: Source, data_dir: Path, wide: UnverifiedArtifact, tmp_path: Path) -> None:
    pictures = few(data_dir / "coco_calib", tmp_path)
    options = ExportOptions(precision="int8", size_px=WIDE, calibration=pictures, search=FloatSearch(seconds=0))
    artifact = OPENVINO.export(yolo, options, tmp_path)
    backend = OPENVINO.open(artifact)
    assert backend.precision == "int8"
    assert read_card(backend, path=artifact.path) == artifact.card
    model = openvino.Core().read_model(part(artifact, ".xml"))
    below = learned_below(model)
    quantised = [below[op.get_friendly_name()] for op in model.get_ops() if op.get_type_name() == "FakeQuantize"]
    assert len(quantised) > 40
    assert min(quantised) >= 3
    batch = InputBatch(artifact.card.input, 1)
    picture = sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[0]
    batch.put(0, BgrPicture(cv2.imread(str(picture))))
    scores = [OPENVINO.open(one).run(batch.tensor)[0][0, 4:].max(axis=0) for one in (artifact, wide)]
    assert np.corrcoef(*scores)[0, 1] > 0.95


def test_int8_without_pictures_is_refused(yolo: Source, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="--calibration DIR"):
        OPENVINO.export(yolo, ExportOptions(precision="int8", size_px=(64, 64)), tmp_path)


def test_an_onnx_file_without_metadata_goes_in_as_it_is(data_dir: Path, tmp_path: Path) -> None:
    source = open_source(data_dir / "models" / "yolox_nano.onnx")
    artifact = OPENVINO.export(source, ExportOptions(), tmp_path)
    assert (artifact.card.head, artifact.card.input.color) == ("yolox", "bgr")
    backend = OPENVINO.open(artifact)
    assert read_card(backend, path=artifact.path) == artifact.card
    tensor = noise((416, 416)) * 255
    expected = source.backend(size_px=(416, 416)).run(tensor)[0]
    assert_same_network(backend.run(tensor)[0], expected, axis=2)


def test_a_detector_that_selects_boxes_inside(tmp_path: Path) -> None:
    source = random_source("ssdlite320_mobilenet_v3_large")
    artifact = OPENVINO.export(source, ExportOptions(), tmp_path)
    backend = OPENVINO.open(artifact)
    assert read_card(backend, path=artifact.path) == artifact.card
    tensor = noise((320, 320))
    scores = [np.array(one.run(tensor)[1][0]) for one in (backend, source.backend(size_px=(320, 320)))]
    assert scores[1][0] > 0.1
    np.testing.assert_allclose(*scores, atol=1e-3)
