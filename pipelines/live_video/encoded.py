"""Pictures of a stream that are encoded here, as packets for those who watch: once for all who take the same width."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from weakref import WeakValueDictionary

from pipelines.encoding.fragments import codecs_of
from pipelines.encoding.h264 import AccessUnit, H264Encoder
from pipelines.encoding.stream_encoder import StreamEncoder
from pipelines.encoding.stream_encoders import StreamEncoders
from streamvision.core.live import LiveChannel
from streamvision.core.live_video import VideoFormat, VideoListener, VideoPacket

KEY_S = 4.0
"""From key frame to key frame; in between they are asked for."""
CATCH_UP_S = 1.0
"""Who comes within this after a key frame is given all that followed it; later a new one is less to send."""
CATCH_UP_BYTES = 4 << 20
"""Most bytes that are kept for that."""


class EncodedLayer:
    """One width of a stream, while somebody takes it. Any thread may use it, but none that holds a listener's lock.

    Args:
        encoder: who encodes it.
    """

    def __init__(self, encoder: StreamEncoder) -> None:
        self._encoder = encoder
        self._lock = threading.RLock()
        self._listeners: dict[VideoListener, bool] = {}  # whether it has the key frame that the next packet follows
        self._format: VideoFormat | None = None
        self._group: list[VideoPacket] | None = None  # since the last key frame; None where that is too much
        self._group_bytes = 0

    def subscribe(self, listener: VideoListener) -> Callable[[], None]:
        """Give it to a listener from now on; return what ends that, which may be called twice."""
        with self._lock:
            has_others = bool(self._listeners)
            self._listeners[listener] = False
            if not has_others:
                self._encoder.add(self, key_s=KEY_S)
            elif self._format is not None:
                self._listeners[listener] = self._group is not None
                listener.begin(self._format, tuple(self._group or ()))
                if self._group is None:
                    self._encoder.request_key_frame()
        return partial(self._unsubscribe, listener)

    def request_key_frame(self) -> None:
        """Let the next picture be a key frame, though not more than one a second."""
        self._encoder.request_key_frame()

    def take(self, unit: AccessUnit, encoder: H264Encoder) -> None:
        """Take the next picture from the encoder."""
        packet = VideoPacket(
            unit.generation, "video", unit.data, unit.is_key, round(unit.tick * 100 / 9), unit.captured_us
        )
        with self._lock:
            if self._format is None or self._format.generation != unit.generation:
                self._begin(packet, unit, encoder)
                return
            self._keep(packet)
            for listener in self._present(is_key=packet.is_key):
                listener.take(packet)

    def fail(self, reason: str) -> None:
        """Tell all that there is nothing now."""
        with self._lock:
            self._forget()
            for listener in tuple(self._listeners):
                listener.unavailable(reason)

    def end(self) -> None:
        """Nothing follows; the stream's status says so."""

    def _begin(self, packet: VideoPacket, unit: AccessUnit, encoder: H264Encoder) -> None:
        if not packet.is_key:
            return
        self._keep(packet)
        width_px, height_px = encoder.size_px
        self._format = VideoFormat(
            unit.generation, codecs_of(unit.data), width_px, height_px, "encoded", unit.is_drawn, reorders=False
        )
        for listener in self._present(is_key=True):
            listener.begin(self._format, (packet,))

    def _present(self, *, is_key: bool) -> Iterator[VideoListener]:
        """Yield those who can decode the next packet; each may leave while another is told."""
        if is_key:
            self._listeners = dict.fromkeys(self._listeners, True)
        for listener in tuple(self._listeners):
            if self._listeners.get(listener):
                yield listener

    def _keep(self, packet: VideoPacket) -> None:
        if packet.is_key:
            self._group, self._group_bytes = [], 0
        if self._group is None:
            return
        self._group.append(packet)
        self._group_bytes += len(packet.data)
        if packet.time_us - self._group[0].time_us > CATCH_UP_S * 1e6 or self._group_bytes > CATCH_UP_BYTES:
            self._group = None

    def _unsubscribe(self, listener: VideoListener) -> None:
        with self._lock:
            if self._listeners.pop(listener, None) is not None and not self._listeners:
                self._encoder.remove(self)
                self._forget()

    def _forget(self) -> None:
        self._format, self._group = None, None


class EncodedLayers:
    """Those of all streams.

    Args:
        encoders: who encodes.
    """

    def __init__(self, encoders: StreamEncoders) -> None:
        self._encoders = encoders
        self._lock = threading.Lock()
        # Each is kept by those who can leave it.
        self._layers: WeakValueDictionary[tuple[LiveChannel, int | None], EncodedLayer] = WeakValueDictionary()

    def subscribe(self, channel: LiveChannel, width_px: int | None, listener: VideoListener) -> Callable[[], None]:
        """Give a stream in one width to a listener from now on; return what ends that, which may be called twice.

        What was found is drawn into the pictures only where a page could not draw it.

        Args:
            channel: the stream.
            width_px: width of the pictures, one of a few even steps; by default their own, as where they are narrower.
            listener: who takes it.
        """
        key = _key(channel, width_px)
        with self._lock:
            layer = self._layers.get(key)
            if layer is None:
                encoder = self._encoders.of(channel, drawing="where_needed", width_px=key[1])
                layer = self._layers[key] = EncodedLayer(encoder)
            return layer.subscribe(listener)

    def request_key_frame(self, channel: LiveChannel, width_px: int | None) -> None:
        """Let the next picture be a key frame, though not more than one a second."""
        with self._lock:
            layer = self._layers.get(_key(channel, width_px))
        if layer is not None:
            layer.request_key_frame()


def _key(channel: LiveChannel, width_px: int | None) -> tuple[LiveChannel, int | None]:
    """Return under what a layer is known: one that is as wide as the pictures is that of their own width."""
    newest = channel.latest
    full_px = None if newest is None else newest.result.picture.width_px
    return channel, None if width_px is None or (full_px is not None and width_px >= full_px) else width_px
