"""The world of one drive with a car of one's own: that car, the car ahead, lights, rules; stepped by commands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from streamvision.synthetic.drive.bodies import body_of
from streamvision.synthetic.drive.roadside import create_roadside
from streamvision.synthetic.drive.view import EGO_LANE_X_M, LANE_M, LAP_M, Course
from streamvision.synthetic.driving.car import FRONT_M, WIDTH_M, CarState, Command
from streamvision.synthetic.driving.longitudinal import follow
from streamvision.synthetic.driving.rules import STANDS_M_S, RoadRules, RuleKeeper, RuleKind

Ended = Literal["left the lane", "collision"]
IN_LANE_M = LANE_M / 2 - WIDTH_M / 2
"""With its middle no farther from the lane's, the whole car is between the lines."""
LEFT_LANE_M = LANE_M / 2
"""With its middle farther from the lane's, the car has left it, and the drive ends."""
LEAD_LENGTH_M = body_of("wagon").length_m
_AHEAD_M = (0.0, 10.0, 20.0, 35.0)


@dataclass(frozen=True)
class WorldOptions:
    """How a drive begins and how finely it is computed."""

    seed: int = 0
    """Equal seeds give the same road, signs and traffic."""
    step_s: float = 0.1
    """From one command to the next."""
    speed_m_s: float = 10.0
    """At the beginning, but no more than the limit."""
    begin_m: float | None = None
    """Where along the lap it begins; ``None``: at a place that the seed chooses."""


@dataclass(frozen=True)
class Situation:
    """The truth about a moment, as a driver would want to know it."""

    offset_m: float
    """Of the car, right of the middle of its lane."""
    yaw_rad: float
    """Direction of the car, right of the road's."""
    lane_x_m: tuple[float, ...]
    """Where the middle of the lane lies, right of the way straight ahead, at 5, 10, 15, 20, 25 and 30 m."""
    curvature_per_m: tuple[float, ...]
    """Of the lane here and 10, 20 and 35 m ahead, positive to the right."""
    speed_m_s: float
    """Of the car."""
    limit_m_s: float
    """Speed limit here."""
    next_limit_m: float
    """How far ahead the next limit begins."""
    next_limit_m_s: float
    """What it is."""
    gap_m: float
    """From the car's front to the car ahead."""
    lead_m_s: float
    """Speed of the car ahead."""
    stop_m: float | None
    """From the car's front to where it must stand, some metres before a line; ``None`` where it need not."""

    stood_ago_s: float
    """Since the car last stood; ``inf`` where it has not."""


LOOK_AHEAD_M = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0)


@dataclass(frozen=True)
class Step:
    """What one step brought."""

    rules: tuple[tuple[RuleKind, bool], ...]
    """Rules that were met, each with whether it was kept."""
    ended: Ended | None
    """Why the drive is over; ``None`` where it goes on."""


class DrivenWorld:
    """One drive. The same options and commands always give the same course of events.

    >>> world = DrivenWorld(WorldOptions(seed=1, begin_m=0.0))
    >>> for _ in range(10):
    ...     step = world.step(Command(0.0, 1.0))
    >>> round(world.car.speed_m_s, 3), round(world.time_s, 1)
    (11.0, 1.0)
    """

    def __init__(self, options: WorldOptions) -> None:
        self.options = options
        roadside = create_roadside(np.random.default_rng((options.seed, 0)))
        self.course = Course(np.random.default_rng((options.seed, 1)), roadside.slow_zones)
        """The road."""
        self.rules = RoadRules(roadside)
        """What it asks."""
        self.reset()

    def reset(
        self,
        *,
        begin_m: float | None = None,
        offset_m: float = 0.0,
        yaw_rad: float = 0.0,
        speed_m_s: float | None = None,
        gap_m: float = 28.0,
        lead_m_s: float | None = None,
    ) -> None:
        """Begin again, at another place, beside the middle of the lane or closer to the car ahead as is asked for.

        Both cars are as fast as the world's options say where nothing else is given, and none faster than the limit.
        """
        options, rng = self.options, np.random.default_rng((self.options.seed, 9))
        places_m = [given for given in (begin_m, options.begin_m) if given is not None]
        chosen_m = float(rng.uniform(0, LAP_M))
        s_m = places_m[0] if places_m else chosen_m
        self.time_s = 0.0
        """Since the beginning."""
        speed_m_s = min(options.speed_m_s if speed_m_s is None else speed_m_s, self.rules.limit_m_s(s_m))
        self.car = CarState(s_m, offset_m, yaw_rad, speed_m_s)
        """The own car."""
        self.command = Command(0.0, 0.0)
        """The last command."""
        self.lead_s_m, self.lead_m_s = s_m + FRONT_M + gap_m, speed_m_s if lead_m_s is None else lead_m_s
        self._stood_s = 0.0 if speed_m_s < STANDS_M_S else -math.inf
        self.lead_braking = False
        self._lead_phase = float(rng.uniform(0, 2 * np.pi))
        self._keeper, self._lead_keeper = RuleKeeper(self.rules), RuleKeeper(self.rules)

    def situation(self) -> Situation:
        """Return the truth about this moment."""
        car = self.car
        ahead_m = np.array(LOOK_AHEAD_M)
        lane_x_m = self.course.middle_x_m(car.s_m, ahead_m) + EGO_LANE_X_M - car.offset_m - car.yaw_rad * ahead_m
        next_limit_m, next_limit_m_s = self.rules.next_limit(car.s_m)
        return Situation(
            offset_m=car.offset_m,
            yaw_rad=car.yaw_rad,
            lane_x_m=tuple(lane_x_m.tolist()),
            curvature_per_m=tuple(self.course.curvature_per_m(car.s_m + np.array(_AHEAD_M)).tolist()),
            speed_m_s=car.speed_m_s,
            limit_m_s=self.rules.limit_m_s(car.s_m),
            next_limit_m=next_limit_m,
            next_limit_m_s=next_limit_m_s,
            gap_m=self.lead_s_m - car.s_m - FRONT_M,
            lead_m_s=self.lead_m_s,
            stop_m=self._keeper.stand_m(car.s_m + FRONT_M, car.speed_m_s, self.time_s),
            stood_ago_s=self.time_s - self._stood_s,
        )

    def step(self, command: Command) -> Step:
        """Let one step of time pass."""
        step_s, before = self.options.step_s, self.car
        self.command = command
        curvature = float(self.course.curvature_per_m(before.s_m))
        self.car = before.after(command, curvature_per_m=curvature, step_s=step_s)
        front_m, to_m = before.s_m + FRONT_M, self.car.s_m + FRONT_M
        met = self._keeper.drive(front_m, to_m, speed_m_s=self.car.speed_m_s, time_s=self.time_s)
        self._drive_lead(step_s)
        self.time_s += step_s
        if self.car.speed_m_s < STANDS_M_S:
            self._stood_s = self.time_s
        return Step(met, self._ended())

    def _drive_lead(self, step_s: float) -> None:
        """Let the car ahead drive: below the limit, now more and now less so, and by the rules."""
        front_m = self.lead_s_m + LEAD_LENGTH_M
        share = 0.78 + 0.12 * math.sin(2 * math.pi * self.time_s / 31 + self._lead_phase)
        stop_m = self._lead_keeper.stand_m(front_m, self.lead_m_s, self.time_s)
        wanted_m_s = min(share * self.rules.limit_m_s(front_m), 18.0)
        acceleration = follow(self.lead_m_s, wanted_m_s=wanted_m_s, gap_m=math.inf, lead_m_s=0.0, stop_m=stop_m)
        speed_m_s = max(self.lead_m_s + acceleration * step_s, 0.0)
        to_m = front_m + speed_m_s * step_s
        self._lead_keeper.drive(front_m, to_m, speed_m_s=speed_m_s, time_s=self.time_s)
        self.lead_s_m, self.lead_m_s, self.lead_braking = to_m - LEAD_LENGTH_M, speed_m_s, acceleration < -0.5

    def _ended(self) -> Ended | None:
        if abs(self.car.offset_m) > LEFT_LANE_M:
            return "left the lane"
        return "collision" if self.lead_s_m - self.car.s_m - FRONT_M <= 0 else None
