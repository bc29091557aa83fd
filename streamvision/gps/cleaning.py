"""Leaves out of a receiver's fixes what cannot be.

Cameras repeat the last fix while they have none: at the beginning of a clip that may be the one of the drive before
(https://github.com/RobXYZ/viofosync/issues/33). Receivers begin with a place far away, and clocks are set on the way.
Which rows are wrong is not told by the row, but by the most others that agree with each other.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

from streamvision.core.position import Fix
from streamvision.gps.earth import distance_between_m

FASTEST_M_S = 90.0
"""No car on a road is faster (324 km/h)."""
JUMP_M = 30.0
"""What noise alone may add to a step, however short."""
STANDS_M_S = 1.0
"""Below this speed the same place twice is likely."""
STALE_S, STALE_REPEATED_S = 30.0, 2.0
"""Time after which what follows shows that the first fix was an old one: where it stood once, and several times."""
LAST_UNIX_S = 253_402_300_800
"""The year 10,000, which calendars do not write."""
RUNS_BACK = 32
"""How many stretches back the one before is looked for."""


def cleaned(fixes: Iterable[Fix]) -> list[Fix]:
    """Return the fixes that can be, in the order of their times, which grow."""
    told = [fix for fix in fixes if _is_one(fix)]
    return _without_jumps(_without_repeats(_without_stale_beginning(_going_on(told), told)))


def _is_one(fix: Fix) -> bool:
    is_nowhere = abs(fix.latitude_deg) < 1e-6 and abs(fix.longitude_deg) < 1e-6
    return fix.unix_s is not None and 0 <= fix.unix_s < LAST_UNIX_S and not is_nowhere


def _time_s(fix: Fix) -> float:
    return fix.unix_s if fix.unix_s is not None else math.nan


def _going_on(fixes: Sequence[Fix]) -> list[Fix]:
    """Return the longest series whose time grows with every fix (patience sorting)."""
    ends_s: list[float] = []
    ends: list[int] = []
    before: list[int] = []
    for at, fix in enumerate(fixes):
        place = bisect_left(ends_s, _time_s(fix))
        before.append(ends[place - 1] if place else -1)
        if place == len(ends_s):
            ends_s.append(_time_s(fix))
            ends.append(at)
        elif ends_s[place] != _time_s(fix):  # of equal times the first is kept
            ends_s[place], ends[place] = _time_s(fix), at
    series, at = [], ends[-1] if ends else -1
    while at >= 0:
        series.append(fixes[at])
        at = before[at]
    return series[::-1]


def _without_stale_beginning(series: list[Fix], told: Sequence[Fix]) -> list[Fix]:
    if len(series) < 2:
        return series
    first_s, second_s = _time_s(series[0]), _time_s(series[1])
    is_repeated = sum(_time_s(fix) == first_s for fix in told[: len(told) - len(series) + 2]) > 1
    return series[1:] if second_s - first_s > (STALE_REPEATED_S if is_repeated else STALE_S) else series


def _without_repeats(series: list[Fix]) -> list[Fix]:
    """Leave out fixes at the very place of the one before, while the receiver says that it moves."""
    kept: list[Fix] = []
    for fix in series:
        stays = kept and (fix.latitude_deg, fix.longitude_deg) == (kept[-1].latitude_deg, kept[-1].longitude_deg)
        if not (stays and fix.speed_m_s is not None and fix.speed_m_s >= STANDS_M_S):
            kept.append(fix)
    return kept


def _without_jumps(series: list[Fix]) -> list[Fix]:
    """Return the most fixes that can be reached one from another, by stretches without a jump."""
    begins = [at for at in range(len(series)) if at == 0 or not _reaches(series[at - 1], series[at])]
    runs = [series[begin:end] for begin, end in pairwise([*begins, len(series)])]
    most: list[tuple[int, int]] = []
    for at, run in enumerate(runs):
        earlier = (
            (most[other][0], other) for other in range(max(at - RUNS_BACK, 0), at) if _reaches(runs[other][-1], run[0])
        )
        count, before = max(earlier, default=(0, -1))
        most.append((count + len(run), before))
    at = max(range(len(runs)), key=lambda run: most[run][0], default=-1)
    chosen = []
    while at >= 0:
        chosen.append(runs[at])
        at = most[at][1]
    return [fix for run in reversed(chosen) for fix in run]


def _reaches(earlier: Fix, later: Fix) -> bool:
    return distance_between_m(earlier, later) <= FASTEST_M_S * (_time_s(later) - _time_s(earlier)) + JUMP_M
