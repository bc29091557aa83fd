"""What a reader of positions is, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass

from streamvision.core.position import Fix
from streamvision.core.registry import Plugin


@dataclass(frozen=True)
class Readings:
    """What a video file says of its way."""

    fixes: tuple[Fix, ...]
    """In the order in which they were written; none where the receiver had no fix."""
    camera_minus_utc_s: float | None = None
    """How far the camera's own clock is ahead of UTC, where the format tells both times."""
    may_be_local: bool = False
    """Whether cameras of this format are known to write their local time where UTC belongs."""


@dataclass(frozen=True, kw_only=True)
class GpsFormat(Plugin):
    """How positions lie in a video file.

    Its factory is a function that takes the open file (``BinaryIO``) and returns :class:`Readings`, or ``None`` where
    the file is not of this format. It may raise ``ValueError`` or ``OSError``, and ends in bounded time whatever the
    file holds.
    """
