"""A driver that knows the truth and keeps the rules: the reference, and whom networks imitate.

It steers by pure pursuit (Coulter, CMU-RI-TR-92-01, 1992), follows by the intelligent driver model, brakes for lower
limits before they begin, and takes bends at a comfortable speed.
"""

from __future__ import annotations

import math

import numpy as np

from streamvision.synthetic.driving.car import MOST_SPEED_M_S, MOST_STEER_RAD, WHEELBASE_M, Command
from streamvision.synthetic.driving.longitudinal import COMFORTABLE_BRAKING_M_S2, follow, speed_towards
from streamvision.synthetic.driving.world import LOOK_AHEAD_M, Situation

_LOOK_AHEAD_M = 12.0
"""The same at all speeds, so that the steering follows from what is seen alone."""
MOST_GAP_M = 60.0
"""A car farther ahead is as good as none."""
_SIDEWAYS_M_S2 = 2.5
_BELOW_LIMIT = 0.97
"""Share of the limit that is driven."""


class RuleDriver:
    """Drives by the truth."""

    def command(self, situation: Situation) -> Command:
        """Return what it does in a situation."""
        wanted_m_s = min(allowed_m_s(situation), bend_speed_m_s(situation))
        acceleration = follow(
            situation.speed_m_s,
            wanted_m_s=_BELOW_LIMIT * wanted_m_s,
            gap_m=situation.gap_m,
            lead_m_s=situation.lead_m_s,
            stop_m=situation.stop_m,
        )
        return Command(steering_towards_lane(situation), acceleration)


def steering_towards_lane(situation: Situation) -> float:
    """Return the steering, -1..1, onto the circle through a point of the lane's middle ahead."""
    x_m = float(np.interp(_LOOK_AHEAD_M, LOOK_AHEAD_M, situation.lane_x_m))
    steer_rad = math.atan(2 * WHEELBASE_M * x_m / (_LOOK_AHEAD_M**2 + x_m**2))
    return min(max(steer_rad / MOST_STEER_RAD, -1.0), 1.0)


def seen_speed_m_s(situation: Situation) -> float:
    """Return the speed that suits what can be seen: the car ahead, lines at which to stop, bends; no limits."""
    return min(speed_towards(situation.gap_m, situation.stop_m), bend_speed_m_s(situation))


def allowed_m_s(situation: Situation) -> float:
    """Return the limit here, or less where a lower one begins soon."""
    soon_m_s = math.sqrt(situation.next_limit_m_s**2 + 2 * COMFORTABLE_BRAKING_M_S2 * 0.5 * situation.next_limit_m)
    return min(situation.limit_m_s, soon_m_s)


def bend_speed_m_s(situation: Situation) -> float:
    """Return the speed at which bends here and ahead are comfortable."""
    sharpest = max(abs(curvature) for curvature in situation.curvature_per_m)
    return min(math.sqrt(_SIDEWAYS_M_S2 / max(sharpest, 1e-6)), MOST_SPEED_M_S)


def true_values(situation: Situation) -> dict[str, float]:
    """Return the truth of what a network is to see, by name."""
    return {
        "lane_10": float(np.interp(10.0, LOOK_AHEAD_M, situation.lane_x_m)),
        "lane_20": float(np.interp(20.0, LOOK_AHEAD_M, situation.lane_x_m)),
        "speed": min(seen_speed_m_s(situation), MOST_SPEED_M_S),
        "gap": min(situation.gap_m, MOST_GAP_M),
    }
