"""Writes events, their pictures and the counts to the database, in a thread of its own, a few times a second.

A stream's thread only appends to a bounded queue: a slow disk or a database that is away costs it nothing. What does
not fit is counted; what waits is written when the database is back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.outputs.event_pictures import picture_name
from pipelines.outputs.sink import Sink, SinkContext
from streamvision.core.analysis import AnalyticsEvent, CountingAnalytics
from streamvision.core.recordings import ClipSpan, no_clips
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter
from streamvision.service.counting import save_counts
from streamvision.service.event_store import EventStore
from streamvision.service.periodic_task import PeriodicTask
from streamvision.state.database import Database
from streamvision.state.events import CLIP_SPAN, DETAILS, insert_events

_log = logging.getLogger(__name__)

FLUSH_S = 0.5
"""How long an event waits for others, so that they share a transaction."""
MAX_WAITING = 5000
"""Most events that wait for the database, and as many again that are ready for it."""
MAX_FRAMES = 8
"""Most frames that wait to be encoded, 25 MB of 1080p pictures; events beyond have no picture."""
PICTURE_EVERY_S = 0.5
"""What happens on a stream within so long of a picture shares it: a busy crossing must not cost a processor."""
CLOSE_S = 3.0
"""Longest wait for what is left at the end."""


@dataclass
class _Waiting:
    """What happened on one frame."""

    stream_id: str
    events: tuple[AnalyticsEvent, ...]
    rendered: RenderedFrame | None
    """The frame, where a picture of it is still to be written."""
    picture: str | None
    drops: DropCounter
    recorded_unix_s: float


class EventRecorder:
    """Takes the events of all streams; called with the context of a stream, it makes what its worker writes to.

    Args:
        database: where to.
        store: where the pictures go, and what is kept.
        counting: returns the analytics of the streams whose counts are to be written down, by stream id.
        clip_span: how much is recorded around an event of a stream.
    """

    name = "event_log"
    """What a stream's status calls it."""

    def __init__(
        self,
        database: Database,
        store: EventStore,
        counting: Callable[[], Mapping[str, CountingAnalytics]],
        clip_span: ClipSpan = no_clips,
    ) -> None:
        self._database = database
        self._store = store
        self._counting = counting
        self._clip_span = clip_span
        self._lock = threading.Lock()
        self._working = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._ready: list[dict[str, Any]] = []
        self._dirty: set[str] = set()
        self._newest_picture: dict[str, tuple[float, str]] = {}
        self._events = self._frames = 0
        self._task = PeriodicTask(self._look_after, name="event-recorder")

    def start(self) -> None:
        """Begin to write."""
        self._task.start()

    def stop(self) -> None:
        """Write what is left, within a few seconds, and end."""
        self._task.stop(CLOSE_S)

    def __call__(self, context: SinkContext) -> Sink:
        """Return what takes the results of one stream."""
        return _RecorderSink(self, context)

    def faults(self) -> list[str]:
        """Return why events are not written down, in a sentence; empty while they are."""
        fault = self._task.fault
        return [] if fault is None else [f"events wait to be written down: {fault}"]

    def put(
        self, stream_id: str, events: tuple[AnalyticsEvent, ...], rendered: RenderedFrame, drops: DropCounter
    ) -> None:
        """Take what happened on a frame; returns at once, and counts in ``drops`` what there is no room for."""
        with self._lock:
            if self._events + len(events) > MAX_WAITING:
                drops.add("events", len(events))
                return
            now_unix_s = time.time()
            picture, is_new = self._picture_for(stream_id, events[0], now_unix_s, drops)
            self._events += len(events)
            self._frames += is_new
            one = _Waiting(stream_id, events, rendered if is_new else None, picture, drops, now_unix_s)
            self._waiting.append(one)

    def _picture_for(
        self, stream_id: str, event: AnalyticsEvent, now_unix_s: float, drops: DropCounter
    ) -> tuple[str | None, bool]:
        """Return the name of the picture of what has just happened, and whether it is still to be written."""
        if not self._store.keeps_pictures:
            return None, False
        taken_unix_s, name = self._newest_picture.get(stream_id, (-PICTURE_EVERY_S, ""))
        if 0 <= now_unix_s - taken_unix_s < PICTURE_EVERY_S:
            return name, False
        if self._frames >= MAX_FRAMES:
            drops.add("pictures")
            return None, False
        name = picture_name(stream_id, now_unix_s if event.time_unix_s is None else event.time_unix_s, event.frame)
        self._newest_picture[stream_id] = now_unix_s, name
        return name, True

    def forget(self, stream_id: str) -> None:
        """Let go of a stream that was removed."""
        with self._lock:
            self._newest_picture.pop(stream_id, None)

    def note_counts(self, stream_id: str) -> None:
        """Write a stream's counts down at the next flush, though nothing happened."""
        with self._lock:
            self._dirty.add(stream_id)

    def flush(self) -> None:
        """Write down what has happened so far.

        Raises:
            StateError: when the database cannot be written to.
        """
        with self._working:
            self._encode()
            self._write()

    def _look_after(self, is_last: bool) -> float:
        self.flush()
        self._store.purge()
        return FLUSH_S

    def _encode(self) -> None:
        """Make rows of what waits; pictures are written before the events that name them."""
        while len(self._ready) < MAX_WAITING:
            with self._lock:
                if not self._waiting:
                    return
                one = self._waiting.popleft()
            try:
                picture = self._written(one)
            finally:
                with self._lock:
                    self._events -= len(one.events)
                    self._frames -= one.rendered is not None
                    self._dirty.add(one.stream_id)
            span_s = self._clip_span(one.stream_id)
            self._ready += [_row(event, one.recorded_unix_s, picture, span_s) for event in one.events]

    def _written(self, one: _Waiting) -> str | None:
        """Write the picture of a frame, where that is to be done, and return its name; ``None`` where there is none."""
        if one.rendered is None or one.picture is None:
            return one.picture
        try:
            self._store.pictures.write(one.picture, one.rendered.jpeg())
        except Exception as error:  # drawing is somebody's code, too; the event itself is not lost
            one.drops.add("pictures")
            _log.warning("the picture of an event of %s is lost: %s", one.stream_id, error)
            return None
        return one.picture

    def _write(self) -> None:
        with self._lock:
            dirty, self._dirty = self._dirty, set()
        if not self._ready and not dirty:
            return
        counting = self._counting()
        try:
            with self._database.begin() as connection:
                insert_events(connection, self._ready)
                for stream_id in dirty & counting.keys():
                    save_counts(connection, stream_id, counting[stream_id])
        except BaseException:
            with self._lock:
                self._dirty |= dirty
            raise
        self._store.note_events(len(self._ready))
        self._ready = []


class _RecorderSink:
    """What one stream's worker writes to."""

    def __init__(self, recorder: EventRecorder, context: SinkContext) -> None:
        self._recorder = recorder
        self._context = context

    def write(self, rendered: RenderedFrame) -> None:
        analysis = rendered.result.analysis
        if analysis is not None and analysis.events:
            self._recorder.put(self._context.stream_id, analysis.events, rendered, self._context.drops)

    def close(self) -> None:
        pass  # the recorder goes on


def _row(
    event: AnalyticsEvent, recorded_unix_s: float, picture: str | None, clip_span_s: tuple[float, float] | None
) -> dict[str, Any]:
    details = {key: value for key, value in event.to_json().items() if key in DETAILS}
    return {
        "time_unix_s": recorded_unix_s if event.time_unix_s is None else event.time_unix_s,
        "recorded_unix_s": recorded_unix_s,
        "stream": event.stream,
        "kind": event.kind,
        "class_name": event.class_name,
        "region": event.region,
        "track_id": event.track_id,
        "picture": picture,
        "details": details | {CLIP_SPAN: clip_span_s},
    }
