"""What was recorded, for those who look at it; see :class:`streamvision.core.recordings.Recordings`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipelines.recording import media
from pipelines.recording.media import RecordedFile
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.errors import ConfigError
from streamvision.core.recordings import Motion, RecordedFrame, RecordedSpan, Recording
from streamvision.service.recordings.files import KINDS
from streamvision.service.recordings.probe import content_of
from streamvision.service.recordings.store import RecordingStore
from streamvision.state.recordings import (
    IndexedRecording,
    RecordedTotal,
    all_of_span,
    find_recording,
    find_recordings,
    recorded_totals,
)

GAP_S = 1.0
"""So soon after a file the next one begins, as a rule: between them, the last picture of the former is shown."""


class RecordingLibrary:
    """The recordings of a store.

    Args:
        store: has them.
        overlay: how boxes are drawn into what is exported.
    """

    def __init__(self, store: RecordingStore, overlay: OverlayConfig | None = None) -> None:
        self.overlay = overlay
        """How boxes are drawn into what is exported; may be replaced at any time."""
        self._store = store
        self._database = store.index.database
        self._thumbnails = media.Thumbnails()

    def find(self, streams: frozenset[str] | None, since_unix_s: float, until_unix_s: float) -> list[Recording]:
        """Return what there is of these streams in this time, the oldest first, at most 5000."""
        return [one.recording for one in self._found(streams, since_unix_s, until_unix_s)]

    def recording(self, recording_id: int) -> Recording | None:
        """Return one recording; ``None`` where it is not there, or not any more."""
        found = self._indexed(recording_id)
        return None if found is None else found.recording

    def file(self, recording_id: int) -> Path | None:
        """Return its file; ``None`` where it is not there, or not any more."""
        found = self._recorded_file(recording_id)
        return None if found is None else found.path

    def frames(self, span: RecordedSpan) -> list[RecordedFrame]:
        """Return what was found on the recorded frames of a span, the oldest first."""
        return media.frames(self.files(span), span)

    def plays_as_it_is(self, recording_id: int) -> bool:
        """Say whether browsers play the file itself."""
        found = self._recorded_file(recording_id)
        return found is not None and media.plays_as_it_is(found)

    def playable(self, recording_id: int) -> Iterator[bytes] | Path | None:
        """Return a file that browsers play: the file itself, or its pieces."""
        found = self._recorded_file(recording_id)
        return None if found is None else media.playable(found)

    def media_type(self, recording_id: int) -> str | None:
        """Return what :meth:`playable` gives, with its codecs."""
        found = self._recorded_file(recording_id)
        return None if found is None else media.media_type(found)

    def motion(self, span: RecordedSpan, polygon: Sequence[tuple[float, float]]) -> Iterator[Motion]:
        """Yield how much of a region changed, by the key frames alone, the oldest first."""
        return media.motion(self.files(span), span, polygon)

    def thumbnail(self, stream: str, at_unix_s: float, width_px: int) -> bytes | None:
        """Return the key frame at or before a moment as a JPEG file; ``None`` where nothing was recorded there."""
        found = self.files(RecordedSpan(stream, at_unix_s - GAP_S, at_unix_s + GAP_S))
        before = [one for one in found if one.recording.start_unix_s <= at_unix_s]
        for one in [*reversed(before), *found[len(before) :]]:
            if (picture := self._thumbnails.jpeg(one, at_unix_s, width_px)) is not None:
                return picture
        return None

    def export(self, span: RecordedSpan, *, annotated: bool) -> Iterator[bytes]:
        """Return the pieces of one MP4 file from the last key frame at or before a span to its end."""
        if annotated:
            return media.export_annotated(self.files(span), span, overlay=self.overlay)
        return media.export(self.files(span), span)

    def keep(self, span: RecordedSpan, *, kept: bool) -> int:
        """Keep what was recorded in a span for good, or no longer; return how many files that is about."""
        return self._store.keep(_checked(span), kept=kept)

    def remove(self, span: RecordedSpan) -> int:
        """Remove what was recorded in a span, in whole files; return how many."""
        return self._store.remove(_checked(span))

    def summary(self) -> dict[str, Any]:
        """Return bytes and hours by kind and by stream, the bounds, the free room, and faults, as plain values."""
        with self._database.reading() as connection:
            totals = recorded_totals(connection)
        config = self._store.config
        return {
            "bytes": sum(one.size_bytes for one in totals),
            "kinds": {kind: _summed([one for one in totals if one.kind == kind]) for kind in KINDS},
            "streams": {
                stream: {
                    **_summed(own := [one for one in totals if one.stream == stream]),
                    "since_unix_s": min(one.since_unix_s for one in own),
                    "until_unix_s": max(one.until_unix_s for one in own),
                }
                for stream in sorted({one.stream for one in totals})
            },
            "bounds": {
                "gb": config.gb,
                "min_free_gb": config.min_free_gb,
                "continuous": config.continuous.model_dump(mode="json"),
                "events": config.events.model_dump(mode="json"),
            },
            "free_bytes": self._store.files.free_bytes(),
            "faults": self._store.faults(),
        }

    def files(self, span: RecordedSpan) -> list[RecordedFile]:
        """Return the files of a span, the oldest first, with one that is being written as far as it goes.

        Raises:
            ConfigError: when the span ends before it begins.
        """
        _checked(span)
        with self._database.reading() as connection:
            found = all_of_span(connection, span.stream, span.since_unix_s, span.until_unix_s)
        indexed = [RecordedFile(self._store.files.path(one.place, one.recording.kind), one.recording) for one in found]
        still_open = [_described(*one) for one in self._store.open_files(span)]
        files = [*indexed, *(one for one in still_open if one is not None)]
        return sorted(files, key=lambda one: one.recording.start_unix_s)

    def _found(
        self, streams: frozenset[str] | None, since_unix_s: float, until_unix_s: float
    ) -> list[IndexedRecording]:
        with self._database.reading() as connection:
            return find_recordings(connection, streams, since_unix_s, until_unix_s)

    def _recorded_file(self, recording_id: int) -> RecordedFile | None:
        found = self._indexed(recording_id)
        if found is None or (path := self._store.files.find(found.place, found.recording.kind)) is None:
            return None
        return RecordedFile(path, found.recording)

    def _indexed(self, recording_id: int) -> IndexedRecording | None:
        with self._database.reading() as connection:
            return find_recording(connection, recording_id)


def _checked(span: RecordedSpan) -> RecordedSpan:
    if not span.since_unix_s < span.until_unix_s:
        raise ConfigError("a span must end after it begins; give `since` before `until`, in seconds since 1970")
    return span


def _described(path: Path, recording: Recording) -> RecordedFile | None:
    """Return a file that is being written; ``None`` where there is nothing in it yet."""
    try:
        content = content_of(path, whole=False)
    except OSError:
        return None
    if content is None:
        return None
    known = {key: value for key, value in asdict(content).items() if key != "duration_s"}
    return RecordedFile(path, replace(recording, **known))


def _summed(totals: list[RecordedTotal]) -> dict[str, Any]:
    return {
        "files": sum(one.files for one in totals),
        "bytes": sum(one.size_bytes for one in totals),
        "hours": sum(one.seconds for one in totals) / 3600,
    }
