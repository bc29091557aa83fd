"""Drives are counted: who does nothing leaves the lane, who knows the truth does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from streamvision.cli.eval_drive import drive
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.picture import Picture
from streamvision.evaluation.driving import NoDriver, TruthDriver, evaluate_driver
from streamvision.evaluation.driving.limit_reading import LimitOfSigns
from streamvision.evaluation.driving.limits import LimitOfMap
from streamvision.evaluation.model import open_model
from streamvision.models import TEXT_MODEL, default_model_path, model_file
from streamvision.synthetic.driving import DrivenScene, DrivenWorld, RuleDriver, Situation, WorldOptions
from streamvision.synthetic.driving.network import command_of
from support.constant_driver import constant_driver


def test_the_driver_of_the_truth_is_better_than_none_on_every_road() -> None:
    rules = evaluate_driver("rules", TruthDriver(), seeds=(101, 102), seconds=40)
    none = evaluate_driver("none", NoDriver(), seeds=(101, 102), seconds=40)
    assert [drive.ended for drive in rules.drives] == [None, None]
    assert [drive.in_lane_s for drive in rules.drives] == [40.0, 40.0]
    assert [drive.ended for drive in none.drives] == ["left the lane"] * 2
    assert rules.rules_kept_share == 1.0
    assert none.rules_kept_share is None
    mean, spread = none.mean_and_spread("driven_s")
    drives = [drive.driven_s for drive in none.drives]
    assert mean == pytest.approx(sum(drives) / 2)
    assert spread == pytest.approx(abs(drives[0] - drives[1]) / 2**0.5)
    assert rules.to_json()["mean_offset_m"]["mean"] < 0.1 < none.to_json()["mean_offset_m"]["mean"]
    assert [drive.close_share for drive in rules.drives] == [0.0, 0.0]
    assert 1.2 < rules.mean_and_spread("headway_s")[0] < 3.5
    assert rules.to_json()["limit_right_share"] is None  # it knows it


class _Stubborn:
    """Holds 50 km/h for the limit, wherever it is."""

    def begin(self) -> None:
        pass

    def limit_m_s(self, situation: Situation, picture: Callable[[], Picture]) -> float:
        return 50 / 3.6


def test_a_limit_that_is_held_for_right_is_compared_with_the_true_one() -> None:
    roads, seconds = range(101, 105), 60
    map_, stubborn = (
        evaluate_driver("rules", TruthDriver(limit=limit), seeds=roads, seconds=seconds)
        for limit in (LimitOfMap(), _Stubborn())
    )
    assert [drive.limit_right_share for drive in map_.drives] == [1.0] * 4
    assert all(drive.signs_passed and drive.signs_read == drive.signs_passed for drive in map_.drives)
    worlds = [DrivenWorld(WorldOptions(seed=road)) for road in roads]
    limits = {limit.speed_m_s for world in worlds for limit in world.rules.limits}
    assert limits != {50 / 3.6}
    share = stubborn.mean_and_spread("limit_right_share")[0]
    assert share < 0.9
    read, passed = (sum(getattr(one, name) for one in stubborn.drives) for name in ("signs_read", "signs_passed"))
    assert read < passed


def test_a_network_s_speed_is_held_below_the_limit() -> None:
    fast = command_of({"steering": 0.2, "speed": 20.0}, speed_m_s=10.0, limit_m_s=8.0)
    assert (fast.steering, fast.acceleration_m_s2) == (0.2, pytest.approx(-2.4))
    slow = command_of({"steering": 0.2, "speed": 3.0}, speed_m_s=10.0, limit_m_s=8.0)
    assert slow.acceleration_m_s2 < -2.4


def test_a_model_that_does_not_drive_is_refused() -> None:
    with pytest.raises(ModelError, match="gives age 3; one that drives gives steering and speed"):
        command_of({"age": 3.0}, speed_m_s=0.0, limit_m_s=10.0)


def test_the_command_measures_a_network_beside_none_and_the_rules(tmp_path: Path) -> None:
    model = constant_driver(tmp_path / "left.onnx", steering=-0.5, speed=5.0)
    arguments = [str(model), "--roads", "2", "--seconds", "6", "--size", "96x64", "--json"]
    result = CliRunner().invoke(drive, arguments)
    assert result.exit_code == 0, result.output
    drivers = {one["driver"]: one for one in json.loads(result.stdout)["drivers"]}
    assert list(drivers) == ["none", "rules", str(model)]
    assert [one["ended"] for one in drivers[str(model)]["drives"]] == ["left the lane"] * 2
    assert drivers["rules"]["driven_s"] == {"mean": 6.0, "spread": 0.0}
    assert drivers[str(model)]["limit_right_share"]["mean"] == 1.0  # the map's
    shown = CliRunner().invoke(drive, ["--roads", "1", "--seconds", "2"]).output
    assert [line.split()[0] for line in shown.splitlines()[:3]] == ["driver", "none", "rules"]


@pytest.mark.skipif(find_spec("rapidocr_onnxruntime") is None, reason="the model that reads numbers is not installed")
def test_the_limit_is_that_of_the_sign_that_was_passed() -> None:
    world = DrivenWorld(WorldOptions(seed=1001, speed_m_s=14.0))
    fast = [limit for before, limit in pairwise(world.rules.limits) if before.speed_m_s > 14.0]
    world.reset(begin_m=fast[0].s_m - 30)
    scene, rules, read = DrivenScene(world, 960, 540), RuleDriver(), []
    with open_model(default_model_path(), threads=1) as detector, open_model(model_file(TEXT_MODEL)) as reader:
        source = LimitOfSigns(detector, reader)
        while world.car.s_m < fast[0].s_m + 6:
            situation = world.situation()
            read.append(round(3.6 * source.limit_m_s(situation, lambda: scene.picture_at(0))))
            world.step(rules.command(situation))
    assert read[0] == 50  # in towns, until a sign was read
    assert read[-1] == round(3.6 * fast[0].speed_m_s)
    assert set(read) == {read[0], read[-1]}


def test_a_detector_without_speed_limits_is_refused(tmp_path: Path) -> None:
    path, words = constant_driver(tmp_path / "d.onnx", steering=0.0, speed=1.0), "give one that finds speedlimit"
    with open_model(path) as model, pytest.raises(ConfigError, match=words):
        LimitOfSigns(model, model)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--limit", "map", "--detector", "road_signs"], "leave one of them out"),
        (["--size", "4096x64"], "none over 16 times the other"),
        (["none"], "none is measured already"),
        (["--reader", "reader.onnx"], "reads signs that are found; give --limit signs or --detector"),
    ],
)
def test_what_the_command_refuses(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(drive, arguments)
    assert isinstance(result.exception, ConfigError)
    assert words in str(result.exception)
