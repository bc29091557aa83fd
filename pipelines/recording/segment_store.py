"""Where recorded files lie: what a recorder asks of whoever keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

SegmentKind = Literal["continuous", "event"]
"""Why a file is written: as all of a stream is, or since something happened."""


@dataclass(frozen=True)
class WrittenSegment:
    """A file that is written to its end, closed, and on the disk."""

    path: Path
    """The file, as :meth:`SegmentStore.begin` gave it."""
    stream: str
    """Of which stream."""
    start_unix_s: float
    """When its first picture arrived, by this machine's clock; as it was given to :meth:`SegmentStore.begin`."""
    end_unix_s: float
    """When its last picture ended, by this machine's clock."""
    codec: str
    """How its pictures are encoded, in FFmpeg's words: h264, hevc, mjpeg."""
    width_px: int
    """Width of its pictures."""
    height_px: int
    """Height of its pictures."""
    has_sound: bool
    """Whether there is sound in it."""
    pictures: int
    """How many pictures are in it; 0 where nothing was written, so that the store may remove the file."""


class SegmentStore(Protocol):
    """Keeps recorded files, and makes room for them. Everything here is safe to call from any thread.

    A recorder calls it on its own writing thread, never on that of a capture or of a sink, so it may take its time.
    """

    def begin(self, stream: str, start_unix_s: float, kind: SegmentKind) -> Path:
        """Make room and return where the next file of a stream goes; the folder is there, the file is not.

        The boxes go into :func:`boxes_path` of it, which stays where it is when the file is renamed for its kind.

        Raises:
            OutputError: when there is no room and nothing that may be removed, or the folder cannot be made.
        """

    def end(self, segment: WrittenSegment) -> None:
        """Take note of a file that is complete; it may be renamed and removed from here on.

        Raises:
            OutputError: when that cannot be noted; the file is whole nevertheless.
        """

    def note_event(self, stream: str, since_unix_s: float, until_unix_s: float) -> None:
        """Take note that something happened: what overlaps this time becomes of the kind `event`.

        That holds for files that are written already, for the one that is being written, and for later ones.

        Raises:
            OutputError: when that cannot be noted.
        """

    def full(self) -> bool:
        """Make room, since a write failed for the want of it; return whether there is none to be made."""


def boxes_path(segment: Path) -> Path:
    """Return where the boxes of a file stand: beside it, under its time without its kind.

    >>> boxes_path(Path("door/2026-05-01/12/30-00.250Z.event.mp4")).name
    '30-00.250Z.boxes.jsonl'
    """
    return segment.with_name(f"{segment.name.rsplit('.', 2)[0]}.boxes.jsonl")
