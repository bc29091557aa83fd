"""The finished frames of a node on their way to the head: every result counts, of pictures those that are wanted."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipelines.workers.process import Published, without_picture
from streamvision.core.frame import Result
from streamvision.core.live import LiveChannel
from streamvision.core.picture import Canvas
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter

_log = logging.getLogger(__name__)

MAX_WAITING = 64
"""Most results of one stream that wait: four seconds of 15 frames a second; of more, the oldest are lost."""
MAX_PICTURES = 8
"""Most frames of events that wait with their pictures, 25 MB of 1080p; the picture of an event beyond is lost."""
LOST = "not_told"
"""Cause under which results are counted that the head did not fetch in time."""


@dataclass(eq=False, slots=True)
class _Waiting:
    result: Result
    event: RenderedFrame | None
    """The frame of an event, whose picture is wanted."""


class Outbox:
    """Filled by the streams' threads, emptied by one other.

    Args:
        encode: makes JPEG files.
    """

    def __init__(self, encode: Callable[[Canvas], bytes]) -> None:
        self._encode = encode
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._taken: dict[str, deque[_Waiting]] = {}
        """What was taken last, until it was heard."""
        self._newest: dict[str, RenderedFrame] = {}
        self._pictures = 0
        self._came = threading.Event()
        self.lost: dict[str, DropCounter] = {}
        """By stream, what the head did not fetch in time."""

    def note(self, channel: LiveChannel) -> None:
        """Take the frame that a stream has just finished; never waits."""
        newest = channel.latest
        if newest is None:
            return
        analysis = newest.result.analysis
        stream_id = channel.stream_id
        with self._lock:
            wants = analysis is not None and bool(analysis.events) and self._pictures < MAX_PICTURES
            self._pictures += wants
            self._waiting.setdefault(stream_id, deque()).append(_Waiting(newest.result, newest if wants else None))
            self._newest[stream_id] = newest
            self._bound(stream_id)
        self._came.set()

    def forget(self, stream_id: str) -> None:
        """Let go of a stream that is over; what was not fetched of it yet will be."""
        with self._lock:
            self.lost.pop(stream_id, None)

    def wait(self, timeout_s: float) -> None:
        """Wait for a finished frame, or :meth:`wake`."""
        self._came.wait(timeout_s)
        self._came.clear()

    def wake(self) -> None:
        """End the waiting of the other thread."""
        self._came.set()

    def take(self, viewers: Mapping[str, int], *, was_heard: bool = True) -> list[Published]:
        """Return what waits, in order of each stream.

        Args:
            viewers: how many watch a stream; the newest frame of one that is watched has its picture.
            was_heard: whether what was taken before has arrived; if not, it is taken once more.
        """
        with self._lock:
            if not was_heard:
                self._put_back()
            taken, self._waiting = self._waiting, {}
            newest, self._newest = self._newest, {}
            self._pictures = 0
            self._taken = {stream_id: deque(waiting) for stream_id, waiting in taken.items()}
        found = []
        for stream_id, waiting in taken.items():
            last = newest.get(stream_id) if viewers.get(stream_id) else None
            for number, one in enumerate(waiting, 1):
                frame = one.event or (last if number == len(waiting) else None)
                jpeg = None if frame is None else self._drawn(stream_id, frame)
                found.append(Published(without_picture(one.result), jpeg))
        return found

    def _put_back(self) -> None:
        for stream_id, taken in self._taken.items():
            for one in taken:
                if one.event is not None and self._pictures >= MAX_PICTURES:
                    one.event = None
                self._pictures += one.event is not None
            self._waiting[stream_id] = taken + self._waiting.get(stream_id, deque())
            self._bound(stream_id)

    def _bound(self, stream_id: str) -> None:
        waiting = self._waiting[stream_id]
        while len(waiting) > MAX_WAITING:
            self._pictures -= waiting.popleft().event is not None
            self.lost.setdefault(stream_id, DropCounter()).add(LOST)

    def _drawn(self, stream_id: str, frame: RenderedFrame) -> bytes | None:
        try:
            return self._encode(frame.canvas())
        except Exception:  # of one picture; the results of all streams go on
            _log.exception("stream %s: a picture could not be drawn", stream_id)
            return None
