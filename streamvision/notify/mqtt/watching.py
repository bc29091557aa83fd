"""What is taken from each frame, in the stream's own thread: its events and the classes on it, and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.detections import class_name
from streamvision.core.live import LiveChannel

MOST_EVENTS = 5000
"""Most events that wait for the publisher's thread."""
MOST_FRAMES = 512
"""Most frames of a stream whose classes wait for it."""


class Watch:
    """Follows the streams of a view; the publisher's thread takes what has come.

    Args:
        wake: called after an event has come.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.lost = 0
        """Events for which there was no room."""
        self._wake = wake
        self._events: deque[AnalyticsEvent] = deque()
        self._classes: dict[str, deque[NDArray[np.int32]]] = {}

    def channel_added(self, channel: LiveChannel) -> None:
        """Look at the frames of a stream from now on."""
        self._classes[channel.stream_id] = deque(maxlen=MOST_FRAMES)
        channel.add_listener(self._look)

    def channel_removed(self, channel: LiveChannel) -> None:
        """Look at them no more."""
        channel.remove_listener(self._look)
        self._classes.pop(channel.stream_id, None)

    def events(self) -> list[AnalyticsEvent]:
        """Return the events that have come, in their order, once."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def classes(self, channel: LiveChannel) -> set[str]:
        """Return the names of the classes that were on a stream's frames since this was last asked."""
        seen = self._classes.get(channel.stream_id, ())
        found: set[int] = set()
        for _ in range(len(seen)):
            found.update(seen.popleft().tolist())  # type: ignore[union-attr]
        return {class_name(one, channel.names) for one in found}

    def _look(self, channel: LiveChannel) -> None:
        latest = channel.latest
        seen = self._classes.get(channel.stream_id)
        if latest is None or seen is None:
            return
        result = latest.result
        if len(result.detections):
            seen.append(result.detections.class_id)
        if result.analysis is not None and result.analysis.events:
            self._take(result.analysis.events)

    def _take(self, events: tuple[AnalyticsEvent, ...]) -> None:
        if len(self._events) + len(events) > MOST_EVENTS:
            self.lost += len(events)
            return
        self._events.extend(events)
        self._wake()
