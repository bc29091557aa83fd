"""What goes, and when: bounds by kind, in all, and of the disk; the oldest goes first, what is kept for good never.

Room is made before a file begins, for as much as the one before it took, so that no bound is passed by more than one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from streamvision.core.config.recording import RecordingConfig, RetentionConfig
from streamvision.core.errors import OutputError
from streamvision.core.recordings import RecordingKind
from streamvision.core.words import counted
from streamvision.service.recordings.files import RecordingFiles
from streamvision.service.recordings.index import RecordingIndex
from streamvision.state.recordings import IndexedRecording

_log = logging.getLogger(__name__)

GB = 10**9
DAY_S = 86400.0
REMOVABLE: tuple[RecordingKind, ...] = ("continuous", "event")
SAID_S = 600.0
"""How long it is said that a disk was full."""
LEAST_ROOM_BYTES = 8 << 20
"""How much is removed at least where a write has failed: less than that is not worth another try."""


class Retention:
    """Removes what has to go; the lock of its owner is around all of it.

    Args:
        index: what there is.
        files: where it is.
        config: the bounds.
        remove: removes the files of a recording and returns whether they were there.
    """

    def __init__(
        self,
        index: RecordingIndex,
        files: RecordingFiles,
        config: RecordingConfig,
        remove: Callable[[IndexedRecording], bool],
    ) -> None:
        self.config = config
        """The bounds; may be replaced at any time."""
        self._index = index
        self._files = files
        self._remove = remove
        self._full_at_s: float | None = None
        self._full = ""

    def fault(self) -> str | None:
        """Return that the disk was full of late, in a sentence; ``None`` where it was not."""
        if self._full_at_s is None or time.monotonic() - self._full_at_s > SAID_S:
            return None
        return self._full

    def make_room(self, kind: RecordingKind, coming_bytes: int, written: dict[RecordingKind, int]) -> None:
        """Remove what must go before a file begins.

        Args:
            kind: of which kind it is.
            coming_bytes: how large it will be, as far as one can tell.
            written: by kind, the size of the files that are being written.

        Raises:
            OutputError: when there is no room, and nothing that may be removed.
            StateError: when what there is cannot be told.
        """
        for one in REMOVABLE:
            coming = written.get(one, 0) + (coming_bytes if one == kind else 0)
            self._keep_within(self._bounds(one).gb, coming, (one,), of=(one,))
        everything = ("kept", *REMOVABLE)
        total = sum(written.values())
        self._keep_within(self.config.gb, total + coming_bytes, REMOVABLE, of=everything)
        if self._index.size_bytes(*everything) + total >= self.config.gb * GB:
            raise OutputError(
                f"recordings that may not be removed take all of the {self.config.gb:g} GB that there are for them; "
                "remove some, or raise recording.gb"
            )
        self._keep_free(coming_bytes)

    def expire(self) -> None:
        """Remove what is too old.

        Raises:
            StateError: when what there is cannot be told.
        """
        now_s = time.time()
        for kind in REMOVABLE:
            days = self._bounds(kind).days
            while days is not None and (found := self._index.oldest(kind)):
                if found.recording.end_unix_s >= now_s - days * DAY_S:
                    break
                self._remove_files_of(found)

    def free(self, wanted_bytes: int, why: str) -> bool:
        """Remove the oldest since the disk is full, and say so; return whether there was anything to remove.

        Args:
            wanted_bytes: how much is to be removed.
            why: what is the matter with the disk, in words.

        Raises:
            StateError: when what there is cannot be told.
        """
        count = freed = 0
        while freed < wanted_bytes and (size := self._remove_first(REMOVABLE)) is not None:
            count, freed = count + (size > 0), freed + size
        if count:
            self._say_full(f"{why}, so the oldest recordings are removed before their time")
            _log.info("%s removed for want of room", counted(count, "recording"))
        return count > 0

    def _bounds(self, kind: RecordingKind) -> RetentionConfig:
        return self.config.continuous if kind == "continuous" else self.config.events

    def _keep_within(
        self, gb: float | None, coming_bytes: int, kinds: Iterable[RecordingKind], *, of: Iterable[RecordingKind]
    ) -> None:
        kinds, of = tuple(kinds), tuple(of)
        while gb is not None and self._index.size_bytes(*of) + coming_bytes > gb * GB:
            if self._remove_first(kinds) is None:
                return

    def _keep_free(self, coming_bytes: int) -> None:
        least = int(self.config.min_free_gb * GB)
        free = self._files.free_bytes()
        if free is None or free >= least + coming_bytes:
            return
        left = f"has less than {self.config.min_free_gb:g} GB free" if least else "is full"
        disk = f"the disk of {self._files.folder} {left}"
        if self.free(least + coming_bytes - free, disk):
            return
        if free < max(least, 1):
            raise OutputError(
                f"{disk}, and no recordings are left that may be removed; free space, or set recording.min_free_gb"
            )

    def _remove_first(self, kinds: Iterable[RecordingKind]) -> int | None:
        """Remove the oldest of some kinds and return how much room that gave; ``None`` where there is none.

        What begins in the future goes before all others: the clock was ahead then, and it would outlive all that is
        recorded from now on.
        """
        kinds = tuple(kinds)
        found = [one for kind in kinds if (one := self._index.ahead(kind))]
        found = found or [one for kind in kinds if (one := self._index.oldest(kind))]
        if not found:
            return None
        return self._remove_files_of(min(found, key=lambda one: (one.recording.start_unix_s, one.recording.id)))

    def _remove_files_of(self, found: IndexedRecording) -> int:
        was_there = self._remove(found)
        self._index.take(found)
        if not was_there:
            self._index.is_doubtful = True  # somebody removed it, or renamed it for another kind
        return found.recording.size_bytes if was_there else 0

    def _say_full(self, sentence: str) -> None:
        if self.fault() is None:
            _log.warning("%s", sentence)
        self._full, self._full_at_s = sentence, time.monotonic()
