"""Drivers to be measured, and what each of them may know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from streamvision.core.picture import Picture
from streamvision.inference.model import Model
from streamvision.synthetic.driving import Command, RuleDriver, Situation
from streamvision.synthetic.driving.network import command_of


class Driver(Protocol):
    """Drives one car."""

    def begin(self) -> None:
        """Forget the drive before."""

    def command(self, situation: Situation, picture: Callable[[], Picture]) -> Command:
        """Return what to do now; whoever does not look at the picture does not have it painted."""


class NoDriver:
    """Holds wheel and speed still."""

    def begin(self) -> None:
        """Nothing is remembered."""

    def command(self, situation: Situation, picture: Callable[[], Picture]) -> Command:
        """Return the command that changes nothing."""
        return Command(0.0, 0.0)


class TruthDriver:
    """The rule-based driver, which knows the truth."""

    def __init__(self) -> None:
        self._driver = RuleDriver()

    def begin(self) -> None:
        """Nothing is remembered."""

    def command(self, situation: Situation, picture: Callable[[], Picture]) -> Command:
        """Return what the rules say."""
        return self._driver.command(situation)


class LimitSource(Protocol):
    """Knows the speed limit."""

    def begin(self) -> None:
        """Forget the drive before."""

    def limit_m_s(self, situation: Situation, picture: Callable[[], Picture]) -> float:
        """Return the limit here."""


class LimitOfMap:
    """The true limit, as a navigation system would know it."""

    def begin(self) -> None:
        """Nothing is remembered."""

    def limit_m_s(self, situation: Situation, picture: Callable[[], Picture]) -> float:
        """Return the true limit."""
        return situation.limit_m_s


class PictureDriver:
    """A network that sees the frame alone; the car's own speed and a limit set the pedals.

    Args:
        model: gives the numbers of :mod:`streamvision.synthetic.driving.network` for a picture.
        limit: where the limit comes from.
    """

    def __init__(self, model: Model, *, limit: LimitSource | None = None) -> None:
        self._model = model
        self._limit = limit or LimitOfMap()

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
        return command_of(values, speed_m_s=situation.speed_m_s, limit_m_s=self._limit.limit_m_s(situation, picture))
