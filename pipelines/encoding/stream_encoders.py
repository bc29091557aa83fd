"""The encoders of all streams, which come and go."""

from __future__ import annotations

import threading

from pipelines.encoding.stream_encoder import StreamEncoder
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.stream_state import FINAL_STATES

_OVER = frozenset(state.value for state in FINAL_STATES)


class StreamEncoders:
    """One for each stream of a view, made when it is first asked for; any thread may ask.

    Args:
        view: the running pipeline.
    """

    def __init__(self, view: LiveView) -> None:
        self._view = view
        self._lock = threading.Lock()
        self._encoders: dict[LiveChannel, StreamEncoder] = {}
        view.follow(self)

    def of(self, channel: LiveChannel) -> StreamEncoder:
        """Return the encoder of a stream."""
        with self._lock:
            if channel not in self._encoders:
                self._encoders[channel] = StreamEncoder(channel, lambda: self._is_over(channel.stream_id))
            return self._encoders[channel]

    def channel_added(self, channel: LiveChannel) -> None:
        """Nothing is encoded before somebody asks."""

    def channel_removed(self, channel: LiveChannel) -> None:
        """End the video of a stream that has gone."""
        with self._lock:
            encoder = self._encoders.pop(channel, None)
        if encoder is not None:
            encoder.close()

    def close(self) -> None:
        """End every video."""
        self._view.unfollow(self)

    def _is_over(self, stream_id: str) -> bool:
        return any(status.id == stream_id and status.state in _OVER for status in self._view.statuses())
