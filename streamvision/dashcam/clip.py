"""What is known of the clips of a card, and of the drives that they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from streamvision.core.frame import WallTime
from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.side_files.beside import SideFile

View = Literal["front", "rear", "interior", "left", "right", "left_pillar", "right_pillar", "tele", "other"]
"""Where a lens of the car looks; ``other``: where its owner put it, as BlackVue's optional camera."""
Mode = Literal["normal", "event", "manual", "parking", "lapse"]
"""Why a clip was recorded: in the loop, by a shock, by hand, while the car stood, or as a time lapse."""


WALKING_M_S = 2.0
"""A car that stands is not this fast, however its receiver errs."""


@dataclass(frozen=True)
class ClipName:
    """What a file's name and its folders say."""

    maker: str
    """Name of the scheme, such as ``viofo``."""
    stamp: datetime | None
    """When the clip begins (naive: the camera's own clock and zone); ``None`` where the name is a counter alone."""
    counter: int | None
    """The number in the name."""
    view: View
    """Where the lens looks; ``front`` where the name does not say."""
    mode: Mode
    """Why it was recorded."""
    chapter: int = 0
    """Which part of one take, where its number counts takes, as GoPro's do."""
    is_copy: bool = False
    """Whether it is a smaller copy of another file, made for telephones."""


@dataclass(frozen=True)
class Clip:
    """One video file of a card."""

    path: Path
    """Where it is."""
    name: ClipName | None
    """What its name says; ``None`` where no scheme knows it."""
    view: View
    """Where the lens looks."""
    mode: Mode
    """Why it was recorded."""
    duration_s: float | None
    """How long it plays, by its header; ``None`` where that is missing, as at a clip that the ignition cut off."""
    created_unix_s: float | None
    """What the container says of its beginning or end, as if it were UTC; ``None`` where it says nothing."""
    modified_unix_s: float
    """When the file was last written, by the file system."""
    gps: ClipGps | None
    """Its fixes; ``None`` where there are none."""
    size_bytes: int = 0
    """How long the file is."""
    key: str = ""
    """What its content is known by; empty where nobody asked."""
    beside: tuple[SideFile, ...] = ()
    """The files of its own beside it, as they were when ``gps`` was read."""

    @property
    def files(self) -> list[Path]:
        """The file, and those of its own beside it."""
        return [self.path, *(self.path.with_name(one.name) for one in self.beside)]


@dataclass(frozen=True)
class PlacedClip:
    """A clip on the clock of its drive."""

    clip: Clip
    """The file."""
    start: WallTime
    """When its first frame was taken, in UTC as well as it is known, and who says so."""
    drop_s: float = 0.0
    """How much of its beginning the clips before it show already, by their clocks: these frames are left out. Below a
    second it is an estimate, which the pictures tell better."""
    gap_s: float = 0.0
    """How much time was not recorded between the end of the clip before it and its own beginning, by their clocks."""


@dataclass(frozen=True)
class Drive:
    """Clips without a real gap between them, in their order, lens by lens."""

    id: str
    """Its beginning in UTC, as ``20260628-133416``; unique on the card."""
    views: dict[View, tuple[PlacedClip, ...]]
    """The clips of each lens."""
    camera_minus_utc_s: float | None
    """How far the camera's clock was ahead of UTC; ``None`` where nothing tells."""
    notes: tuple[str, ...] = ()
    """What the user should know, one sentence each: a wrong clock, a missing zone, clips that overlap."""

    @property
    def start_unix_s(self) -> float:
        """When its first clip begins, UTC."""
        return min(clips[0].start.unix_s for clips in self.views.values())

    @property
    def is_parked(self) -> bool:
        """Whether all of it was recorded while the car stood: by a shock in the night, or as a time lapse."""
        clips = [one.clip for clips in self.views.values() for one in clips]
        return all(clip.mode in ("parking", "lapse") and not _moves(clip) for clip in clips)


def _moves(clip: Clip) -> bool:
    fixes = clip.gps.fixes if clip.gps is not None else ()
    return sum((fix.speed_m_s or 0.0) > WALKING_M_S for fix in fixes) > len(fixes) / 2
