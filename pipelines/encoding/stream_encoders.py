"""The encoders of all streams, which come and go."""

from __future__ import annotations

import threading
from typing import NamedTuple

from pipelines.encoding.encoder_kinds import AUTO, EncoderChoice
from pipelines.encoding.stream_encoder import Drawing, StreamEncoder
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.stream_state import FINAL_STATES

_OVER = frozenset(state.value for state in FINAL_STATES)


class _Layer(NamedTuple):
    channel: LiveChannel
    drawing: Drawing
    width_px: int | None


class StreamEncoders:
    """One for each stream of a view and each form of its pictures, made when first asked for; any thread may ask.

    Args:
        view: the running pipeline.
        encoder: FFmpeg's name of the encoder, or ``auto``: the first that works.
    """

    def __init__(self, view: LiveView, encoder: str = AUTO) -> None:
        self._view = view
        self._choice = EncoderChoice(encoder)
        self._lock = threading.Lock()
        self._encoders: dict[_Layer, StreamEncoder] = {}
        view.follow(self)

    def of(self, channel: LiveChannel, *, drawing: Drawing = "always", width_px: int | None = None) -> StreamEncoder:
        """Return the encoder of a stream's pictures.

        Args:
            channel: the stream.
            drawing: whether what was found is drawn into them.
            width_px: their width, one of a few even steps; by default their own.
        """
        layer = _Layer(channel, drawing, width_px)
        with self._lock:
            encoder = self._encoders.get(layer)
            if encoder is None:
                encoder = StreamEncoder(
                    channel,
                    lambda: self._is_over(channel.stream_id),
                    self._choice,
                    drawing=drawing,
                    width_px=width_px,
                )
                if self._view.channels.get(channel.stream_id) is channel:  # else nobody would take it out again
                    self._encoders[layer] = encoder
            return encoder

    def channel_added(self, channel: LiveChannel) -> None:
        """Nothing is encoded before somebody asks."""

    def channel_removed(self, channel: LiveChannel) -> None:
        """End the videos of a stream that has gone."""
        with self._lock:
            gone = [layer for layer in self._encoders if layer.channel is channel]
            encoders = [self._encoders.pop(layer) for layer in gone]
        for encoder in encoders:
            encoder.close()

    def close(self) -> None:
        """End every video."""
        self._view.unfollow(self)

    def _is_over(self, stream_id: str) -> bool:
        return any(status.id == stream_id and status.state in _OVER for status in self._view.statuses())
