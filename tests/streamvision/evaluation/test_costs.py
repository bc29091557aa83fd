"""Scores from which on to report, where misses and false alarms cost differently."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from streamvision.cli.eval_thresholds import read_costs
from streamvision.cli.main import cli
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.datasets import write_dataset
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage
from streamvision.evaluation.costs import Costs, CostTable, choose_thresholds
from streamvision.evaluation.predictions import Predictions
from support.labelled_pictures import save_picture
from support.tiny_detector import tiny_detector

BOX = (10.0, 10.0, 30.0, 30.0)
ELSEWHERE = (50.0, 50.0, 70.0, 70.0)


def pictures(
    right: list[float], wrong: list[float], *, class_id: int = 0
) -> tuple[list[LabelledImage], list[Detections]]:
    """A picture for each pair of scores: one of a report of the object on it, and one of a report beside it."""
    images = [
        LabelledImage(Path(f"/none/{class_id}-{index}.png"), 100, 100, (LabelledBox(class_id, BOX),))
        for index in range(len(right))
    ]
    found = [
        Detections(np.array([BOX, ELSEWHERE], np.float32), np.array(pair, np.float32), np.full(2, class_id, np.int32))
        for pair in zip(right, wrong, strict=True)
    ]
    return images, found


def scattered(count: int = 60, *, seed: int = 0) -> Predictions:
    """Right reports score 0.2 to 1, wrong ones 0 to 0.8, so that every threshold errs."""
    rng = np.random.default_rng(seed)
    images, found = pictures(rng.uniform(0.2, 1, count).tolist(), rng.uniform(0, 0.8, count).tolist())
    return Predictions(("sign",), tuple(images), tuple(found))


def test_dear_misses_lower_the_score_and_dear_alarms_raise_it() -> None:
    score = {
        (miss, false): choose_thresholds(scattered(), CostTable(Costs(miss, false))).classes[0].score
        for miss, false in ((10.0, 1.0), (1.0, 1.0), (1.0, 10.0))
    }
    assert 0.15 <= score[10.0, 1.0] <= 0.35  # where right reports begin
    assert 0.7 <= score[1.0, 10.0] <= 0.85  # where wrong ones end
    assert score[10.0, 1.0] <= score[1.0, 1.0] <= score[1.0, 10.0]


def test_the_chosen_score_is_the_nearest_to_the_usual_one_that_is_as_good_as_the_cheapest() -> None:
    predictions, costs = scattered(seed=3), Costs(1, 4)
    chosen = choose_thresholds(predictions, CostTable(costs)).classes[0].score
    right, wrong = (np.array([one.score[at] for one in predictions.found]) for at in (0, 1))
    by_score = {
        round(score, 2): costs.miss * (right < score) + costs.false * (wrong >= score)
        for score in np.arange(0.01, 1, 0.01)
    }
    cheapest = min(by_score.values(), key=sum)
    as_good = [
        score
        for score, cost in by_score.items()
        if (cost - cheapest).sum() <= (cost - cheapest).std(ddof=1) * np.sqrt(len(cost)) + 1e-9
    ]
    assert 0.25 not in as_good
    assert chosen == pytest.approx(min(as_good, key=lambda score: abs(score - 0.25)))


def test_what_is_saved_is_measured_on_pictures_that_did_not_choose() -> None:
    result = choose_thresholds(scattered(120), CostTable(Costs(1, 10)))
    (one,) = result.classes
    right, wrong = (np.array([found.score[at] for found in scattered(120).found]) for at in (0, 1))
    assert result.cost == pytest.approx((one.misses[0] + 10 * one.false_alarms[0]) / 1.2)
    assert one.misses[1] == (right < 0.25).sum() and one.false_alarms[1] == (wrong >= 0.25).sum()
    assert len(one.fold_scores) == 5 and 0 < result.saved_low < result.usual_cost - result.cost < result.saved_high
    assert result.sentence.startswith("Cheaper")


def test_scores_that_say_nothing_promise_no_saving() -> None:
    rng = np.random.default_rng(5)
    images, found = pictures(*rng.uniform(0.3, 0.9, (2, 40)).tolist())
    result = choose_thresholds(Predictions(("sign",), tuple(images), tuple(found)), CostTable())
    assert result.saved_low <= 0


NOTHING = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


def test_without_objects_and_reports_it_says_that_there_was_nothing_to_measure() -> None:
    images = tuple(LabelledImage(Path(f"/none/{index}.png"), 100, 100, ()) for index in range(8))
    result = choose_thresholds(Predictions(("sign",), images, (NOTHING,) * 8), CostTable())
    assert result.sentence.startswith("There was nothing to measure: the 8 pictures show no marked object")
    assert result.config() == {"model": {"class_scores": {}}}


@pytest.mark.parametrize("objects", [0, 6])
def test_too_few_objects_choose_no_score_and_false_alarms_still_cost(objects: int) -> None:
    images, found = pictures([0.9] * objects, [0.8] * objects)
    images += [LabelledImage(Path(f"/none/{index}.png"), 100, 100, ()) for index in range(20 - objects)]
    found += [
        replace(NOTHING, box_xyxy_px=np.array([BOX], np.float32), score=np.float32([0.5]), class_id=np.int32([0]))
    ]
    found += [NOTHING] * (20 - len(found))
    result = choose_thresholds(Predictions(("sign",), tuple(images), tuple(found)), CostTable(Costs(1, 2)))
    assert result.cost == result.usual_cost == (objects + 1) * 2 * 100 / 20
    assert result.sentence.startswith("No score was chosen, since no class has 10 marked objects or more: a hundred")


def test_a_usual_score_that_makes_no_error_stays() -> None:
    images, found = pictures([0.9] * 20, [0.1] * 20)
    result = choose_thresholds(Predictions(("sign",), tuple(images), tuple(found)), CostTable())
    assert result.classes[0].score == 0.25
    assert result.sentence.startswith("Neither cheaper nor dearer than the usual score, which stays")


def test_each_class_has_its_costs_and_rare_ones_keep_the_usual_score() -> None:
    rng = np.random.default_rng(1)
    parts = [
        pictures(rng.uniform(0.2, 1, count).tolist(), rng.uniform(0, 0.8, count).tolist(), class_id=class_id)
        for class_id, count in enumerate((40, 40, 6))
    ]
    images, found = (tuple(one for part in parts for one in part[at]) for at in (0, 1))
    table = CostTable(Costs(10, 1), {"light": Costs(1, 10)})
    result = choose_thresholds(Predictions(("sign", "light", "rare"), images, found), table)
    scores = result.config()["model"]["class_scores"]
    assert set(scores) == {"sign", "light"} and scores["sign"] < 0.4 < 0.6 < scores["light"]
    assert result.classes[2].score is None
    with pytest.raises(ConfigError, match="costs of lamp are given; the classes are sign, light, rare"):
        choose_thresholds(Predictions(("sign", "light", "rare"), images, found), CostTable(by_class={"lamp": Costs()}))


@pytest.mark.parametrize("text", ["miss", "miss=x", "miss=-1", "miss=nan", "hit=1", "miss=0,false=0", "miss=1e99", ""])
def test_costs_that_are_none_are_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match="such as miss=5,false=1"):
        read_costs([text])


def test_costs_are_read() -> None:
    read = read_costs(["miss=5,false=2", "stop: all way:miss=20"])
    assert read.of("other") == Costs(5, 2) and read.of("stop: all way") == Costs(20, 1)
    with pytest.raises(ConfigError, match="given twice"):
        read_costs(["miss=5", "miss=6"])


def test_the_command_writes_a_configuration_that_runs_take(tmp_path: Path) -> None:
    model = tiny_detector(tmp_path / "tiny.onnx")
    images = [
        LabelledImage(save_picture(tmp_path / f"{at}.png", 64, 64, seed=at), 64, 64, (LabelledBox(0, BOX),) * 2)
        for at in range(6)
    ]
    write_dataset(Dataset(("c0", "c1", "c2"), tuple(images)), tmp_path / "data", format="voc")
    written = tmp_path / "scores.yaml"
    arguments = ["eval", "thresholds", str(model), "--data", str(tmp_path / "data"), "--threads", "1"]
    done = CliRunner().invoke(cli, [*arguments, "--cost", "miss=1,false=50", "--output", str(written), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    config = yaml.safe_load(written.read_text(encoding="utf-8"))
    assert config["model"]["class_scores"] == report["class_scores"] and set(report["class_scores"]) == {"c0"}
    assert ModelConfig.model_validate(config["model"]).path == model
    assert report["cost_per_100_pictures"] <= report["usual_cost_per_100_pictures"]
    shown = CliRunner().invoke(cli, [*arguments, "--cost", "miss=1,false=50"])
    assert "0.25 (few)" in shown.stdout and shown.stdout.startswith(report["sentence"])


def test_the_command_writes_nothing_where_no_score_was_chosen(tmp_path: Path) -> None:
    images = [
        LabelledImage(save_picture(tmp_path / f"{at}.png", 64, 64, seed=at), 64, 64, (LabelledBox(0, BOX),))
        for at in range(6)
    ]
    write_dataset(Dataset(("c0", "c1", "c2"), tuple(images)), tmp_path / "data", format="voc")
    written = tmp_path / "scores.yaml"
    arguments = [str(tiny_detector(tmp_path / "tiny.onnx")), "--data", str(tmp_path / "data"), "--threads", "1"]
    arguments += ["--cost", "miss=1,false=50", "--output", str(written)]
    shown = CliRunner().invoke(cli, ["eval", "thresholds", *arguments])
    assert shown.exit_code == 0 and "from these scores on" not in shown.stdout
    assert shown.stdout.endswith(f"{written} was not written, since no score was chosen.\n") and not written.exists()
    told = CliRunner().invoke(cli, ["eval", "thresholds", *arguments, "--json"])
    assert json.loads(told.stdout)["config"] is None


def test_pictures_that_all_look_alike_are_told(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    images = []
    for index in range(12):
        cv2.imwrite(str(tmp_path / f"{index}.png"), pixels)
        images.append(LabelledImage(tmp_path / f"{index}.png", 100, 100, (LabelledBox(0, BOX),)))
    found = Detections(np.array([BOX], np.float32), np.array([0.5], np.float32), np.zeros(1, np.int32))
    with pytest.raises(ConfigError, match="all 12 pictures look alike"):
        choose_thresholds(Predictions(("sign",), tuple(images), (found,) * 12), CostTable(Costs(5, 1)))
