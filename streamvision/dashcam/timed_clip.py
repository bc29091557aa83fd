"""A clip on the way to its place: when it begins, how sure that is, and what the user should know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from streamvision.core.frame import WallTime
from streamvision.dashcam.clip import Clip

HOUR_S = 3600.0


@dataclass(frozen=True)
class TimedClip:
    """A clip with a beginning and a length."""

    clip: Clip
    """The file."""
    start: WallTime
    """When its first frame was taken, in UTC as well as it is known by itself."""
    length_s: float
    """How long it plays, estimated where its header does not say."""
    by_satellites: bool
    """Whether its own positions say when it was."""
    camera_minus_utc_s: float | None = None
    """How far the camera's clock was ahead of UTC; ``None`` where nothing tells."""
    is_rough: bool = False
    """Whether its beginning is the time of its file less its length."""
    lost_before_s: float | None = None
    """How much is missing between the clip that it follows on from and itself, less than nothing where both show it;
    ``None`` where it follows on from none."""

    @property
    def start_s(self) -> float:
        """Its beginning, in seconds since 1970 UTC."""
        return self.start.unix_s

    @property
    def end_s(self) -> float:
        """Its end, in seconds since 1970 UTC."""
        return self.start.unix_s + self.length_s

    def moved(self, by_s: float) -> TimedClip:
        """Return it that much later."""
        return replace(self, start=WallTime(self.start.unix_s + by_s, self.start.source))

    def overlap_s(self, other: TimedClip) -> float:
        """Return how long both were recording."""
        return max(min(self.end_s, other.end_s) - max(self.start_s, other.start_s), 0.0)

    @property
    def is_extra(self) -> bool:
        """Whether it was kept for a reason: many cameras write such clips beside their loop."""
        return self.clip.mode in ("event", "manual")

    @property
    def order(self) -> tuple[float, int, int, str]:
        """What clips are sorted by: equal times occur, as where a clock was never set."""
        name = self.clip.name
        return (self.start_s, name.counter or 0 if name else 0, name.chapter if name else 0, str(self.clip.path))


@dataclass(frozen=True)
class Note:
    """What the user should know of some clips."""

    text: str
    """One sentence."""
    files: frozenset[Path]
    """The clips that it is about."""


def note(text: str, *clips: TimedClip | Clip) -> Note:
    """Return a note about clips."""
    return Note(text, frozenset(one.clip.path if isinstance(one, TimedClip) else one.path for one in clips))
