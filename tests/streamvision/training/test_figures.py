"""Figures that have a unit say it, wherever people read them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streamvision.evaluation.cuboid.figures import FIGURES as CUBOID_FIGURES
from streamvision.training.figures import TITLES, in_words

UNITS = {"db": "dB", "nats": "nats", "bits": "bits", "m": "m", "s": "s", "deg": "degrees", "px": "px"}
"""How people read the unit that ends a name."""


@pytest.mark.parametrize("titles", [TITLES, CUBOID_FIGURES], ids=["training", "cuboid"])
def test_a_title_says_the_unit_of_its_name(titles: Mapping[str, str]) -> None:
    units = {key: UNITS[ending] for key in titles if (ending := key.rpartition("_")[2]) in UNITS}
    assert units
    for key, unit in units.items():
        words = titles[key].replace("(", " ").replace(")", " ").replace(",", " ").split()
        assert unit in words, f"{key}: {titles[key]}"


def test_an_error_of_a_number_is_said_in_the_unit_of_its_column() -> None:
    assert in_words({"skill": 0.5, "mae_speed [m/s]": 1.25, "r2_speed": 0.75}) == (
        "skill 0.500, MAE of speed [m/s] 1.250, R2 of speed 0.750"
    )
