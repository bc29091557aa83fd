"""Where a driver has the speed limit from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from streamvision.core.picture import Picture
from streamvision.synthetic.driving import Situation


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
