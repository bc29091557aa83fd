"""The rules of the road along the lap: limits from where their signs stand, stop signs, traffic lights."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Literal

from streamvision.synthetic.drive.roadside import Roadside, lamp_at
from streamvision.synthetic.drive.signs import CLASS_NAMES
from streamvision.synthetic.drive.view import LAP_M

RuleKind = Literal["stop_sign", "traffic_light"]
STOP_WITHIN_M = 6.0
"""Whoever stands nearer than this before the line has stopped at the sign."""
STANDS_M_S = 0.3
STAND_BEFORE_M: dict[RuleKind, float] = {"stop_sign": 4.2, "traffic_light": 7.0}
"""Where to stand: so far before the line that what asks to stop is still in view of a dashcam."""
_BEFORE_SIGN_M = 0.5
"""The line is this far before the pole."""
_FIRM_BRAKING_M_S2 = 3.0
"""At amber whoever would have to brake harder than this drives on."""


@dataclass(frozen=True)
class StopLine:
    """A line across the lane at which something asks to stop."""

    s_m: float
    """Place along the lap."""
    kind: RuleKind
    """What stands there."""
    pole_s_m: float
    """Where it stands."""


@dataclass(frozen=True)
class Limit:
    """A speed limit that holds from a place on."""

    s_m: float
    """Place of the sign along the lap."""
    speed_m_s: float
    """The limit."""


class RoadRules:
    """What a lap asks of those who drive on it."""

    def __init__(self, roadside: Roadside) -> None:
        limits, lines = [], []
        for pole in roadside.poles:
            if pole.x_m < 0:
                continue
            for mounted in pole.mounted:
                line_m = pole.s_m - _BEFORE_SIGN_M
                if mounted.face is None:
                    lines.append(StopLine(line_m, "traffic_light", pole.s_m))
                    break
                if mounted.face.class_id == CLASS_NAMES.index("stop"):
                    lines.append(StopLine(line_m, "stop_sign", pole.s_m))
                elif mounted.face.class_id == CLASS_NAMES.index("speedlimit"):
                    limits.append(Limit(pole.s_m, float(mounted.face.text or 0) / 3.6))
        self.limits = tuple(sorted(limits, key=lambda limit: limit.s_m))
        """In their order along the lap."""
        self.lines = tuple(sorted(lines, key=lambda line: line.s_m))
        """In their order along the lap."""
        self._limits_m = [limit.s_m for limit in self.limits]

    def limit_m_s(self, s_m: float) -> float:
        """Return the limit at a place: that of the last sign, of the lap before where none has been passed in this."""
        return self.limits[bisect.bisect_right(self._limits_m, s_m % LAP_M) - 1].speed_m_s

    def next_limit(self, s_m: float) -> tuple[float, float]:
        """Return how far ahead the next limit begins, and what it is (metres a second)."""
        limit = self.limits[bisect.bisect_right(self._limits_m, s_m % LAP_M) % len(self.limits)]
        return (limit.s_m - s_m) % LAP_M, limit.speed_m_s


class RuleKeeper:
    """Remembers of one vehicle where it has stopped, says where it must stop next, and what it broke."""

    def __init__(self, rules: RoadRules) -> None:
        self._rules = rules
        self._stopped_at: StopLine | None = None

    def stop_m(self, front_s_m: float, speed_m_s: float, time_s: float) -> float | None:
        """Return how far ahead of a vehicle's front the next line is at which it must stop; ``None`` for none near."""
        line, ahead_m = self._next(front_s_m)
        return ahead_m if self._holds(line, ahead_m, speed_m_s, time_s) else None

    def stand_m(self, front_s_m: float, speed_m_s: float, time_s: float) -> float | None:
        """Return how far ahead the place is at which to stand before that line; below 0 where it was passed."""
        line, ahead_m = self._next(front_s_m)
        return ahead_m - STAND_BEFORE_M[line.kind] if self._holds(line, ahead_m, speed_m_s, time_s) else None

    def drive(
        self, front_s_m: float, to_s_m: float, *, speed_m_s: float, time_s: float
    ) -> tuple[tuple[RuleKind, bool], ...]:
        """Take note of a step, and return the rules that it met, each with whether it was kept."""
        line, ahead_m = self._next(front_s_m)
        if speed_m_s < STANDS_M_S and ahead_m < STOP_WITHIN_M:
            self._stopped_at = line
        if to_s_m - front_s_m <= ahead_m:
            return ()
        if line.kind == "stop_sign":
            kept = self._stopped_at == line
        else:
            kept = lamp_at(line.pole_s_m, time_s) in ("green", "amber")
        self._stopped_at = None
        return ((line.kind, kept),)

    def _next(self, front_s_m: float) -> tuple[StopLine, float]:
        return min(((line, (line.s_m - front_s_m) % LAP_M) for line in self._rules.lines), key=lambda pair: pair[1])

    def _holds(self, line: StopLine, ahead_m: float, speed_m_s: float, time_s: float) -> bool:
        if line.kind == "stop_sign":
            return self._stopped_at != line
        lamp = lamp_at(line.pole_s_m, time_s)
        return lamp in ("red", "red+amber") or (
            lamp == "amber" and speed_m_s**2 <= 2 * _FIRM_BRAKING_M_S2 * max(ahead_m, 0.0)
        )
