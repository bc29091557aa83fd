"""What every kind of source offers to the capture thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from streamvision.core.picture import Picture


@dataclass(frozen=True, eq=False)
class Captured:
    """One decoded picture and its clocks, before it is given its place in a stream."""

    picture: Picture
    """The pixels."""
    pts_s: float
    """Presentation time in the source's own clock, in seconds; never decreases within one reader."""
    captured_at_s: float
    """When its data reached this machine, on ``time.monotonic()``."""


class Reader(Protocol):
    """One open connection to a source. It is used by one thread and never reopened: build a new one instead."""

    @property
    def expected_frames(self) -> int | None:
        """How many frames the source says it has, or ``None`` where it cannot know."""

    @property
    def paced(self) -> bool:
        """Whether pictures come faster than they are to be shown, so that the caller waits for each one's time."""

    @property
    def losses(self) -> Mapping[str, int]:
        """Frames lost inside the reader so far, by cause."""

    def open(self) -> None:
        """Connect, within the open timeout.

        Raises:
            SourceError: when it cannot; ``permanent`` where trying again cannot help.
        """

    def read(self) -> Captured | None:
        """Return the next picture, or ``None`` at the end of the source.

        Raises:
            SourceStalledError: when nothing arrived within the read timeout.
            SourceError: when the connection broke or the data is damaged beyond use.
        """

    def close(self) -> None:
        """Release everything; legal in every state, and twice."""
