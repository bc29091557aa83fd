"""The Core ML target: on a tiny network in every form, on YOLOv8n and on networks that judge whole pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.converters import import_converter
from exporters.coreml.vision import check_rows
from exporters.targets.coreml import CoreMlTarget
from exporters.targets.registry import TARGETS
from streamvision.checkpoints import open_source
from streamvision.checkpoints.base import Source, with_size
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ExportError
from streamvision.core.picture import BgrPicture
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.inference.model_card import CARD_KEY, ModelCard
from streamvision.inference.preprocess import InputBatch
from support.detection_sets import Agreement
from support.float_arithmetic import assert_same_network
from support.installed import needs
from support.tiny_source import CARD, TinySource

needs("torch", "coremltools")
pytestmark = pytest.mark.reference

SCORE = 0.25


def _picture(width_px: int = 80, height_px: int = 70) -> BgrPicture:
    return BgrPicture(np.random.default_rng(5).integers(0, 256, (height_px, width_px, 3), np.uint8))


def _fed(card: ModelCard, picture: BgrPicture) -> np.ndarray:
    batch = InputBatch(card.input, 1)
    batch.put(0, picture)
    return batch.tensor


def _raw(artifact: UnverifiedArtifact, picture: BgrPicture, target: CoreMlTarget | None = None) -> list[np.ndarray]:
    """Return what the file makes of a picture that was fed by the card that was read back from it."""
    backend = (target or CoreMlTarget()).open(artifact)
    assert read_card(backend, path=artifact.path) == artifact.card
    return backend.run(_fed(artifact.card, picture))


def _source_raw(source: Source, card: ModelCard, picture: BgrPicture) -> list[np.ndarray]:
    return source.backend(size_px=(card.input.width_px, card.input.height_px)).run(_fed(card, picture))


def test_the_registry_knows_it() -> None:
    entry = TARGETS.get("coreml")
    assert isinstance(entry.create(), CoreMlTarget)
    assert entry.precisions[0] == "fp16"


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", np.float32), ("fp16", np.float16)])
def test_the_package_computes_what_the_network_does(precision: Any, dtype: Any, tmp_path: Path) -> None:
    artifact = CoreMlTarget().export(TinySource(), ExportOptions(precision=precision), tmp_path)
    (raw,) = _raw(artifact, _picture())
    assert_same_network(raw, _source_raw(TinySource(), CARD, _picture())[0], axis=1, dtype=dtype, roundings=128)
    assert CoreMlTarget().open(artifact).precision == precision
    assert (artifact.card.input.layout, artifact.card.input.dtype) == ("nhwc", "uint8")
    assert any(".scaleFit" in note for note in artifact.notes)


def test_it_says_what_it_is(tmp_path: Path) -> None:
    artifact = CoreMlTarget().export(TinySource(), ExportOptions(precision="fp16"), tmp_path)
    spec = import_converter("coremltools").utils.load_spec(str(artifact.path))
    about = spec.description.metadata
    assert (about.license, about.author) == ("Apache-2.0", "exported by StreamVision")
    assert about.shortDescription.startswith("Finds objects: 2 classes")
    assert ModelCard.model_validate_json(about.userDefined[CARD_KEY]) == artifact.card
    assert about.userDefined["classes"] == "cat,dog"
    assert about.userDefined["streamvision.vision_crop_and_scale"] == "scaleFit"
    (picture,) = spec.description.input
    assert (picture.name, picture.type.imageType.width, picture.type.imageType.height) == ("image", 96, 64)
    ct = import_converter("coremltools")
    assert picture.type.imageType.colorSpace == ct.proto.FeatureTypes_pb2.ImageFeatureType.ColorSpace.RGB
    for file in artifact.path.rglob("*"):
        assert file.is_dir() or str(tmp_path).encode() not in file.read_bytes(), f"{file.name} tells where it was made"


def test_colour_order_mean_and_deviation_go_inside(tmp_path: Path) -> None:
    feeding = {"color": "bgr", "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}
    card = CARD.model_copy(update={"input": CARD.input.model_copy(update=feeding)})
    source = dataclasses.replace(TinySource(), card=card)
    artifact = CoreMlTarget().export(source, ExportOptions(precision="fp32"), tmp_path)
    (raw,) = _raw(artifact, _picture())
    assert_same_network(raw, _source_raw(source, card, _picture())[0], axis=1)
    assert (artifact.card.input.color, artifact.card.input.mean) == ("rgb", None)


def test_an_array_may_be_asked_for_as_input(tmp_path: Path) -> None:
    target = CoreMlTarget(input="tensor")
    artifact = target.export(TinySource(), ExportOptions(precision="fp32"), tmp_path)
    (raw,) = _raw(artifact, _picture(), target)
    assert_same_network(raw, _source_raw(TinySource(), CARD, _picture())[0], axis=1)
    assert (artifact.card.input.layout, artifact.card.input.dtype) == ("nchw", "float32")
    assert not artifact.notes


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (ExportOptions(precision="int8"), "coreml is not made in int8; give --precision fp16, fp32"),
        (ExportOptions(precision="fp16", dynamic_batch=True), "--dynamic-batch is not for coreml"),
        (ExportOptions(precision="fp16", dynamic_size=True), "--dynamic-size is not for coreml"),
        (ExportOptions(precision="fp16", mediapipe=True), "--mediapipe is not for coreml"),
        (ExportOptions(precision="fp16", size_px=(96, 65)), "multiples of 32"),
    ],
    ids=["int8", "batch", "size", "mediapipe", "stride"],
)
def test_what_core_ml_does_not_do_is_refused(options: ExportOptions, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=reason):
        TARGETS.get("coreml").check(options)
        CoreMlTarget().export(TinySource(), options, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("head", ["yolo_seg", "rtdetr"])
def test_suppression_by_vision_is_for_plain_objects_only(head: str, tmp_path: Path) -> None:
    source = dataclasses.replace(TinySource(), card=CARD.model_copy(update={"head": head}))
    with pytest.raises(ExportError, match=f"the head {head!r} .*leave --nms out"):
        CoreMlTarget().export(source, ExportOptions(precision="fp16", nms=True), tmp_path)


@pytest.fixture(scope="module")
def yolov8n(data_dir: Path) -> Source:
    pytest.importorskip("ultralytics")
    return open_source(data_dir / "models" / "yolov8n_coco.pt")


def _pictures(data_dir: Path, count: int) -> dict[str, BgrPicture]:
    paths = sorted((data_dir / "coco_calib").glob("*.jpg"))[:count]
    return {path.stem: BgrPicture(cv2.imread(str(path))) for path in paths}


def _rows(detector: Model, picture: BgrPicture) -> np.ndarray:
    (found,) = detector.detect([picture])
    return np.column_stack([found.box_xyxy_px, found.score, found.class_id]).astype(np.float64)


def _agreement(source: Source, artifact: UnverifiedArtifact, pictures: dict[str, BgrPicture]) -> Agreement:
    size = artifact.card.input.width_px, artifact.card.input.height_px
    config = ModelConfig(path=artifact.path, score=SCORE)
    theirs = Model(source.backend(size_px=size), with_size(source.card, size), config)
    ours = Model(CoreMlTarget().open(artifact), artifact.card, config)
    agreement = Agreement(SCORE)
    for name, picture in pictures.items():
        agreement.add(name, _rows(ours, picture), _rows(theirs, picture))
    return agreement


@pytest.mark.slow
def test_yolov8n_in_single_precision_is_torch(yolov8n: Source, data_dir: Path, tmp_path: Path) -> None:
    artifact = CoreMlTarget().export(yolov8n, ExportOptions(precision="fp32", size_px=(320, 320)), tmp_path)
    for picture in _pictures(data_dir, 1).values():
        (found,) = _raw(artifact, picture)
        (wanted,) = _source_raw(yolov8n, with_size(yolov8n.card, (320, 320)), picture)
        for part in (slice(4), slice(4, None)):
            assert_same_network(found[:, part], wanted[:, part])


@pytest.mark.slow
def test_yolov8n_with_visions_suppression_finds_what_torch_finds(
    yolov8n: Source, data_dir: Path, tmp_path: Path
) -> None:
    artifact = CoreMlTarget().export(yolov8n, ExportOptions(precision="fp16", nms=True, size_px=(320, 320)), tmp_path)
    assert artifact.card.nms_inside
    assert artifact.card.head == "vision_objects"
    pictures = _pictures(data_dir, 5)
    agreement = _agreement(yolov8n, artifact, pictures)
    assert agreement.pairs >= 10
    assert not agreement.unmatched, agreement.unmatched
    assert agreement.min_iou >= 0.99, str(agreement)
    assert agreement.max_score_difference <= 0.01, str(agreement)
    package: Any = CoreMlTarget().open(artifact)
    fed = [_fed(artifact.card, picture) for picture in list(pictures.values())[:2]]
    best = np.concatenate([check_rows(package, tensor).max(axis=1) for tensor in fed])
    assert np.median(best) < 0.05, "most boxes are on nothing"
    assert best[best >= 0.25].min() < 0.9, "scores are not saturated"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("resnet18", 1e-4), ("lraspp_mobilenet_v3_large", 5e-3)],
)
def test_networks_that_judge_whole_pictures(name: str, tolerance: float, tmp_path: Path) -> None:
    source = open_source(name, random_weights=1)
    artifact = CoreMlTarget().export(source, ExportOptions(precision="fp32", size_px=(96, 96)), tmp_path)
    (found,) = _raw(artifact, _picture(160, 120))
    (wanted,) = _source_raw(source, with_size(source.card, (96, 96)), _picture(160, 120))
    np.testing.assert_allclose(found, wanted, atol=tolerance * np.abs(wanted).max())
    description = import_converter("coremltools").utils.load_spec(str(artifact.path)).description
    assert description.predictedProbabilitiesName == ("" if artifact.card.task == "semantic" else "classLabel_probs")
