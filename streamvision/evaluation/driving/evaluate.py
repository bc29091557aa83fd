"""Lets drivers drive, and counts: seconds in lane, limits, rules, collisions, distance from the middle of the lane."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import Picture
from streamvision.evaluation.driving.drivers import Driver
from streamvision.synthetic.driving import DrivenScene, DrivenWorld, Situation, WorldOptions
from streamvision.synthetic.driving.world import IN_LANE_M, Ended

F64 = NDArray[np.float64]
LIMIT_TOLERANCE_M_S = 0.5
"""Less than 2 km/h above the limit is within it, as speedometers go."""
LEAST_HEADWAY_S = 1.0
"""Who comes closer than this many seconds to the car ahead tailgates."""
READ_WITHIN_S = 2.0
"""After a sign was passed."""
_IN_SIGHT_M, _DRIVES_M_S, _SAME_M_S = 60.0, 1.0, 0.1
PICTURE_PX = (320, 180)
MOMENTS = 400
"""Of a drive, as many are kept."""
LAST_PX = (640, 360)
"""Width and height of the last picture of a drive."""
BESIDE_M = 0.3
"""Drives begin this far beside the middle of the lane, so that nobody who holds the wheel still looks good."""


@dataclass(frozen=True, eq=False)
class DriveTrace:
    """What a drive was like from moment to moment."""

    time_s: F64
    """(N,) since its beginning; N is at most :data:`MOMENTS`."""
    offset_m: F64
    """(N,) how far right of the middle of the lane the car was."""
    speed_m_s: F64
    """(N,) how fast."""
    limit_m_s: F64
    """(N,) how fast it might be."""
    last_bgr: NDArray[np.uint8] | None
    """(H, W, 3) what was to be seen when it was over before its time."""


@dataclass(frozen=True)
class DriveFigures:
    """How one drive went."""

    seed: int
    """Of the road."""
    driven_s: float
    """Until the drive was over, or the car had left its lane or hit another."""
    in_lane_s: float
    """Of them, with the whole car between the lines."""
    within_limit_share: float
    """Of them, with no more than the limit and :data:`LIMIT_TOLERANCE_M_S`, 0..1."""
    mean_offset_m: float
    """Mean distance from the middle of the lane."""
    driven_m: float
    """Way."""
    rules_met: int
    """Stop signs and traffic lights that were passed."""
    rules_kept: int
    """Of them, those that were kept."""
    collisions: int
    """0 or 1."""
    headway_s: float | None
    """Median time to where the car ahead is, while that is in sight; ``None`` where it never was."""
    close_share: float
    """Share of the time with less than :data:`LEAST_HEADWAY_S` of it, 0..1."""
    limit_right_share: float | None
    """Share of the time in which the driver held the right limit for the limit, 0..1; ``None`` for drivers that do not
    say."""
    signs_passed: int
    """Signs with limits that were passed by a driver that says what it holds for the limit."""
    signs_read: int
    """Of them, those whose limit it had within :data:`READ_WITHIN_S`."""
    ended: Ended | None
    """Why the drive was over before its time."""
    trace: DriveTrace = field(repr=False, compare=False)
    """What it was like from moment to moment."""


@dataclass(frozen=True)
class DrivingEvaluation:
    """How one driver drives on several roads."""

    driver: str
    """Who."""
    seconds: float
    """How long each drive was to take."""
    drives: tuple[DriveFigures, ...]
    """One a road."""

    @property
    def rules_kept_share(self) -> float | None:
        """Of all rules that were met, those that were kept, 0..1; ``None`` where none was met."""
        met = sum(drive.rules_met for drive in self.drives)
        return sum(drive.rules_kept for drive in self.drives) / met if met else None

    def mean_and_spread(self, figure: str) -> tuple[float, float]:
        """Return the mean of a figure over the roads that have it, and its standard deviation (0 for one road).

        Both are NaN where no road has it.
        """
        values = [float(value) for drive in self.drives if (value := getattr(drive, figure)) is not None]
        if not values:
            return math.nan, math.nan
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        numbers = [
            one.name
            for one in fields(DriveFigures)
            if one.name not in ("seed", "ended", "rules_met", "rules_kept", "signs_passed", "signs_read", "trace")
        ]
        found = {name: self.mean_and_spread(name) for name in numbers}
        means = {
            name: None if math.isnan(mean) else {"mean": mean, "spread": spread}
            for name, (mean, spread) in found.items()
        }
        return {
            "driver": self.driver,
            "seconds": self.seconds,
            "rules_kept_share": self.rules_kept_share,
            **means,
            "drives": [
                {one.name: getattr(drive, one.name) for one in fields(drive) if one.name != "trace"}
                for drive in self.drives
            ],
        }


def evaluate_driver(
    name: str,
    driver: Driver,
    *,
    seeds: Sequence[int],
    seconds: float = 60.0,
    picture_px: tuple[int, int] = PICTURE_PX,
    progress: Callable[[str, int, int], object] = lambda words, done, total: None,
) -> DrivingEvaluation:
    """Let a driver drive once on the road of each seed."""
    drives = []
    for number, seed in enumerate(seeds, 1):
        drives.append(drive_once(driver, WorldOptions(seed=seed), seconds=seconds, picture_px=picture_px))
        progress(f"drives of {name}", number, len(seeds))
    return DrivingEvaluation(name, seconds, tuple(drives))


def drive_once(
    driver: Driver, options: WorldOptions, *, seconds: float, picture_px: tuple[int, int] = PICTURE_PX
) -> DriveFigures:
    """Let a driver drive until its time is over, the car has left its lane, or hits another.

    Args:
        driver: who drives.
        options: the road.
        seconds: how long.
        picture_px: width and height of the frames that the driver may look at.
    """
    world = DrivenWorld(options)
    world.reset(offset_m=BESIDE_M if options.seed % 2 else -BESIDE_M)
    scene: list[DrivenScene] = []
    steps = round(seconds / options.step_s)
    begin_m = world.car.s_m
    in_lane = within = done = met = kept = 0
    beside_m = 0.0
    headways_s: list[float] = []
    signs = _SignCount(round(READ_WITHIN_S / options.step_s))
    ended: Ended | None = None
    moments: list[tuple[float, float, float, float]] = []
    driver.begin()
    for index in range(steps):
        painted: list[Picture] = []

        def picture(index: int = index, painted: list[Picture] = painted) -> Picture:
            if not scene:
                scene.append(DrivenScene(world, *picture_px))
            if not painted:
                painted.append(scene[0].picture_at(index))
            return painted[0]

        situation = world.situation()
        step = world.step(driver.command(situation, picture))
        signs.add(driver.held_limit_m_s, situation)
        if situation.gap_m < _IN_SIGHT_M and situation.speed_m_s > _DRIVES_M_S:
            headways_s.append(situation.gap_m / situation.speed_m_s)
        done += 1
        in_lane += abs(world.car.offset_m) <= IN_LANE_M
        limit_m_s = world.rules.limit_m_s(world.car.s_m)
        within += world.car.speed_m_s <= limit_m_s + LIMIT_TOLERANCE_M_S
        moments.append((done * options.step_s, world.car.offset_m, world.car.speed_m_s, limit_m_s))
        beside_m += abs(world.car.offset_m)
        met += len(step.rules)
        kept += sum(was_kept for _, was_kept in step.rules)
        ended = step.ended
        if ended is not None:
            break
    return DriveFigures(
        seed=options.seed,
        driven_s=round(done * options.step_s, 3),
        in_lane_s=round(in_lane * options.step_s, 3),
        within_limit_share=within / done,
        mean_offset_m=beside_m / done,
        driven_m=world.car.s_m - begin_m,
        rules_met=met,
        rules_kept=kept,
        collisions=int(ended == "collision"),
        headway_s=statistics.median(headways_s) if headways_s else None,
        close_share=sum(headway < LEAST_HEADWAY_S for headway in headways_s) / done,
        limit_right_share=signs.right_share,
        signs_passed=signs.passed,
        signs_read=signs.read,
        ended=ended,
        trace=_trace(moments, DrivenScene(world, *LAST_PX).picture_at(done).to_bgr() if ended else None),
    )


def _trace(moments: Sequence[tuple[float, float, float, float]], last_bgr: NDArray[np.uint8] | None) -> DriveTrace:
    kept = np.unique(np.linspace(0, len(moments) - 1, min(len(moments), MOMENTS)).round().astype(int))
    time_s, offset_m, speed_m_s, limit_m_s = np.array(moments, np.float64)[kept].T
    return DriveTrace(time_s, offset_m, speed_m_s, limit_m_s, last_bgr)


class _SignCount:
    """Counts how long a driver held the right limit for the limit, and the signs that it has read.

    Args:
        within: steps after a sign within which it is to be read.
    """

    def __init__(self, within: int) -> None:
        self._within, self._since, self._awaited = within, 0, False
        self._next_m = math.inf
        self._steps = self._right = 0
        self.passed = self.read = 0

    @property
    def right_share(self) -> float | None:
        """Share of the time with the right limit; ``None`` where none was said."""
        return self._right / self._steps if self._steps else None

    def add(self, held_m_s: float | None, situation: Situation) -> None:
        """Take note of what a driver holds for the limit in a situation."""
        if held_m_s is None:
            return
        is_right = abs(held_m_s - situation.limit_m_s) < _SAME_M_S
        self._steps, self._right = self._steps + 1, self._right + is_right
        if situation.next_limit_m > self._next_m:  # the next sign is another one
            self.passed, self._since, self._awaited = self.passed + 1, 0, True
        self._next_m = situation.next_limit_m
        self._since += 1
        if self._awaited and is_right and self._since <= self._within:
            self.read, self._awaited = self.read + 1, False
