"""Classifiers: transfer from weights that know other classes, figures that the exported file confirms, refusals."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.core.errors import ConfigError, ModelError, StreamVisionError
from streamvision.datasets.class_labels import read_class_folders
from streamvision.evaluation.classify import evaluate_classifier
from streamvision.evaluation.model import open_model
from streamvision.training.data import prepare_classes
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import load_recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.session import resume_training, start_training
from support.hues import HUES, draw_hues

pytestmark = [pytest.mark.slow, pytest.mark.reference]
MODEL = "squeezenet1_1"


@pytest.fixture(scope="module")
def hues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_hues(tmp_path_factory.mktemp("hues") / "data", HUES, count=16, seed=1)


def recipe(data: Path, **more: Any) -> Any:
    given = {
        "data": data,
        "model": MODEL,
        "imgsz": 32,
        "batch": 8,
        "warmup": 0.5,
        "preset": "plain",
        "seed": 3,
        "threads": 1,
    }
    return load_recipe(None, given | more)


def rows(run: Path) -> list[dict[str, float]]:
    with (run / "curves.csv").open(encoding="utf-8", newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def kill_after(patch: pytest.MonkeyPatch, run: Path, last: int) -> None:
    """Have training end without warning when an epoch is over; ``epoch-N.pt`` keep what each left."""

    def end_epoch(self: TrainingProgress, *, epoch: int, **rest: Any) -> None:
        shutil.copyfile(run / "weights" / "last.pt", run / "weights" / f"epoch-{epoch}.pt")
        if epoch == last:
            raise KeyboardInterrupt

    patch.setattr(TrainingProgress, "end_epoch", end_epoch)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict as others publish it, of a network that tells six other hues apart."""
    folder = tmp_path_factory.mktemp("beginning")
    data = draw_hues(folder / "data", {str(hue): hue for hue in range(0, 360, 60)}, count=12, seed=2)
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, folder / "run", 8)
        with pytest.raises(KeyboardInterrupt):
            start_training(recipe(data, epochs=9, lr=3e-4), project=folder, name="run", command="train")
    assert rows(folder / "run")[-1]["top1"] > 0.45
    weights = folder / "hues.pth"
    torch.save(torch.load(folder / "run" / "weights" / "best.pt", weights_only=True)["model"], weights)
    return weights


@pytest.fixture(scope="module")
def transferred(hues: Path, beginning: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two stages, killed in the second and resumed."""
    project = tmp_path_factory.mktemp("transferred")
    two_stages = {"freeze": 100, "unfreeze_at": 4, "lr": 3e-3, "unfreeze_lr": 3e-4, "label_smoothing": 0.1}
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, project / "run", 5)
        with pytest.raises(KeyboardInterrupt):
            given = recipe(hues, weights=beginning, epochs=7, **two_stages)
            start_training(given, project=project, name="run", command="train")
    assert len(rows(project / "run")) == 5
    return resume_training(project / "run", command="train --resume")


def test_transfer_in_two_stages_beats_guessing(transferred: dict[str, Any]) -> None:
    assert transferred["task"] == "classify"
    assert transferred["beginning"].startswith("began from hues.pth")
    assert transferred["beginning"].endswith(", went on after epoch 5")
    assert transferred["top1"] > 0.6  # a guess is right once in three times
    found = rows(Path(transferred["run"]))
    assert [row["epoch"] for row in found] == list(range(1, 8))
    first, second = ([row["lr"] for row in part] for part in (found[:3], found[3:]))
    assert max(first) > 1e-3
    assert min(first) == pytest.approx(3e-5)
    assert second == sorted(second, reverse=True)
    assert max(second) <= 3e-4


def test_the_first_stage_moves_nothing_but_the_last_layer(transferred: dict[str, Any], beginning: Path) -> None:
    before = torch.load(beginning, weights_only=True)
    moved = {}
    for epoch in (3, 4):
        kept = Path(transferred["last"]).with_name(f"epoch-{epoch}.pt")
        after = torch.load(kept, weights_only=True)["model"]
        moved[epoch] = {
            key for key in before if before[key].shape != after[key].shape or not torch.equal(before[key], after[key])
        }
    assert moved[3] == {"classifier.1.weight", "classifier.1.bias"}
    assert moved[4] == set(before)


@pytest.mark.usefixtures("without_onnx")
def test_frozen_layers_are_counted_where_they_have_weights(hues: Path, tmp_path: Path) -> None:
    """Between them are activations and pooling."""
    learnt = []
    for rate in (1e-3, 2e-3):
        given = recipe(hues, epochs=1, lr=rate, freeze=3)
        done = start_training(given, project=tmp_path, name=f"run-{rate}", command="train")
        learnt.append(torch.load(done["last"], weights_only=True)["model"])
    alike = {key.split(".")[1] for key in learnt[0] if torch.equal(learnt[0][key], learnt[1][key])}
    assert alike == {"0", "3", "4"}


def test_the_exported_file_is_measured_as_the_trainer_says(transferred: dict[str, Any], hues: Path) -> None:
    run = Path(transferred["run"])
    held_out = json.loads((run / "split.json").read_text(encoding="utf-8"))["val"]
    everything = read_class_folders(hues)
    pictures = type(everything)(everything.names, tuple(i for i in everything.images if str(i.path) in held_out))
    assert len(pictures.images) == len(held_out) > 3
    assert transferred["onnx_checked"].startswith("equal")
    for file in ("best.onnx", "best.pt"):
        with open_model(run / "weights" / file) as detector:
            measured = evaluate_classifier(detector, pictures)
        assert measured.top(1) == pytest.approx(transferred["top1"], abs=1e-6), file


def test_ultralytics_classifiers_learn_from_the_same_folders(hues: Path, tmp_path: Path) -> None:
    pytest.importorskip("ultralytics")
    given = recipe(hues, model="yolov8n-cls.yaml", epochs=1)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert done["task"] == "classify"
    assert rows(tmp_path / "run")[0]["top1"] == pytest.approx(done["top1"], abs=1e-5)
    assert done["onnx_checked"].startswith("equal")
    linked = sorted(path.name for path in (tmp_path / "run" / "data" / "train").iterdir())
    assert linked == ["orange", "teal", "violet"]
    assert "| violet |" in (tmp_path / "run" / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_one_class_only_is_refused(hues: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "teal").symlink_to(hues / "teal")
    with pytest.raises(ConfigError, match="one class only \\(teal\\)"):
        prepare_classes(RunFolder(tmp_path), recipe(tmp_path / "data", val_share=0.2, seed=0))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"weights": Path("none.pth")}, "nothing is downloaded"),
        ({"weights": Path()}, "no checkpoint at"),
        ({"weights": Path(__file__)}, "is a text and not a checkpoint"),
        ({"init_classes": {"teal": "stop"}}, "ultralytics models only"),
    ],
)
def test_what_a_classifier_cannot_use_is_refused(hues: Path, tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(StreamVisionError, match=said):
        start_training(recipe(hues, epochs=1, **more), project=tmp_path, name="run", command="train")


@pytest.mark.parametrize("model", [MODEL, "yolov8n-cls.yaml"])
def test_weights_run_no_code(hues: Path, tmp_path: Path, model: str) -> None:
    pytest.importorskip("ultralytics")
    from support.hostile_checkpoints import write_hostile

    weights = write_hostile("among tensors", tmp_path / "downloaded.pt", tmp_path / "ran")
    with pytest.raises(ModelError, match=r"asks for builtins\.exec"):
        start_training(recipe(hues, epochs=1, model=model, weights=weights), project=tmp_path, name="r", command="")
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_architecture_are_refused(hues: Path, beginning: Path, tmp_path: Path) -> None:
    given = recipe(hues, epochs=1, weights=beginning, model="resnet18")
    with pytest.raises(ConfigError, match="give weights of the same one"):
        start_training(given, project=tmp_path, name="run", command="train")


def test_a_lower_rate_without_a_second_stage_is_refused() -> None:
    with pytest.raises(ConfigError, match="unfreeze_lr needs unfreeze_at"):
        load_recipe(None, {"data": ".", "model": MODEL, "unfreeze_lr": 1e-4})
