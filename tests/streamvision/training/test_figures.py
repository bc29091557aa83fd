"""Figures that have a unit say it, wherever people read them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streamvision.evaluation.cuboid.figures import FIGURES as CUBOID_FIGURES
from streamvision.training.figures import TITLES, best_of, in_words, shown

UNITS = {"db": "dB", "nats": "nats", "bits": "bits", "m": "m", "s": "s", "deg": "degrees", "px": "px"}
"""How people read the unit that ends a name."""


@pytest.mark.parametrize("titles", [TITLES, CUBOID_FIGURES], ids=["training", "cuboid"])
def test_a_title_says_the_unit_of_its_name(titles: Mapping[str, str]) -> None:
    units = {key: UNITS[ending] for key in titles if (ending := key.rpartition("_")[2]) in UNITS}
    assert units
    for key, unit in units.items():
        words = titles[key].replace("(", " ").replace(")", " ").replace(",", " ").split()
        assert unit in words, f"{key}: {titles[key]}"


@pytest.mark.parametrize(("key", "least"), [("distance_error", 0.1), ("yaw_error_deg", 4.0), ("mae_speed [m/s]", 1.0)])
def test_less_of_an_error_is_better(key: str, least: float) -> None:
    assert best_of(key, [least * 2, least, least * 3]) == least
    assert shown({"lr": 0.1, key: least}) == [key]


def test_an_error_of_a_number_is_said_in_the_unit_of_its_column() -> None:
    assert in_words({"skill": 0.5, "mae_speed [m/s]": 1.25, "r2_speed": 0.75}) == (
        "skill 0.500, MAE of speed [m/s] 1.250, R2 of speed 0.750"
    )
