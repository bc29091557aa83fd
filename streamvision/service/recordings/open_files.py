"""Files that are being written: they are in no index yet, but take room, have a place, and can be read so far."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from streamvision.core.recordings import RecordedSpan, Recording, RecordingKind
from streamvision.service.recordings.files import RecordingFiles, place_of

ABANDONED_S = 60.0
"""A file that is empty for so long after its beginning is not written any more."""


@dataclass
class OpenFile:
    """A file that is being written."""

    place: str
    """Its place below the folder of recordings."""
    kind: RecordingKind
    """Why it is written, as its name says."""
    stream: str
    """Of which stream."""
    start_unix_s: float
    """When its first picture arrived."""
    expected_bytes: int
    """How large it will be, as far as that is known."""
    begun_at_s: float
    """When it was begun, on ``time.monotonic()``."""
    is_kept: bool = False
    """Whether it is to be kept for good once it is complete."""

    def overlaps(self, span: RecordedSpan) -> bool:
        """Return whether something of a span can be in it."""
        return self.stream == span.stream and self.start_unix_s < span.until_unix_s and span.since_unix_s < time.time()

    def so_far(self, size_bytes: int) -> Recording:
        """Return it as a recording that ends now; what only its content tells is left out."""
        return Recording(
            id=0,
            stream=self.stream,
            kind="kept" if self.is_kept else self.kind,
            start_unix_s=self.start_unix_s,
            end_unix_s=max(time.time(), self.start_unix_s),
            size_bytes=size_bytes,
            codec="",
            width_px=0,
            height_px=0,
            has_sound=False,
        )


class OpenFiles:
    """Those of all streams; the lock of its owner is around all of it.

    Args:
        files: what is on the disk.
    """

    def __init__(self, files: RecordingFiles) -> None:
        self._files = files
        self._open: dict[Path, OpenFile] = {}

    def add(self, path: Path, file: OpenFile) -> None:
        """Take note of a file that is begun."""
        self._open[path] = file

    def take(self, path: Path) -> OpenFile | None:
        """Let go of a file and return it; ``None`` where it is not one of these."""
        return self._open.pop(path, None)

    def take_abandoned(self, stream: str) -> list[OpenFile]:
        """Let go of those of a stream that were begun and never got anything: their recorder failed right then."""
        latest_s = time.monotonic() - ABANDONED_S
        abandoned = [
            path
            for path, one in self._open.items()
            if one.stream == stream and one.begun_at_s < latest_s and not self._files.size(one.place, one.kind)
        ]
        return [self._open.pop(path) for path in abandoned]

    def places(self) -> set[str]:
        """Return where they are."""
        return {one.place for one in self._open.values()}

    def free_place(self, stream: str, start_unix_s: float) -> str:
        """Return a place at which there is nothing yet: a clock that was set back gives the same moment twice."""
        taken = self.places()
        while (place := place_of(stream, start_unix_s)) in taken or self._files.is_taken(place):
            start_unix_s += 0.001
        return place

    def of_span(self, span: RecordedSpan) -> list[tuple[Path, OpenFile]]:
        """Return those in which something of a span can be."""
        return [(path, one) for path, one in self._open.items() if one.overlaps(span)]

    def size_bytes(self) -> dict[RecordingKind, int]:
        """Return how much they take by kind, or will have taken."""
        sizes: dict[RecordingKind, int] = {}
        for one in self._open.values():
            size = self._files.size(one.place, one.kind) or 0
            sizes[one.kind] = sizes.get(one.kind, 0) + max(size, one.expected_bytes)
        return sizes
