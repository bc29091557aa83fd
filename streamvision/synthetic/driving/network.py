"""What a network that drives says of a picture, and the command that this amounts to."""

from __future__ import annotations

import math
from collections.abc import Mapping

from streamvision.core.errors import ModelError
from streamvision.synthetic.driving.car import MOST_SPEED_M_S, Command
from streamvision.synthetic.driving.longitudinal import reach
from streamvision.synthetic.driving.world import Situation

STEERING, SPEED = "steering", "speed"
"""The numbers of a network that drives, by name: the steering, -1..1, positive to the right, and the speed in m/s that
suits what is seen, without limits."""
OWN_SPEED, STOOD_AGO = "own_speed", "stood_ago"
"""What the car knows of itself and a network is given beside the picture, in m/s and s: its speed, and how long ago it
stood. A single picture shows neither, nor whether the car has stopped at the sign already."""
MOST_STOOD_AGO_S = 8.0
"""Longer ago is as good as never."""
SEEN = ("lane_10", "lane_20", "speed", "gap")
"""The numbers that an agent's policy is given of what a network sees: where the middle of the lane lies 10 and 20 m
ahead, right of the way straight on, the speed that suits what is seen ahead, without limits, and the way to the car
ahead."""
OBSERVED = (*SEEN, OWN_SPEED)
"""All that it is given. Agents of earlier versions are given the first three."""
SCALES = (2.0, 4.0, MOST_SPEED_M_S, 60.0, MOST_SPEED_M_S)
"""What they are divided by."""
BOUND = 2.0
"""Beyond which they are cut off then."""
MOST_CHANGE_M_S = 4.0
"""The second action of a policy, -1..1, changes the speed that was seen by up to this much: it learns how far to trust
it, and not what it is (a residual policy, Johannink et al., ICRA 2019)."""


def known_of(situation: Situation) -> dict[str, float]:
    """Return what the car knows of itself, by name."""
    return {OWN_SPEED: situation.speed_m_s, STOOD_AGO: min(situation.stood_ago_s, MOST_STOOD_AGO_S)}


def drives(values: Mapping[str, float] | None) -> bool:
    """Say whether the numbers of a picture are those of a network that drives; infinite ones and NaN are none."""
    return values is not None and all(math.isfinite(values.get(name, math.nan)) for name in (STEERING, SPEED))


def command_of(values: Mapping[str, float] | None, *, speed_m_s: float, limit_m_s: float) -> Command:
    """Return the command that a network's numbers amount to.

    Args:
        values: the numbers by name.
        speed_m_s: of the car.
        limit_m_s: which no speed of the network exceeds.

    Raises:
        ModelError: when they are not those of a network that drives.
    """
    if values is None or not drives(values):
        given = ", ".join(f"{name} {value:.4g}" for name, value in (values or {}).items()) or "no numbers"
        raise ModelError(f"the model gives {given}; one that drives gives {STEERING} and {SPEED}, both finite")
    return Command(values[STEERING], reach(speed_m_s, min(values[SPEED], limit_m_s)))
