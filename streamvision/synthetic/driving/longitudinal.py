"""How fast to drive: behind another car, before a line, below a limit.

The intelligent driver model (Treiber, Hennecke and Helbing, Physical Review E 62, 2000, equation 3); a line at which to
stop counts as a car that stands there.
"""

from __future__ import annotations

import math

TIME_GAP_S = 1.4
STANDING_GAP_M = 2.0
BEFORE_LINE_M = 1.0
COMFORTABLE_ACCELERATION_M_S2 = 1.5
COMFORTABLE_BRAKING_M_S2 = 2.0
SEEN_TIME_GAP_S = 1.6
SEEN_STANDING_GAP_M = 4.0
"""Whoever sees the gap alone, and not how fast it closes, keeps more of it."""
_FIRMEST_BRAKING_M_S2 = 6.0
_EXPONENT = 4
_SMALLEST_GAP_M = 0.1


def follow(speed_m_s: float, *, wanted_m_s: float, gap_m: float, lead_m_s: float, stop_m: float | None) -> float:
    """Return the acceleration in metres a second squared.

    Args:
        speed_m_s: of the own car.
        wanted_m_s: speed on a free road.
        gap_m: to the car ahead; ``inf`` where there is none.
        lead_m_s: its speed.
        stop_m: to the line at which to stop; ``None`` where there is none.
    """
    obstacles = [(gap_m, lead_m_s, STANDING_GAP_M)]
    if stop_m is not None:
        obstacles.append((stop_m, 0.0, BEFORE_LINE_M))
    nearness = max(_nearness(speed_m_s, *obstacle) for obstacle in obstacles)
    free = 1 - (speed_m_s / max(wanted_m_s, 0.1)) ** _EXPONENT
    acceleration = COMFORTABLE_ACCELERATION_M_S2 * (free - nearness)
    if nearness < 1:  # too fast, but nothing is near: no reason to brake hard
        acceleration = max(acceleration, -COMFORTABLE_BRAKING_M_S2)
    return max(acceleration, -_FIRMEST_BRAKING_M_S2)


def _nearness(speed_m_s: float, gap_m: float, lead_m_s: float, standing_gap_m: float) -> float:
    if math.isinf(gap_m):
        return 0.0
    braking = 2 * math.sqrt(COMFORTABLE_ACCELERATION_M_S2 * COMFORTABLE_BRAKING_M_S2)
    wanted_gap_m = standing_gap_m + max(speed_m_s * TIME_GAP_S + speed_m_s * (speed_m_s - lead_m_s) / braking, 0.0)
    return (wanted_gap_m / max(gap_m, _SMALLEST_GAP_M)) ** 2


def speed_towards(gap_m: float, stop_m: float | None) -> float:
    """Return the speed that suits what lies ahead: a time gap to the car, gentle braking before the line."""
    speed_m_s = max(gap_m - SEEN_STANDING_GAP_M, 0.0) / SEEN_TIME_GAP_S
    if stop_m is not None:
        speed_m_s = min(speed_m_s, math.sqrt(2 * COMFORTABLE_BRAKING_M_S2 * max(stop_m - BEFORE_LINE_M, 0.0)))
    return speed_m_s


def reach(speed_m_s: float, wanted_m_s: float) -> float:
    """Return the acceleration that brings a car to a speed in about a second, as a cruise control does."""
    return min(max(1.2 * (wanted_m_s - speed_m_s), -_FIRMEST_BRAKING_M_S2), COMFORTABLE_ACCELERATION_M_S2)
