"""A short film as a camera would send it, and the encoded layers of a stream that shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pipelines.encoding.encoder_kinds import EncoderChoice
from pipelines.encoding.fragments import codecs_of
from pipelines.encoding.h264 import TICKS_PER_S, VideoSettings
from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.live_video.encoded import EncodedLayers
from pipelines.live_video.passed_on import PassedOn
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.live_video import VideoFormat, VideoLayer, VideoListener, VideoPacket
from streamvision.core.picture import Canvas, Picture

BITS_PER_PIXEL_S = 2.0
"""Bits a second for each pixel: 4.1 Mbit/s at 1080p, as cameras are mostly set."""
KEY_S = 2.0
GRAIN = 24
"""Noise of the camera, in levels: without it nothing but the boxes would take bits."""


class _Packet(NamedTuple):
    data: bytes
    is_key: bool


class FilmedVideo:
    """Packets of the film, given to all who take them; a :class:`streamvision.core.live_video.LivePackets`.

    Args:
        pictures: the film.
        fps: pictures a second.
        view: what the stream belongs to.
    """

    def __init__(self, pictures: Sequence[Picture], *, fps: float, view: LiveView) -> None:
        self._fps = fps
        self._packets = _encoded([picture.to_canvas() for picture in pictures], fps)
        self._encoded = EncodedLayers(StreamEncoders(view))
        self._passed_on = PassedOn()
        self._writer = self._passed_on.new_writer()
        self._generation = self._passed_on.new_generation()
        first = pictures[0]
        codec = codecs_of(self._packets[0].data)
        size_px = first.width_px, first.height_px
        video = VideoFormat(self._generation, codec, *size_px, "passed_on", is_drawn=False, reorders=False)
        self._passed_on.begin(self._writer, video)

    @property
    def mean_bytes(self) -> float:
        """Mean size of a packet."""
        return float(np.mean([len(packet.data) for packet in self._packets]))

    def send(self, index: int, captured_at_s: float) -> None:
        """Let the next packet come, as from a camera; the film begins anew at its end."""
        packet = self._packets[index % len(self._packets)]
        time_us = round(index * 1e6 / self._fps)
        captured_us = round(captured_at_s * 1e6)
        self._passed_on.put(
            self._writer, VideoPacket(self._generation, "video", packet.data, packet.is_key, time_us, captured_us)
        )

    def subscribe(self, channel: LiveChannel, layer: VideoLayer, listener: VideoListener) -> Callable[[], None]:
        """Give a layer to a listener from now on; return what ends that."""
        if layer.way == "encoded":
            return self._encoded.subscribe(channel, layer.width_px, listener)
        return self._passed_on.subscribe(listener)

    def request_key_frame(self, channel: LiveChannel, layer: VideoLayer) -> None:
        """Let the encoded layer's next picture be a key frame."""
        if layer.way == "encoded":
            self._encoded.request_key_frame(channel, layer.width_px)


def _encoded(canvases: Sequence[Canvas], fps: float) -> list[_Packet]:
    first = canvases[0]
    max_bit_s = int(BITS_PER_PIXEL_S * first.width_px * first.height_px)
    encoder = EncoderChoice().open(VideoSettings(first.width_px, first.height_px, max_bit_s))
    noise = np.random.default_rng(0)
    packets = []
    for index, canvas in enumerate(canvases):
        canvas.y[:] = np.clip(canvas.y + noise.normal(0, GRAIN / 4, canvas.y.shape), 0, 255).astype(np.uint8)
        is_key = index % round(KEY_S * fps) == 0
        packets.append(_Packet(encoder.encode(canvas, round(index * TICKS_PER_S / fps), is_key=is_key), is_key))
    return packets
