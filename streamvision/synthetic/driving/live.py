"""The drive as a live scene whose car goes where the newest command says; each picture leads back to its car.

The world waits for who drives it: a machine on which pictures are slowly seen drives as well as a fast one, only later.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from streamvision.core.detections import Detections
from streamvision.core.picture import YuvPicture
from streamvision.synthetic.drive.signs import CLASS_NAMES
from streamvision.synthetic.driving.car import Command
from streamvision.synthetic.driving.rule_driver import RuleDriver
from streamvision.synthetic.driving.scene import DrivenScene
from streamvision.synthetic.driving.world import DrivenWorld, Ended, Situation, WorldOptions

SILENCE_S = 1.0
"""Where no command came for so long, the rule-based driver drives."""
MOST_AHEAD_S = 0.2
"""The world is no farther ahead of the picture that the newest command is for, or of two frames where that is more."""
PATIENCE_S = 3.0
"""Longest wait for a command, by the clock; who is slower is silent, and not waited for before the next command."""


class Wheel:
    """The newest command; any thread may give or read one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._given: tuple[Command, float] | None = None
        self._is_awaited = False

    def turn(self, command: Command, *, time_s: float) -> None:
        """Take a command for what was seen at a time of the drive; one for an earlier picture is too late."""
        with self._changed:
            if self._given is None or self._given[1] <= time_s:
                self._given = command, time_s
            self._is_awaited = True
            self._changed.notify_all()

    def wait(self, *, time_s: float) -> None:
        """Wait for a command for what was seen at a time or later; not where the last such wait was in vain."""
        with self._changed:
            if self._is_awaited:
                self._is_awaited = self._changed.wait_for(lambda: self._is_for(time_s), PATIENCE_S)

    def newest(self, *, time_s: float) -> Command | None:
        """Return the newest command; ``None`` where it is for a picture of long ago."""
        with self._changed:
            return self._given[0] if self._given and self._is_for(time_s - SILENCE_S) else None

    def _is_for(self, time_s: float) -> bool:
        return self._given is not None and self._given[1] >= time_s


@dataclass(frozen=True, eq=False)
class SeenFromCar:
    """Owner of a picture: the car that it was seen from, at that moment."""

    wheel: Wheel
    """Takes commands."""
    time_s: float
    """Of the drive."""
    situation: Situation
    """The truth."""
    command: Command
    """What the car was doing."""
    is_commanded: bool
    """Whether that was a command, or the rule-based driver's."""
    drive: int
    """Counts the drives from 1: when one is over, another begins."""
    ended: Ended | None
    """Why the drive before ended, on the first picture of the next."""


class SteeredScene:
    """One frame after the other; the world moves by one frame's time with each.

    Args:
        width_px: of the pictures.
        height_px: of the pictures.
        fps: frames a second.
        seed: of the road.
    """

    names = CLASS_NAMES

    def __init__(self, width_px: int, height_px: int, fps: float, seed: int) -> None:
        self._world = DrivenWorld(WorldOptions(seed=seed, step_s=1 / fps))
        self._scene = DrivenScene(self._world, width_px, height_px)
        self._driver, self._wheel = RuleDriver(), Wheel()
        self._index, self._drive = 0, 1
        self._elapsed_s = 0.0

    def picture_at(self, index: int) -> YuvPicture:
        """Let the world move to a frame, no earlier than the one before, and paint it."""
        ended: Ended | None = None
        while self._index < index:
            self._index += 1
            ended = self._step() or ended
        situation, command = self._world.situation(), self._commanded()
        seen = SeenFromCar(
            self._wheel,
            self._elapsed_s,
            situation,
            command or self._driver.command(situation),
            command is not None,
            self._drive,
            ended,
        )
        return replace(self._scene.picture_at(index), owner=seen)

    def objects_at(self, index: int) -> Detections:
        """Return the exact boxes of signs and lights where the world is now."""
        return self._scene.objects_at(index)

    def _step(self) -> Ended | None:
        self._wheel.wait(time_s=self._elapsed_s - max(MOST_AHEAD_S, 2 * self._world.options.step_s))
        command = self._commanded() or self._driver.command(self._world.situation())
        step = self._world.step(command)
        self._elapsed_s += self._world.options.step_s
        if step.ended is not None:
            self._world.reset(begin_m=self._world.car.s_m)
            self._drive += 1
        return step.ended

    def _commanded(self) -> Command | None:
        return self._wheel.newest(time_s=self._elapsed_s)
