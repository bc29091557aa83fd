"""What a run reports: its curves and its card."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from streamvision.training.data import TrainingData
from streamvision.training.recipe import load_recipe
from streamvision.training.report import CurveFile, write_card
from streamvision.training.run_folder import RunFolder


@pytest.mark.parametrize(
    ("figures", "titles"),
    [
        ({"train_loss": 1.0, "top1": 0.5, "lr": 0.1}, ["loss, training", "held-out pictures", "learning rate"]),
        (
            {"train_loss_box": 1.0, "val_loss_box": 1.1, "map50": 0.5, "lr": 0.1},
            ["loss, training", "loss, held out", "held-out pictures", "learning rate"],
        ),
        (
            {"train_loss": 1.0, "iou_3d": 0.5, "distance_error": 0.1, "yaw_error_deg": 12.0, "lr": 0.1},
            ["loss, training", "held-out pictures, degrees", "held-out pictures", "learning rate"],
        ),
    ],
)
def test_no_panel_is_empty(figures: dict[str, float], titles: list[str], tmp_path: Path) -> None:
    curves = CurveFile(tmp_path / "curves.csv")
    curves.append(1, figures)
    figure = Figure()
    curves.draw_on(figure)
    assert [axis.get_title() for axis in figure.axes] == titles
    assert all(axis.lines for axis in figure.axes)


def test_whole_numbers_are_kept_whole(tmp_path: Path) -> None:
    curves = CurveFile(tmp_path / "curves.csv")
    curves.append(1, {"steps": 1_234_944, "reward": 1 / 3})
    curves.append(2, {"steps": 2_469_888, "reward": float("inf")})
    assert [row["steps"] for row in curves.rows()] == [1_234_944, 2_469_888]


def card(tmp_path: Path, *, epochs: int = 6, names: tuple[str, ...] = ("a", "b"), **settings: Any) -> str:
    folder = RunFolder(tmp_path)
    CurveFile(folder.curves_csv).append(epochs, {"top1": 0.5})
    folder.command.write_text("streamvision train", encoding="utf-8")
    counts = Counter({0: 1, 1: 2})
    data: Any = TrainingData(names, (), (), (), "new", (), learnt=counts, held_out=counts)
    recipe = load_recipe(None, {"data": "signs", "model": "resnet18"} | settings)
    summary = {"task": "classify", "beginning": "began from nothing", "epochs": epochs, "training_s": 60.0}
    write_card(recipe, folder, data, summary | {"best_epoch": epochs, "top1": 0.5})
    return folder.card.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"freeze": 3}, "- Frozen: the first 3 layers, throughout.\n"),
        ({"freeze": 3, "unfreeze_at": 7}, "- Frozen: the first 3 layers, throughout.\n"),
        ({"freeze": 1, "unfreeze_at": 6}, "- Frozen: the first layer; it learnt from epoch 6 on.\n"),
        (
            {"freeze": 9, "unfreeze_at": 2, "unfreeze_layers": 4, "unfreeze_lr": 1e-4},
            "first 9 layers; the last 4 of them learnt from epoch 2 on, at a learning rate of at most 0.0001.\n",
        ),
        (
            {"balance": "class-weights"},
            "Rare classes: each class's loss was weighed by the square root of its rarity",
        ),
        ({"balance": "oversample"}, "their pictures were shown more often, at most 4 times an epoch"),
    ],
)
def test_the_card_says_what_was_frozen_and_done_for_rare_classes(
    settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in card(tmp_path, **settings)


def test_names_of_classes_leave_the_table_of_the_card_as_it_is(tmp_path: Path) -> None:
    text = card(tmp_path, names=("a|b", "<b>no_left`"))
    assert "| a\\|b | 1 | 1 |\n| \\<b\\>no_left\\` | 2 | 2 |" in text


def test_the_card_says_nothing_of_what_was_not_done(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "Frozen" not in text
    assert "Rare" not in text
