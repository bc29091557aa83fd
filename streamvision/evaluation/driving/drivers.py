"""Drivers to be measured, and what each of them may know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from streamvision.core.picture import Picture
from streamvision.evaluation.driving.limits import LimitOfMap, LimitSource
from streamvision.inference.model import Model
from streamvision.synthetic.driving import Command, RuleDriver, Situation
from streamvision.synthetic.driving.network import command_of


class Driver(Protocol):
    """Drives one car."""

    @property
    def held_limit_m_s(self) -> float | None:
        """What it held for the speed limit at its last command; ``None`` where it does not say."""

    def begin(self) -> None:
        """Forget the drive before."""

    def command(self, situation: Situation, picture: Callable[[], Picture]) -> Command:
        """Return what to do now; whoever does not look at the picture does not have it painted."""


class NoDriver:
    """Holds wheel and speed still."""

    held_limit_m_s = None

    def begin(self) -> None:
        """Nothing is remembered."""

    def command(self, situation: Situation, picture: Callable[[], Picture]) -> Command:
        """Return the command that changes nothing."""
        return Command(0.0, 0.0)


class TruthDriver:
    """The rule-based driver, which knows the truth, or has the limit from elsewhere.

    Args:
        limit: where the limit comes from; by default the map, which knows the next limit, too.
    """

    def __init__(self, *, limit: LimitSource | None = None) -> None:
        self._driver, self._limit = RuleDriver(), limit
        self.held_limit_m_s: float | None = None

    def begin(self) -> None:
        """Forget the limit of the drive before."""
        if self._limit is not None:
            self._limit.begin()

    def command(self, situation: Situation, picture: Callable[[], Picture]) -> Command:
        """Return what the rules say."""
        if self._limit is not None:
            self.held_limit_m_s = limit_m_s = self._limit.limit_m_s(situation, picture)
            situation = replace(situation, limit_m_s=limit_m_s, next_limit_m_s=limit_m_s)
        return self._driver.command(situation)


class PictureDriver:
    """A network that sees the frame alone; the car's own speed and a limit set the pedals.

    Args:
        model: gives the numbers of :mod:`streamvision.synthetic.driving.network` for a picture.
        limit: where the limit comes from.
    """

    def __init__(self, model: Model, *, limit: LimitSource | None = None) -> None:
        self._model = model
        self._limit = limit or LimitOfMap()
        self.held_limit_m_s: float | None = None

    def begin(self) -> None:
        """Forget the limit of the drive before."""
        self._limit.begin()

    def command(self, situation: Situation, picture: Callable[[], Picture]) -> Command:
        """Return what the network says of the picture.

        Raises:
            ModelError: when it is no network that drives.
        """
        (found,) = self._model.find([picture()])
        values = found.image_result.values if found.image_result else None
        self.held_limit_m_s = limit_m_s = self._limit.limit_m_s(situation, picture)
        return command_of(values, speed_m_s=situation.speed_m_s, limit_m_s=limit_m_s)
