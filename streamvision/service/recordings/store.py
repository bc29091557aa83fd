"""Where recorders put their files: names, room, the index, and what becomes of files for which something happened.

Nothing that a recorder asks waits for the database as a rule; a thread here writes the index, removes what is too old,
and looks through the files at the start.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from pipelines.recording.segment_store import SegmentKind, WrittenSegment
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.errors import OutputError, StateError
from streamvision.core.recordings import RecordedSpan, Recording, RecordingKind
from streamvision.service.periodic_task import PeriodicTask
from streamvision.service.recordings.files import KINDS, RecordingFiles
from streamvision.service.recordings.index import RecordingIndex
from streamvision.service.recordings.open_files import OpenFile, OpenFiles
from streamvision.service.recordings.rebuild import Rebuild, Rebuilt
from streamvision.service.recordings.retention import LEAST_ROOM_BYTES, Retention
from streamvision.state.database import Database
from streamvision.state.recordings import IndexedRecording, all_of_span, forget_recordings, set_kind, set_sizes

_log = logging.getLogger(__name__)

HOUSEKEEPING_S = 10.0
"""How often bounds are looked at between files."""
FLUSH_S = 0.3
"""How long what is to be written down waits for more of it, so that they share a transaction."""
LATE_S = 20.0
"""How long after its end boxes may still be written beside a file."""
MAX_LATE = 10_000
"""Most files that are weighed again."""
CLOSE_S = 5.0
"""Longest wait for what is left at the end."""
MAX_EVENT_SPANS = 64
"""Most stretches of a stream, in which something happened, that are known to concern files yet to be written."""


class RecordingStore:
    """The files of all streams; see :class:`pipelines.recording.segment_store.SegmentStore`.

    Args:
        database: where the index is.
        folder: where the files are.
        config: how much is kept.
    """

    def __init__(self, database: Database, folder: Path, config: RecordingConfig) -> None:
        self.files = RecordingFiles(folder)
        """The files."""
        self.lock = threading.RLock()
        """Is held while anything is renamed, removed or written down."""
        self.index = RecordingIndex(database)
        """What there is."""
        self.retention = Retention(self.index, self.files, config, self._remove_files)
        """What goes, and when."""
        self._open = OpenFiles(self.files)
        self._sizes: dict[str, int] = {}
        self._happened: dict[str, deque[tuple[float, float]]] = {}
        self._events: dict[str, RecordedSpan] = {}
        self._late: deque[tuple[float, str, int]] = deque(maxlen=MAX_LATE)
        self._looked_at_s = float("-inf")
        self._task = PeriodicTask(self._keep_house, name="recordings", gather_s=FLUSH_S)

    @property
    def config(self) -> RecordingConfig:
        """How much is kept; may be replaced at any time, all but the folder takes effect at once."""
        return self.retention.config

    @config.setter
    def config(self, config: RecordingConfig) -> None:
        self.retention.config = config
        self._task.wake()

    def start(self) -> None:
        """Learn what there is, and begin to look after it.

        Raises:
            StateError: when the database does not answer.
        """
        with self.lock:
            self.index.take_stock()
            self.index.is_doubtful = True  # whatever ended the run before
        self._task.start()

    def stop(self) -> None:
        """Write down what is left, within a few seconds, and end."""
        self._task.stop(CLOSE_S)

    def faults(self) -> list[str]:
        """Return what is wrong, one sentence each."""
        return [fault for fault in (self._task.fault, self.retention.fault()) if fault is not None]

    # --- what recorders ask -----------------------------------------------------------------------------------------

    def begin(self, stream: str, start_unix_s: float, kind: SegmentKind) -> Path:
        """Make room and return where the next file of a stream goes."""
        with self.lock:
            for abandoned in self._open.take_abandoned(stream):
                self._drop(abandoned)
            expected = self._sizes.get(stream, 0)
            try:
                self.retention.make_room(kind, expected, self._open.size_bytes())
            except StateError as error:
                raise OutputError(f"there is no telling what may be removed: {error}") from error
            place = self._open.free_place(stream, start_unix_s)
            self.files.prepare(place)
            path = self.files.path(place, kind)
            self._open.add(path, OpenFile(place, kind, stream, start_unix_s, expected, time.monotonic()))
            return path

    def end(self, segment: WrittenSegment) -> None:
        """Take note of a file that is complete."""
        with self.lock:
            one = self._open.take(segment.path)
            if one is None:
                raise OutputError(f"{segment.path} is not being written; say begin before")
            size = self.files.size(one.place, one.kind)
            if size is None or not segment.pictures:
                self._drop(one)
                return
            self._sizes[one.stream] = size
            kind = self._settled_kind(one, segment.end_unix_s)
            if kind != one.kind and not self.files.rename(one.place, one.kind, kind):
                return
            recording = Recording(
                id=0,
                stream=segment.stream,
                kind=kind,
                start_unix_s=segment.start_unix_s,
                end_unix_s=max(segment.end_unix_s, segment.start_unix_s),
                size_bytes=size,
                codec=segment.codec[:32],
                width_px=segment.width_px,
                height_px=segment.height_px,
                has_sound=segment.has_sound,
            )
            self.index.add(IndexedRecording(one.place, recording))
            self._late.append((time.monotonic(), one.place, size))
        self._task.wake()

    def note_event(self, stream: str, since_unix_s: float, until_unix_s: float) -> None:
        """Take note that something happened: what overlaps this time becomes of the kind ``event``."""
        with self.lock:
            spans = self._happened.setdefault(stream, deque(maxlen=MAX_EVENT_SPANS))
            before = spans.pop() if spans and spans[-1][0] <= since_unix_s <= spans[-1][1] else None
            spans.append(_joined(since_unix_s, until_unix_s, before))
            waiting = self._events.get(stream)
            before = None if waiting is None else (waiting.since_unix_s, waiting.until_unix_s)
            self._events[stream] = RecordedSpan(stream, *_joined(since_unix_s, until_unix_s, before))
        self._task.wake()

    def full(self) -> bool:
        """Make room, since a write failed for the want of it; return whether there is none to be made."""
        with self.lock:
            wanted = max(LEAST_ROOM_BYTES, *self._sizes.values(), 0)
            try:
                return not self.retention.free(wanted, f"the disk of {self.files.folder} is full")
            except (StateError, OutputError) as error:
                _log.warning("no room can be made: %s", error)
                return True

    # --- what people ask --------------------------------------------------------------------------------------------

    def keep(self, span: RecordedSpan, *, kept: bool) -> int:
        """Keep what was recorded in a span for good, or no longer; return how many files that is about.

        What is kept no longer is of the kind ``event`` then: nobody can tell any more whether it was, and those are
        kept longer.

        Raises:
            StateError: when that cannot be written down.
            OutputError: when a file cannot be renamed.
        """
        with self.lock:
            written = [one for _, one in self._open.of_span(span) if one.is_kept != kept]
            for one in written:
                one.is_kept = kept
            before: tuple[RecordingKind, ...] = ("continuous", "event") if kept else ("kept",)
            return len(written) + self._move(span, before, "kept" if kept else "event")

    def remove(self, span: RecordedSpan) -> int:
        """Remove what was recorded in a span, in whole files; return how many. A file that is being written stays.

        Raises:
            StateError: when that cannot be written down.
            OutputError: when a file cannot be removed.
        """
        with self.lock:
            self.index.flush()
            with self._changing() as connection:
                found = all_of_span(connection, span.stream, span.since_unix_s, span.until_unix_s)
                for one in found:
                    self._remove_files(one)
                forget_recordings(connection, [one.recording.id for one in found])
            self.index.take_stock()
        return len(found)

    def rebuild(self) -> Rebuilt:
        """Make the index equal to the files.

        Raises:
            StateError: when the database does not answer.
        """
        return Rebuild(self.index, self.files, self.config, self.lock, self._open.places).run()

    def open_files(self, span: RecordedSpan) -> list[tuple[Path, Recording]]:
        """Return the files of a span that are being written: they can be read as far as they go."""
        with self.lock:
            return [
                (path, one.so_far(self.files.size(one.place, one.kind) or 0)) for path, one in self._open.of_span(span)
            ]

    # --- housekeeping -----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write down what waits.

        Raises:
            StateError: when the database cannot be written to.
        """
        with self.lock:
            self.index.flush()
            for stream, span in tuple(self._events.items()):
                self._move(span, ("continuous",), "event")
                del self._events[stream]

    def weigh(self, *, all_of_them: bool = False) -> None:
        """Write down how large files are by now of which boxes came after their end.

        Args:
            all_of_them: whether also those to which more may come.

        Raises:
            StateError: when the database cannot be written to.
        """
        until_s = time.monotonic() - (0 if all_of_them else LATE_S)
        with self.lock:
            sizes: dict[str, int] = {}
            while self._late and self._late[0][0] <= until_s:
                _, place, before = self._late.popleft()
                found = [size for kind in KINDS if (size := self.files.size(place, kind)) is not None]
                if found and found[0] != before:
                    sizes[place] = found[0]
            if sizes:
                self.index.flush()
                with self._changing() as connection:
                    set_sizes(connection, sizes)

    def look_after(self) -> None:
        """Remove what is too old or too much by now.

        Raises:
            StateError: when the database does not answer.
        """
        if self.index.is_doubtful:
            said = self.rebuild()
            _log.info("recordings: %d files, %d of them new to the index", said.files, said.added)
        self.weigh()
        with self.lock:
            self.index.take_stock()
            self.retention.expire()
            self.retention.make_room("continuous", 0, self._open.size_bytes())
            self.index.flush()

    def _keep_house(self, is_last: bool) -> float:
        self.flush()
        if self.index.is_doubtful or time.monotonic() - self._looked_at_s >= HOUSEKEEPING_S:
            self._looked_at_s = time.monotonic()
            self.look_after()
        if is_last:
            self.weigh(all_of_them=True)
        return HOUSEKEEPING_S

    # --- inside -----------------------------------------------------------------------------------------------------

    def _drop(self, one: OpenFile) -> None:
        """Let go of a file in which there is nothing."""
        try:
            self.files.remove(one.place, one.kind)
            self.files.remove_boxes(one.place)
        except OSError as error:
            raise OutputError(f"{one.place}, which is empty, cannot be removed: {error.strerror}") from error
        self._tidy(one.place)

    def _settled_kind(self, one: OpenFile, end_unix_s: float) -> RecordingKind:
        if one.is_kept:
            return "kept"
        happened = any(
            since_s < end_unix_s and until_s > one.start_unix_s
            for since_s, until_s in self._happened.get(one.stream, ())
        )
        return "event" if happened else one.kind

    def _move(self, span: RecordedSpan, before: tuple[RecordingKind, ...], after: RecordingKind) -> int:
        """Make what overlaps a span and is of some kinds another kind; return how many files that was."""
        self.index.flush()
        with self._changing() as connection:
            found = all_of_span(connection, span.stream, span.since_unix_s, span.until_unix_s)
            moved = [
                one
                for one in found
                if one.recording.kind in before and self.files.rename(one.place, one.recording.kind, after)
            ]
            set_kind(connection, [one.recording.id for one in moved], after)
        if moved:
            self.index.take_stock()
        return len(moved)

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """Give a transaction in which files are touched, too; where it fails, those are as they are, and looked at."""
        try:
            with self.index.database.begin() as connection:
                yield connection
        except BaseException:
            self.index.is_doubtful = True
            raise

    def _remove_files(self, one: IndexedRecording) -> bool:
        try:
            was_there = self.files.remove(one.place, one.recording.kind)
        except OSError as error:
            raise OutputError(f"{one.place} cannot be removed: {error.strerror}; look at the permissions") from error
        self._tidy(one.place)
        return was_there

    def _tidy(self, place: str) -> None:
        """Remove folders that are empty, unless a file is about to be made in one."""
        if not any(one.rsplit("/", 1)[0] == place.rsplit("/", 1)[0] for one in self._open.places()):
            self.files.tidy(place)


def _joined(since_s: float, until_s: float, before: tuple[float, float] | None) -> tuple[float, float]:
    return (since_s, until_s) if before is None else (min(since_s, before[0]), max(until_s, before[1]))
