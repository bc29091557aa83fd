"""``streamvision train`` for the class of every pixel: it learns, goes on after a kill, and says what does not fit."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")


from streamvision.core.errors import ConfigError
from streamvision.datasets.class_labels import read_class_map, read_class_maps
from streamvision.datasets.dataset import MappedPictures
from streamvision.datasets.drive import DriveSampling, write_drive_regions
from streamvision.evaluation.model import open_model
from streamvision.evaluation.semantic import evaluate_semantic
from streamvision.training.augment import Sample, augment_centre
from streamvision.training.batches import RegionSamples
from streamvision.training.data import prepare_regions
from streamvision.training.recipe import Augmentation, load_recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.session import start_training
from support.command_line import called
from support.killed_runs import killed_and_resumed

pytestmark = [pytest.mark.slow, pytest.mark.reference]


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "model": "unet", "imgsz": 96, "batch": 8, "lr": 5e-3, "warmup": 0.5, "threads": 1}
    return load_recipe(None, given | more)


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "drive"
    write_drive_regions(folder, DriveSampling(40, seed=4, width_px=192, height_px=108, val_images=12))
    return folder


@pytest.fixture(scope="module")
def run(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after its third epoch, and went on to the sixth."""
    project = tmp_path_factory.mktemp("runs")
    killed_and_resumed(recipe(drive, epochs=6), project, after=3)
    return project / "run"


def figures(run: Path) -> list[dict[str, float]]:
    with (run / "curves.csv").open(encoding="utf-8", newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def majority_iou(drive: Path) -> float:
    """Mean over the classes of what a model gets that names every pixel after the commonest class."""
    levels = np.concatenate([read_class_map(path).ravel() for path in sorted((drive / "masks" / "val").iterdir())])
    counts = np.bincount(levels[levels != 255])
    return float(counts.max() / counts.sum() / (counts > 0).sum())


def test_it_learns_and_the_exported_file_is_as_good(drive: Path, run: Path) -> None:
    rows = figures(run)
    assert [row["epoch"] for row in rows] == list(range(1, 7))
    best = max(row["mean_iou"] for row in rows)
    assert best > 2.5 * majority_iou(drive)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["mean_iou"] == pytest.approx(best, abs=1e-5)
    assert summary["onnx_checked"].startswith("equal")
    for file in ("best.onnx", "best.pt"):
        with open_model(run / "weights" / file) as detector:
            measured = evaluate_semantic(detector, read_class_maps(drive).part("val"))
        assert measured.mean_iou == pytest.approx(best, abs=0.002), file
    for name in ("curves.png", "recipe.yaml", "split.json", "weights/best.pt", "weights/last.pt"):
        assert (run / name).stat().st_size > 0, name
    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "mIoU" in card
    assert "| road | 40 | 12 |" in card


def test_the_file_runs_by_its_card_alone(run: Path, tmp_path: Path) -> None:
    areas = tmp_path / "areas.jsonl"
    source = "synthetic:drive?seed=9&size=192x108&fps=30&frames=3&realtime=0"
    done = called("run", "--source", source, "--model", run / "weights" / "best.onnx", "--detections", areas, "--json")
    assert done.code == 0, done.stderr
    assert "semantic, 8 classes, 96 px (dynamic)" in done.report["model"]
    lines = [json.loads(line) for line in areas.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 3


@pytest.fixture
def few(drive: Path, tmp_path: Path) -> Path:
    for kind in ("images", "masks"):
        target = tmp_path / "few" / kind
        target.mkdir(parents=True)
        for path in sorted((drive / kind / "train").iterdir())[:4]:
            shutil.copyfile(path, target / path.name)
    shutil.copyfile(drive / "classes.txt", tmp_path / "few" / "classes.txt")
    return tmp_path / "few"


def test_a_network_of_another_library_is_trained_by_the_same_loop(few: Path, tmp_path: Path) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    given = recipe(few, model="smp/deeplabv3plus@resnet18", imgsz=64, batch=2, epochs=3, val_share=0.5)
    done = start_training(given, project=tmp_path, name="run", command="train")
    losses = [row["train_loss"] for row in figures(tmp_path / "run")]
    assert losses[-1] < losses[0]
    assert done["onnx_checked"].startswith("equal")
    with open_model(Path(done["onnx"])) as detector:
        assert detector.card.input.mean == (0.485, 0.456, 0.406)
        held_out = prepare_regions(RunFolder(tmp_path / "run"), given)
        measured = evaluate_semantic(detector, MappedPictures(held_out.names, held_out.val))
    assert measured.mean_iou == pytest.approx(done["mean_iou"], abs=0.002)


def first_mask(data: Path) -> Path:
    return min((data / "masks").iterdir())


def refused(data: Path, tmp_path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        prepare_regions(RunFolder(tmp_path), recipe(data, val_share=0.25))
    return str(caught.value)


def test_missing_masks_are_one_sentence(few: Path, tmp_path: Path) -> None:
    shutil.rmtree(few / "masks")
    assert "masks/" in refused(few, tmp_path)


def test_a_mask_of_another_size_is_one_sentence(few: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(first_mask(few)), np.zeros((20, 30), np.uint8))
    sentence = refused(few, tmp_path)
    assert "30x20" in sentence
    assert "192x108" in sentence


def test_a_class_without_a_name_is_one_sentence(few: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(first_mask(few)), np.full((108, 192), 8, np.uint8))
    sentence = refused(few, tmp_path)
    assert "marks class 8" in sentence
    assert "0 to 7" in sentence


def test_one_class_only_is_one_sentence(few: Path, tmp_path: Path) -> None:
    for path in (few / "masks").iterdir():
        cv2.imwrite(str(path), np.zeros((108, 192), np.uint8))
    assert "too few classes (sky)" in refused(few, tmp_path)
    (few / "classes.txt").write_text("sky\n", encoding="utf-8")
    assert "one class only (sky)" in refused(few, tmp_path)
    (few / "classes.txt").unlink()
    assert "classes.txt" in refused(few, tmp_path)


def test_settings_for_other_trainers_are_refused(few: Path, tmp_path: Path) -> None:
    given = recipe(few, generated=10)
    with pytest.raises(
        ConfigError, match="generated works with torchvision's detectors, YOLOX and ultralytics models only"
    ):
        start_training(given, project=tmp_path / "runs", name=None, command="train")
    assert not (tmp_path / "runs").exists()


def test_a_picture_without_a_mask_is_left_out_and_said(few: Path, tmp_path: Path) -> None:
    first_mask(few).unlink()
    data = prepare_regions(RunFolder(tmp_path), recipe(few, val_share=0.3))
    assert len(data.train) + len(data.val) == 3
    assert [problem.kind for problem in data.problems] == ["unlabelled_picture"]


def test_a_shifted_picture_takes_its_map_along_and_nobody_knows_what_is_beyond() -> None:
    classes = np.zeros((40, 64), np.uint8)
    classes[10:30, 20:50] = 1
    image = np.where(classes[..., None] > 0, np.uint8(200), np.uint8(40)).repeat(3, axis=2)
    settings = Augmentation(flip=0.5, translate=0.2, scale=0.3, rotate_deg=10)
    for seed in range(8):
        seen = augment_centre(Sample(image, class_map=classes), (80, 48), settings, np.random.default_rng(seed))
        assert seen.class_map is not None
        assert seen.image.shape == (48, 80, 3)
        inside = cv2.erode((seen.class_map != 255).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        agree = (seen.image[..., 0] > 120) == (seen.class_map == 1)
        assert agree[inside].mean() > 0.97
        assert (seen.class_map == 255).any()


def test_pictures_of_all_shapes_fit_into_a_batch_whole(few: Path, tmp_path: Path) -> None:
    upright = np.zeros((192, 108), np.uint8)
    cv2.imwrite(str(first_mask(few)), upright)
    cv2.imwrite(str(few / "images" / f"{first_mask(few).stem}.jpg"), cv2.cvtColor(upright, cv2.COLOR_GRAY2BGR))
    data = prepare_regions(RunFolder(tmp_path), recipe(few, val_share=0.3))
    every = (*data.train, *data.val)
    samples = RegionSamples(every, side_px=96, stride_px=16)
    assert samples.size_px == (96, 96)
    for index in range(len(every)):
        seen = augment_centre(samples.load(index), samples.size_px, Augmentation(), np.random.default_rng(0))
        assert seen.class_map is not None
        assert (seen.class_map != 255).any(axis=0).sum() in (96, 54)
