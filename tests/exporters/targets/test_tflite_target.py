"""The TFLite target: on a tiny network in every form, and on YOLOv8n against torch and LiteRT."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.targets import tflite
from exporters.targets.registry import TARGETS
from exporters.targets.tflite import TfliteTarget
from streamvision.checkpoints.base import with_size
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, ExportError
from streamvision.core.picture import BgrPicture
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.inference.preprocess import InputBatch
from support.calibration import few
from support.detection_sets import Agreement
from support.float_arithmetic import assert_same_network
from support.installed import needs
from support.tiny_source import CARD, TinySource

needs("torch", "ai_edge_litert", "litert_torch")
pytestmark = pytest.mark.reference

SCORE = 0.25
PICTURES = 6
SIDE_PX = 320
Detect = Callable[[ModelConfig], dict[str, np.ndarray]]


@pytest.fixture(scope="module", autouse=True)
def conversions() -> Iterator[None]:
    """Converts each network once: all precisions begin with the same float32 model."""
    patch = pytest.MonkeyPatch()
    convert, made = tflite.convert, {}

    def once(network: Any, shape: Any, *, dtype: str) -> bytes:
        key = (
            shape,
            dtype,
            sum(parameter.numel() for parameter in network.parameters()),
            type(network._network).__name__,
        )
        if key not in made:
            made[key] = convert(network, shape, dtype=dtype)
        return made[key]

    patch.setattr(tflite, "convert", once)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def noise_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noise")
    for seed in range(3):
        cv2.imwrite(str(folder / f"{seed}.png"), np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8))
    return folder


def _picture() -> BgrPicture:
    return BgrPicture(np.random.default_rng(5).integers(0, 256, (70, 80, 3), np.uint8))


def _raw(artifact: UnverifiedArtifact) -> list[np.ndarray]:
    """Return what the file makes of a picture that was fed by the card that was read back from it."""
    backend = TfliteTarget().open(artifact)
    card = read_card(backend, path=artifact.path)
    assert card == artifact.card
    batch = InputBatch(card.input, 1)
    batch.put(0, _picture())
    return backend.run(batch.tensor)


def _source_raw() -> np.ndarray:
    batch = InputBatch(CARD.input, 1)
    batch.put(0, _picture())
    (raw,) = TinySource().backend(size_px=(96, 64)).run(batch.tensor)
    return raw * np.array([1 / 96, 1 / 64, 1 / 96, 1 / 64, 1, 1], np.float32)[:, None]


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        (ExportOptions(), None),
        (ExportOptions(uint8_input=True), None),
        (ExportOptions(precision="fp16"), 2e-3),
        (ExportOptions(precision="int8-dynamic"), 0.03),
    ],
    ids=["fp32", "uint8", "fp16", "int8-dynamic"],
)
def test_the_file_computes_what_the_network_does(
    options: ExportOptions, tolerance: float | None, tmp_path: Path
) -> None:
    artifact = TfliteTarget().export(TinySource(), options, tmp_path)
    (raw,) = _raw(artifact)
    if tolerance is None:
        assert_same_network(raw, _source_raw(), axis=1)
    else:
        np.testing.assert_allclose(raw, _source_raw(), atol=tolerance)
    assert artifact.card.input.layout == "nhwc"
    assert artifact.card.input.dtype == ("uint8" if options.uint8_input else "float32")
    assert (artifact.card.box_unit, artifact.card.licence) == ("normalized", "Apache-2.0")


def test_static_int8_measures_its_ranges_on_pictures(noise_dir: Path, tmp_path: Path) -> None:
    artifact = TfliteTarget().export(TinySource(), ExportOptions(precision="int8", calibration=noise_dir), tmp_path)
    (raw,) = _raw(artifact)
    np.testing.assert_allclose(raw, _source_raw(), atol=0.05)
    assert any("stay in float" in note for note in artifact.notes)


def test_a_network_with_nothing_to_quantise_is_refused(noise_dir: Path, tmp_path: Path) -> None:
    options = ExportOptions(precision="int8", calibration=noise_dir)
    with pytest.raises(ExportError, match="this network has no more; take int8-dynamic"):
        TfliteTarget().export(TinySource(layers=3), options, tmp_path)


def test_suppression_inside_gives_rows(tmp_path: Path) -> None:
    artifact = TfliteTarget().export(TinySource(), ExportOptions(nms=True), tmp_path)
    (rows,) = _raw(artifact)
    assert rows.shape[2] == 6
    assert (np.diff(rows[0, :, 4]) <= 0).all()
    assert (artifact.card.head, artifact.card.nms_inside) == ("yolo_end2end", True)


def test_the_registry_knows_it() -> None:
    assert isinstance(TARGETS.get("tflite").create(), TfliteTarget)


@pytest.mark.parametrize("flag", ["dynamic_batch", "dynamic_size"])
def test_free_sizes_are_refused(flag: str) -> None:
    with pytest.raises(ExportError, match="is not for tflite; leave it out"):
        TARGETS.get("tflite").check(ExportOptions(**{flag: True}))


def test_int8_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"int8 needs pictures .* give a folder .* --calibration DIR"):
        TfliteTarget().export(TinySource(), ExportOptions(precision="int8"), tmp_path)
    with pytest.raises(ConfigError, match="there is no picture in"):
        TfliteTarget().export(TinySource(), ExportOptions(precision="int8", calibration=tmp_path), tmp_path)


def test_what_mediapipe_cannot_run_is_refused(tmp_path: Path) -> None:
    classifier = CARD.model_copy(update={"task": "classify", "head": "classify"})
    with pytest.raises(ExportError, match="the form that MediaPipe runs"):
        TfliteTarget().export(TinySource(classifier), ExportOptions(mediapipe=True), tmp_path)


def test_a_network_that_tflite_cannot_express_is_refused(tmp_path: Path) -> None:
    import torch

    class Sorted(torch.nn.Module):
        _network = torch.nn.Identity()

        def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (torch.linalg.svd(pictures[0, 0]).S.nonzero(),)

    @dataclasses.dataclass(frozen=True)
    class Odd(TinySource):
        def module(self, *, dynamic_size: bool = False) -> Any:
            return Sorted()

    with pytest.raises(ExportError, match="cannot be converted to TFLite"):
        TfliteTarget().export(Odd(CARD.model_copy(update={"head": "embed"})), ExportOptions(), tmp_path)
    assert not list(tmp_path.iterdir())


# From here on, the real network.


@pytest.fixture(scope="module")
def source(data_dir: Path) -> Any:
    pytest.importorskip("ultralytics")
    from streamvision.checkpoints import open_source

    return open_source(data_dir / "models" / "yolov8n_coco.pt")


@pytest.fixture(scope="module")
def pictures(data_dir: Path) -> dict[str, np.ndarray]:
    paths = sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[:PICTURES]
    return {path.stem: cv2.imread(str(path)) for path in paths}


def _found(detector: Model, pictures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rows = {}
    for name, bgr in pictures.items():
        (found,) = detector.detect([BgrPicture(bgr)])
        rows[name] = np.column_stack([found.box_xyxy_px, found.score, found.class_id]).astype(np.float64)
    return rows


def _agreement(found: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> Agreement:
    agreement = Agreement(score_threshold=SCORE)
    for name, rows in found.items():
        agreement.add(name, rows, reference[name])
    return agreement


@pytest.fixture(scope="module")
def of_source(source: Any, pictures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the checkpoint itself finds, in torch."""
    config = ModelConfig(path=source.path, score=SCORE)
    with Model(
        source.backend(size_px=(SIDE_PX, SIDE_PX)), with_size(source.card, (SIDE_PX, SIDE_PX)), config
    ) as detector:
        return _found(detector, pictures)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "mean_iou", "score", "unmatched"),
    [("fp32", 0.9999, 1e-4, 0), ("fp16", 0.999, 2e-3, 0), ("int8-dynamic", 0.95, 0.2, 6), ("int8", 0.95, 0.25, 6)],
)
def test_yolov8n_finds_what_the_checkpoint_finds(
    precision: Any,
    mean_iou: float,
    score: float,
    unmatched: int,
    source: Any,
    of_source: dict[str, np.ndarray],
    pictures: dict[str, np.ndarray],
    data_dir: Path,
    tmp_path: Path,
) -> None:
    options = ExportOptions(
        precision=precision, calibration=few(data_dir / "coco_calib", tmp_path), size_px=(SIDE_PX, SIDE_PX)
    )
    artifact = TfliteTarget().export(source, options, tmp_path)
    with Model.open(ModelConfig(path=artifact.path, score=SCORE)) as detector:
        agreement = _agreement(_found(detector, pictures), of_source)
    print(precision, artifact.path.stat().st_size, agreement, agreement.mean_iou)
    assert agreement.pairs > 15
    assert agreement.mean_iou > mean_iou
    assert agreement.max_score_difference < score
    assert len(agreement.unmatched) <= unmatched
