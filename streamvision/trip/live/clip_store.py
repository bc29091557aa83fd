"""Where the clips of a camera that drives now lie, and which of them are complete, with the file of fixes beside."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pipelines.recording.segment_store import SegmentKind, WrittenSegment
from streamvision.core.errors import OutputError
from streamvision.core.files import writing
from streamvision.core.position import Fix, PositionSource
from streamvision.dashcam.card import find_clips
from streamvision.trip.live.fix_log import FixLog

log = logging.getLogger(__name__)

MIN_FREE_BYTES = 1_000_000_000
"""What is left free on the disk: the results need room, too."""
KEEP_FIXES_EVERY_S = 10.0
"""So much of the way beside the clip that is being written is lost at most when the ignition takes the power."""


@dataclass(frozen=True)
class _Open:
    """The clip that is being written."""

    path: Path
    start_s: float


class ClipStore:
    """A folder of clips named for their beginning in UTC; a :class:`pipelines.recording.segment_store.SegmentStore`.

    Args:
        folder: where clips go; it is made. What lies there already is complete.
        source: who tells the fixes.

    Raises:
        OutputError: when the folder cannot be made.
    """

    def __init__(self, folder: Path, source: PositionSource) -> None:
        self.folder = folder
        """Where clips go."""
        with writing(folder, instead="give another folder with --output"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._source = source
        self._fixes = FixLog()
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._kept_s = float("-inf")
        self._complete = {clip.path for clip in find_clips(folder)}

    def complete(self) -> CompleteClips:
        """Return which clips are complete at this moment."""
        with self._lock:
            return CompleteClips(frozenset(self._complete))

    def fix(self, fix: Fix, held_s: float) -> None:
        """Take a fix and when it held, on ``time.monotonic()``."""
        self._fixes.add(fix, held_s)
        with self._lock:
            if self._open is not None and held_s - self._kept_s >= KEEP_FIXES_EVERY_S:
                self._keep_fixes(self._open, held_s)

    # --- for the recorder -------------------------------------------------------------------------------------------

    def begin(self, stream: str, start_unix_s: float, kind: SegmentKind) -> Path:
        """Return where the next clip goes.

        Raises:
            OutputError: when there is no room.
        """
        if self.full():
            raise OutputError(
                f"{self.folder} has less than {MIN_FREE_BYTES / 1e9:g} GB free, so nothing is recorded; free space "
                "there, or move clips away"
            )
        with self._lock:
            start_s = time.monotonic() - (time.time() - start_unix_s)
            self._open = _Open(self._free_path(start_unix_s), start_s)
            self._kept_s = start_s
            return self._open.path

    def end(self, segment: WrittenSegment) -> None:
        """Take note of a clip that is written; an empty one is removed."""
        with self._lock:
            ended, self._open = self._open, None
            if segment.pictures == 0:
                with suppress(OSError):
                    segment.path.unlink()
                return
            if ended is not None:
                self._keep_fixes(ended, ended.start_s + segment.end_unix_s - segment.start_unix_s)
            self._complete.add(segment.path)

    def note_event(self, stream: str, since_unix_s: float, until_unix_s: float) -> None:
        """Nothing: all is recorded."""

    def full(self) -> bool:
        """Say whether there is no room; none is made, since all clips are the user's."""
        try:
            return shutil.disk_usage(self.folder).free < MIN_FREE_BYTES
        except OSError:  # whoever opens a file there is told why
            return False

    def _free_path(self, start_unix_s: float) -> Path:
        milliseconds = round(start_unix_s * 1000)
        while True:
            moment = datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
            path = self.folder / f"{moment:%Y-%m-%dT%H-%M-%S}.{milliseconds % 1000:03d}Z.mp4"
            if not path.exists():
                return path
            milliseconds += 1

    def _keep_fixes(self, clip: _Open, until_s: float) -> None:
        self._kept_s = until_s
        try:
            self._fixes.write(clip.path.with_suffix(".gpx"), clip.start_s, until_s, self._source)
        except OutputError as error:
            log.warning("%s", error)


@dataclass(frozen=True)
class CompleteClips:
    """The clips that were complete at one moment."""

    paths: frozenset[Path]
    """Their files."""

    def complete(self, files: Iterable[Path]) -> set[Path]:
        """Return which of these files are complete, or lie beside a clip that is."""
        return {file for file in files if file in self.paths or file.with_suffix(".mp4") in self.paths}
