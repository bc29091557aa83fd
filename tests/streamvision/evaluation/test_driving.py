"""Drives are counted: who does nothing leaves the lane, who knows the truth does not."""

from __future__ import annotations

import pytest

from streamvision.core.errors import ModelError
from streamvision.evaluation.driving import NoDriver, TruthDriver, evaluate_driver
from streamvision.evaluation.driving.drivers import command_of


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


def test_a_network_s_speed_is_held_below_the_limit() -> None:
    fast = command_of({"steering": 0.2, "speed_m_s": 20.0}, speed_m_s=10.0, limit_m_s=8.0)
    assert (fast.steering, fast.acceleration_m_s2) == (0.2, pytest.approx(-2.4))
    slow = command_of({"steering": 0.2, "speed_m_s": 3.0}, speed_m_s=10.0, limit_m_s=8.0)
    assert slow.acceleration_m_s2 < -2.4


def test_a_model_that_does_not_drive_is_refused() -> None:
    with pytest.raises(ModelError, match="gives age; one that drives gives steering and speed_m_s"):
        command_of({"age": 3.0}, speed_m_s=0.0, limit_m_s=10.0)
