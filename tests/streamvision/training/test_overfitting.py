"""Whether a few pictures can be learnt by heart, and what is said where they cannot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.cli.main import cli
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.training.batches import ClassSamples
from streamvision.training.data import TrainingData
from streamvision.training.overfitting import CERTAIN_NATS, certain_loss, judge, overfit_recipe
from streamvision.training.recipe import load_recipe
from streamvision.training.session import resume_training, start_training
from streamvision.training.torchvision_run import ClassifierRun
from support.hues import draw_hues

FEW = {"model": "lenet", "imgsz": 32, "overfit": 4, "threads": 1, "lr": 0.001, "seed": 3}


@pytest.fixture(scope="module")
def hues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_hues(tmp_path_factory.mktemp("hues") / "data", {"orange": 30, "teal": 165}, count=8, seed=1)


def objects(sides_px: list[float]) -> TrainingData[LabelledImage]:
    boxes = tuple(LabelledBox(0, (0.0, 0.0, side, side)) for side in sides_px)
    images = (LabelledImage(Path("a.png"), 1000, 500, boxes),)
    return TrainingData(("sign",), images, (1,), images, "none", (), "objects", Counter({0: len(boxes)}))


def curve(losses: list[float], figures: list[float], key: str = "map50_95") -> list[dict[str, float]]:
    pairs = enumerate(zip(losses, figures, strict=True), 1)
    return [{"epoch": epoch, "train_loss": loss, key: value} for epoch, (loss, value) in pairs]


def judged(rows: list[dict[str, float]], data: TrainingData[LabelledImage] | None = None, **given: Any) -> Any:
    recipe = load_recipe(None, {"data": ".", "model": "yolox_nano", "overfit": 8, "preset": "plain"} | given)
    return judge(rows, recipe, data or objects([200, 300]))


def test_a_network_learns_four_pictures_by_heart_and_its_weights_are_not_kept(hues: Path, tmp_path: Path) -> None:
    given = {key: str(value) for key, value in FEW.items()}
    options = [text for key, value in given.items() for text in (f"--{key}", value)]
    done = CliRunner().invoke(
        cli, ["train", "--data", str(hues), *options, "--project", str(tmp_path), "--name", "few"]
    )
    assert done.exit_code == 0, done.stderr
    assert "Passed: it can learn these pictures by heart, top-1 1.000 on 4 pictures" in done.stderr
    run = tmp_path / "few"
    assert not (run / "weights").exists() and not list(run.rglob("*.pt")) and not list(run.rglob("*.onnx"))
    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# No model") and card.count(f"- {hues}") == 4
    assert (run / "results.png").stat().st_size > 1000
    with pytest.raises(ConfigError, match="has ended, and its weights were not kept"):
        resume_training(run, command="")


def test_labels_that_go_with_other_pictures_each_time_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So many classes that nothing that was learnt of shuffled labels is right by chance.
    hues = draw_hues(tmp_path / "data", {f"hue{degrees}": degrees for degrees in range(0, 360, 45)}, count=4, seed=1)
    right = ClassSamples._collate

    def shuffled(self: ClassSamples, indices: Any, samples: Any) -> Any:
        pictures, classes = right(self, indices, samples)
        return pictures, classes[torch.randperm(len(classes))]

    monkeypatch.setattr(ClassSamples, "_collate", shuffled)
    recipe = load_recipe(None, {"data": hues, **FEW, "overfit": 8, "epochs": 2})
    verdict = start_training(recipe, project=tmp_path, name=None, command="")["overfit"]
    assert not verdict["passed"] and verdict["sentence"].startswith("Failed: it cannot learn these pictures by heart")
    assert "whether pictures and labels belong together" in " ".join(verdict["look_at"])


def test_a_layer_that_does_not_learn_is_caught_even_where_the_others_make_up_for_it(
    hues: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ClassifierRun._build

    def with_frozen_classes(self: ClassifierRun, weights: Path | None) -> Any:
        network, beginning = right(self, weights)
        network.classes.requires_grad_(False)
        return network, beginning

    monkeypatch.setattr(ClassifierRun, "_build", with_frozen_classes)
    done = start_training(load_recipe(None, {"data": hues, **FEW}), project=tmp_path, name=None, command="")
    assert done["top1"] == 1.0 and not done["overfit"]["passed"]
    assert "2 tensors of the network did not learn (classes.weight, classes.bias)" in done["overfit"]["sentence"]


def test_what_to_look_at_follows_the_curves() -> None:
    still = judged(curve([3.0, 2.9, 2.9, 2.8], [0.0, 0.0, 0.0, 0.01]), freeze=5, lr=1e-6)
    assert (
        not still.passed and "--lr 1e-06; --find-lr proposes one), the frozen layers (--freeze 5)" in still.look_at[0]
    )
    apart = judged(curve([3.0, 1.0, 0.3, 0.1], [0.0, 0.1, 0.1, 0.1]))
    assert "are not of the same labels" in apart.look_at[0]
    rising = judged(curve([3.0, 1.0, 0.5, 0.2], [0.1, 0.2, 0.3, 0.5]))
    assert "give more than --epochs" in rising.look_at[0]
    small = judged(curve([3.0, 0.1], [0.2, 0.2]), objects([10, 12, 400]), imgsz=416)
    assert "2 of 3 objects are narrower or lower than 8 px" in small.look_at[-1]
    mixed = judged(curve([3.0, 0.1], [0.2, 0.2]), preset="strong")
    assert "--preset strong: mosaic, mixup, cutmix," in mixed.look_at[-1] and "try --preset plain" in mixed.look_at[-1]
    own = judged(curve([3.0, 0.1], [0.2, 0.2]), augment={"flip": 0.5, "scale": 0.0})
    assert own.look_at[-1] == "Pictures were augmented (flip): leave that out, as is usual here."
    off = judged(curve([3.0, 0.1], [0.2, 0.2]), augment={"mosaic": 0.5, "mosaic_off_share": 0.5, "flip": 0.0})
    assert off.look_at[-1] == "Pictures were augmented (mosaic): leave that out, as is usual here."
    assert judged(curve([3.0, 0.1], [0.5, 0.93])).passed
    assert not judged(curve([3.0, 0.1], [0.5, 0.93], key="top1")).passed


def test_a_classifier_that_is_right_but_not_sure_has_not_learnt_by_heart() -> None:
    lucky = judged(curve([1.1, 0.5], [0.5, 1.0], key="top1"))
    assert not lucky.passed and "0.99 with a loss of at most 0.25 would do" in lucky.sentence
    assert "right, but not sure" in lucky.look_at[1]
    assert judged(curve([1.1, 0.2], [0.5, 1.0], key="top1")).passed
    assert not judged(curve([1.1, 0.2, 0.9], [0.5, 0.5, 1.0], key="top1")).passed  # never both in one epoch


def test_labels_that_are_smoothed_leave_a_loss_that_is_none_of_the_network() -> None:
    recipe = load_recipe(None, {"data": ".", "model": "lenet", "label_smoothing": 0.3})
    shares = torch.tensor([[0.1, 0.1, 0.8]])
    least = torch.nn.functional.cross_entropy(shares.log(), torch.tensor([2]), label_smoothing=0.3)
    assert certain_loss(recipe, classes=3) == pytest.approx(float(least) + CERTAIN_NATS, abs=1e-5)
    assert certain_loss(recipe.model_copy(update={"label_smoothing": 0.0}), classes=1) == CERTAIN_NATS


def test_what_a_recipe_says_itself_stays() -> None:
    given = load_recipe(None, {"data": ".", "model": "yolox_nano", "overfit": 6, "epochs": 7, "preset": "strong"})
    few = overfit_recipe(given)
    assert (few.epochs, few.preset, few.batch) == (7, "strong", 6)
    with pytest.raises(ConfigError, match="leave generated out"):
        load_recipe(None, {"data": ".", "model": "yolox_nano", "overfit": 6, "generated": 5})
    usual = overfit_recipe(load_recipe(None, {"data": ".", "model": "yolox_nano", "overfit": 20}))
    assert (usual.preset, usual.batch) == ("plain", 16) and usual.patience >= usual.epochs


def test_a_loss_that_is_no_number_is_told() -> None:
    verdict = judged(curve([2.0, float("nan")], [0.1, 0.1]), lr=0.5)
    assert not verdict.passed and verdict.look_at[0].startswith("The loss became infinite or no number: give less")
