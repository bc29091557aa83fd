"""The index made equal to the files: after a crash, after somebody touched them, or where it is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from streamvision.core.config.recording import RecordingConfig
from streamvision.core.recordings import Recording
from streamvision.service.recordings.files import FoundFile, RecordingFiles
from streamvision.service.recordings.index import RecordingIndex
from streamvision.service.recordings.probe import content_of
from streamvision.state.recordings import (
    IndexedRecording,
    forget_recordings,
    had_event,
    put_recordings,
    recorded_streams,
    recordings_of,
    update_recording,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rebuilt:
    """What was found."""

    files: int = 0
    """How many files there are."""
    added: int = 0
    """Files that the index did not know."""
    forgotten: int = 0
    """Rows without a file."""
    removed: int = 0
    """Files without a single picture, which were removed."""

    def __add__(self, other: Rebuilt) -> Rebuilt:
        return Rebuilt(
            self.files + other.files,
            self.added + other.added,
            self.forgotten + other.forgotten,
            self.removed + other.removed,
        )


class Rebuild:
    """Goes through the files, stream by stream, and is held up by none for long.

    Args:
        index: what is thought to be there.
        files: what is there.
        config: how far events reach.
        lock: is held for a stream at a time, while nothing may be written, renamed or removed.
        written: returns the places at which files are being written.
    """

    def __init__(
        self,
        index: RecordingIndex,
        files: RecordingFiles,
        config: RecordingConfig,
        lock: AbstractContextManager[object],
        written: Callable[[], Collection[str]],
    ) -> None:
        self._index = index
        self._files = files
        self._config = config
        self._lock = lock
        self._written = written

    def run(self) -> Rebuilt:
        """Make the index equal to the files; rows of known files keep their ids.

        Raises:
            StateError: when the database does not answer.
        """
        with self._lock:
            self._index.flush()
            with self._index.database.reading() as connection:
                streams = {*recorded_streams(connection), *self._files.streams()}
        result = Rebuilt()
        for stream in sorted(streams):
            unknown, done = self._compare(stream)
            result = sum((self._add(stream, one) for one in unknown), result + done)
        with self._lock:
            self._index.is_doubtful = False
            self._index.take_stock()
        return result

    def _compare(self, stream: str) -> tuple[list[FoundFile], Rebuilt]:
        """Forget rows without files and correct the others; return the files without rows."""
        with self._lock:
            self._index.flush()
            with self._index.database.begin() as connection:
                known = recordings_of(connection, stream)
                found = {one.place: one for one in self._files.scan(stream, written=self._written())}
                lost = [one.recording.id for place, one in known.items() if place not in found]
                forget_recordings(connection, lost)
                for place in found.keys() & known.keys():
                    was, file = known[place], found[place]
                    recording = replace(was.recording, kind=file.kind, size_bytes=file.size_bytes)
                    if recording != was.recording:
                        update_recording(connection, replace(was, recording=recording))
        unknown = [one for place, one in found.items() if place not in known]
        return unknown, Rebuilt(files=len(found), forgotten=len(lost))

    def _add(self, stream: str, file: FoundFile) -> Rebuilt:
        path = self._files.path(file.place, file.kind)
        try:
            content = content_of(path)
        except OSError as error:
            _log.warning("%s cannot be read, and is left as it is: %s", path, error.strerror)
            return Rebuilt()
        if content is None:
            return self._remove(file)
        recording = Recording(
            id=0,
            stream=stream,
            kind=file.kind,
            start_unix_s=file.start_unix_s,
            end_unix_s=file.start_unix_s + content.duration_s,
            size_bytes=file.size_bytes,
            codec=content.codec[:32],
            width_px=content.width_px,
            height_px=content.height_px,
            has_sound=content.has_sound,
        )
        return self._put(IndexedRecording(file.place, recording))

    def _put(self, found: IndexedRecording) -> Rebuilt:
        """Write down a file that the index did not know, as one of an event where the event log says so."""
        recording = found.recording
        with self._lock, self._index.database.begin() as connection:
            if self._files.size(found.place, recording.kind) is None:
                return Rebuilt()
            since_unix_s = recording.start_unix_s - self._config.post_s
            until_unix_s = recording.end_unix_s + self._config.pre_s
            if recording.kind == "continuous" and had_event(connection, recording.stream, since_unix_s, until_unix_s):
                self._files.rename(found.place, "continuous", "event")
                found = replace(found, recording=replace(recording, kind="event"))
            put_recordings(connection, [found])
        return Rebuilt(added=1)

    def _remove(self, file: FoundFile) -> Rebuilt:
        """Remove a file that ends before its first picture: it was begun when the machine stopped."""
        with self._lock:
            try:
                self._files.remove(file.place, file.kind)
                self._files.tidy(file.place)
            except OSError as error:
                _log.warning("%s, which holds no picture, cannot be removed: %s", file.place, error.strerror)
                return Rebuilt()
        _log.info("%s was removed, since there is no picture in it", file.place)
        return Rebuilt(files=-1, removed=1)
