"""A network with several answers: killed, resumed, exported, measured as the trainer says, and refused settings."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import cv2
import torch

import streamvision
from streamvision.core.errors import ConfigError, ModelError
from streamvision.evaluation.model import open_model
from streamvision.inference.model_card import NumberCard
from streamvision.training.recipe import load_recipe
from streamvision.training.session import start_training
from support.answer_pictures import draw_answers
from support.command_line import called
from support.killed_runs import killed_and_resumed

pytestmark = [pytest.mark.slow, pytest.mark.reference]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_answers(tmp_path_factory.mktemp("answers") / "data", count=120, seed=1)


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "model": "lenet", "imgsz": 32, "batch": 8, "warmup": 0.5, "preset": "plain", "lr": 3e-3}
    return load_recipe(None, given | {"seed": 3, "threads": 1} | more)


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Killed after three epochs, and resumed."""
    return killed_and_resumed(recipe(table, epochs=12), tmp_path_factory.mktemp("trained"), after=3)


def test_both_answers_are_better_than_the_naive_ones(trained: dict[str, Any]) -> None:
    assert trained["task"] == "answers"
    assert trained["beginning"].endswith("went on after epoch 3")
    assert trained["top1"] > 0.8  # a guess is right once in three times
    assert trained["r2_side"] > 0.5  # 0 is that of the mean
    assert trained["skill"] > 0.5
    card = Path(trained["run"], "MODEL_CARD.md").read_text(encoding="utf-8")
    for said in ("MAE of side [px]", "side: 69 numbers to learn from", "streamvision eval answers", "| orange |"):
        assert said in card
    assert (Path(trained["run"]) / "results.png").stat().st_size > 10_000


def test_the_exported_file_says_and_measures_the_same(trained: dict[str, Any], table: Path) -> None:
    assert trained["onnx_checked"].startswith("equal")
    for file in ("best.onnx", "best.pt"):
        path = Path(trained["run"]) / "weights" / file
        done = called("eval", "answers", path, "--data", table, "--split", "val", "--json")
        assert done.code == 0, done.stderr
        assert done.report["skill"] == pytest.approx(trained["skill"], abs=1e-4)
        assert done.report["numbers"]["side"]["mae"] == pytest.approx(trained["mae_side [px]"], abs=1e-3)
        assert done.report["numbers"]["side"]["unit"] == "px"
        assert done.report["class"]["accuracy"] == pytest.approx(trained["top1"], abs=1e-6)
        assert done.report["class"]["name"] == "ground"
    assert streamvision.evaluate(trained["onnx"], table).skill == pytest.approx(trained["skill"], abs=1e-4)
    shown = called("eval", "answers", trained["onnx"], "--data", table, "--answers", "side", "--answers", "ground")
    assert "side [px]" in shown.stdout
    assert "Skill over the naive answers" in shown.stdout


def test_live_results_carry_the_class_the_number_and_its_unit(trained: dict[str, Any], table: Path) -> None:
    picture = table.parent / "119.png"
    with open_model(trained["onnx"]) as model:
        assert model.card.head == "several"
        assert model.card.numbers == (NumberCard(name="side", unit="px"),)
    (result,) = streamvision.stream(picture, model=trained["onnx"])
    told = result.to_dict()
    assert told["classes"][0]["class_name"] in ("orange", "teal", "violet")
    assert told["units"] == {"side": "px"}
    assert math.isfinite(told["values"]["side"])
    assert result.annotated_bgr.shape == cv2.imread(str(picture)).shape


def test_numbers_alone_are_learnt_from_the_weights_of_a_classifier(
    trained: dict[str, Any], table: Path, tmp_path: Path
) -> None:
    best = Path(trained["run"]) / "weights" / "best.pt"
    given = recipe(table, answers=("side",), answer_weights={"side": 2}, epochs=1, weights=best)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert done["beginning"].startswith("began from best.pt")
    assert "top1" not in done
    stored = torch.load(done["best"], weights_only=True)["answers"]
    assert (stored["names"], stored["class_column"], [one["name"] for one in stored["numbers"]]) == ([], None, ["side"])
    with open_model(done["onnx"]) as model:
        assert [output.name for output in model.backend.outputs] == ["side"]


def test_what_is_not_learnt_cannot_be_weighed_and_a_damaged_checkpoint_is_refused(
    trained: dict[str, Any], table: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="'depth' is not learnt; known are ground, side"):
        start_training(recipe(table, answer_weights={"depth": 1}), project=tmp_path, name="run", command="train")
    with pytest.raises(ConfigError, match="answers works with classifiers that learn from a table of answers only"):
        start_training(recipe(table, model="unet", answers=("side",)), project=tmp_path, name="run", command="train")
    few = draw_answers(tmp_path / "few", count=3, seed=1)
    with pytest.raises(ConfigError, match="no answer differs among 1 picture held out"):
        start_training(recipe(few), project=tmp_path, name="run", command="train")
    with pytest.raises(ConfigError, match="give numbers from 0"):
        recipe(table, answer_weights={"side": -1})
    stored = torch.load(trained["best"], weights_only=True)
    stored["answers"] = {"numbers": 3}
    torch.save(stored, tmp_path / "best.pt")
    with pytest.raises(ModelError, match="does not say what its network answers"), open_model(tmp_path / "best.pt"):
        pass


def test_added_tables_say_their_numbers_on_the_same_scale(table: Path, tmp_path: Path) -> None:
    def known_to(folder: str, largest: str) -> Path:
        path = draw_answers(tmp_path / folder, count=12, seed=1)
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        lines = [f"{head},own_speed [known to {largest}]", *(f"{row},5" for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    given = recipe(known_to("metres", "20 m/s"), add=(known_to("kilometres", "72 km/h"),))
    with pytest.raises(ConfigError, match="other answers, known numbers or units than"):
        start_training(given, project=tmp_path, name="run", command="train")


def test_the_ready_recipe_is_accepted(project_root: Path) -> None:
    path = project_root / "configs" / "train-answers.yaml"
    text = path.read_text(encoding="utf-8")
    assert load_recipe(path, {}).augmentation().scale == 0  # which would change what is near and far
    for command in ("streamvision data synthetic --task answers", "streamvision train --config"):
        assert command in text


def test_a_few_rows_are_learnt_by_heart(table: Path, tmp_path: Path) -> None:
    given = recipe(table, overfit=6, epochs=60)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))["overfit"]["passed"]
    assert done["mae_side [px]"] >= 0


def test_parts_that_leave_nothing_to_learn_or_to_choose_by_are_refused(tmp_path: Path) -> None:
    table = draw_answers(tmp_path / "data", count=12, seed=2)
    rows = [row.split(",") for row in table.read_text(encoding="utf-8").splitlines()[1:]]

    def refused(name: str, side: Callable[[str], str], match: str) -> None:
        lines = ["filename,split,side", *(f"{row[0]},{row[1]},{side(row[1])}" for row in rows)]
        (table.parent / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=match):
            start_training(recipe(table.parent / name), project=tmp_path, name="run", command="train")

    refused("held_out.csv", lambda part: "3" if part == "val" else "", "no number for side in the 8 pictures")
    refused("same.csv", lambda part: "3", "no answer differs among 4 pictures held out")
