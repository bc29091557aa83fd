"""What a video and the files beside it say of its way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streamvision.core.position import Fix, PositionSource


@dataclass(frozen=True)
class ClipGps:
    """The fixes of one video, in the order in which they were written."""

    fixes: tuple[Fix, ...]
    """As they were written: nothing is smoothed, and what the receiver repeats without a fix is there as it is."""
    format: str
    """Name of the format, such as ``novatek`` or ``gpmf``."""
    source: PositionSource
    """Whether it stands in the video or in a file beside it."""
    file: Path
    """Where it was read."""
    camera_minus_utc_s: float | None = None
    """How far the camera's own clock is ahead of UTC (its zone and its error), where the format tells both times."""
    may_be_local: bool = False
    """Whether cameras of this format are known to write their local time where UTC belongs."""
