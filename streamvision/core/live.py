"""Where the pipeline meets those who watch: the newest rendered frame of each stream, and who wants it.

One writer for each channel, any number of readers. The writer never waits for a reader.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from streamvision.core.analysis import AnalyticsControl
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution

Listener = Callable[["LiveChannel"], None]


class LiveChannel:
    """The newest rendered frame of one stream."""

    def __init__(self, stream_id: str, names: tuple[str, ...]) -> None:
        self.stream_id = stream_id
        self.names = names
        self.sent_age_s = Distribution()
        """Age of frames when they were handed to the network for the first viewer."""
        self._lock = threading.Lock()
        self._latest: RenderedFrame | None = None
        self._viewers = 0
        self._listeners: tuple[Listener, ...] = ()

    @property
    def latest(self) -> RenderedFrame | None:
        """The newest frame, or ``None`` before the first."""
        return self._latest

    @property
    def viewers(self) -> int:
        """How many watch the picture now: while it is above 0 the pipeline encodes each frame by itself."""
        return self._viewers

    def publish(self, rendered: RenderedFrame, *, encode: bool = True) -> None:
        """Make this the newest frame and tell the listeners; when somebody watches, encode it first.

        Args:
            rendered: the frame.
            encode: whether it is to be encoded here; not where its JPEG file comes from elsewhere.
        """
        if encode and self._viewers:
            rendered.jpeg()
        rendered.sequence = self._latest.sequence + 1 if self._latest else 1
        self._latest = rendered
        for listener in self._listeners:
            listener(self)

    def add_listener(self, listener: Listener) -> None:
        """Call ``listener`` after each publish, from the pipeline's thread: it must return at once."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def remove_listener(self, listener: Listener) -> None:
        """Stop calling ``listener``."""
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one != listener)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count as a viewer for the length of the block."""
        self.add_viewer()
        try:
            yield
        finally:
            self.remove_viewer()

    def add_viewer(self) -> None:
        """Count one viewer more."""
        with self._lock:
            self._viewers += 1

    def remove_viewer(self) -> None:
        """Count one viewer less."""
        with self._lock:
            self._viewers -= 1


class LiveView:
    """All that the web app may know of a running pipeline."""

    def __init__(
        self,
        channels: dict[str, LiveChannel],
        *,
        statuses: Callable[[], list[StreamStatus]],
        stage_times: Callable[[], dict[str, Distribution]],
        model: str,
        analytics: Mapping[str, AnalyticsControl] | None = None,
    ) -> None:
        self.channels = channels
        """Channel by stream id, in the order of the configuration."""
        self.statuses = statuses
        """Returns the status of every stream, in the same order."""
        self.stage_times = stage_times
        """Returns the seconds spent in each stage, over all streams."""
        self.model = model
        """One line about model, backend, device and precision."""
        self.analytics = analytics or {}
        """Analytics by stream id."""
