"""Encoded video for the web tests: real H.264, played in a circle to all who subscribe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np

from streamvision.core.live import LiveChannel
from streamvision.core.live_video import VideoFormat, VideoLayer, VideoListener, VideoPacket

GROUP_PICTURES = 25


@lru_cache(maxsize=8)
def encoded_clip(width_px: int, height_px: int, pictures: int = 50, grain: int = 0) -> list[tuple[bytes, bool]]:
    """Return pictures as H.264 with start codes, and which of them are key frames, one in each 25."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width_px, height_px, "yuv420p"
    encoder.framerate, encoder.time_base, encoder.gop_size = 25, Fraction(1, 25), GROUP_PICTURES
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"keyint={GROUP_PICTURES}:scenecut=0",
    }
    noise = np.random.default_rng(1)
    clip = []
    for index in range(pictures):
        bgr = np.full((height_px, width_px, 3), 40 + index, np.uint8)
        bgr[: height_px // 2, (index * 8) % width_px :][:, :16] = 255
        if grain:
            bgr += noise.integers(0, grain, bgr.shape, np.uint8)
        frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
        frame.pts = index
        clip += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    assert len(clip) == pictures
    return clip


class PlayedLayer:
    """One layer of one stream, played from the first subscription on."""

    def __init__(self, layer: VideoLayer, *, fps: float, size_px: tuple[int, int], grain: int) -> None:
        self.layer = layer
        self.fps = fps
        self.generation = 1
        self.listeners: list[VideoListener] = []
        self.subscriptions = 0
        """How often it was subscribed to."""
        self.key_frames_asked = 0
        self.reason: str | None = None
        self.sent: list[VideoPacket] = []
        """All packets of the present generation."""
        self._size_px, self._grain = size_px, grain
        self._clip = encoded_clip(*size_px, grain=grain)
        self.place = 0
        """Which picture of the clip is next; each 25th is a key frame."""
        self._lock = threading.Lock()

    @property
    def format(self) -> VideoFormat:
        encoded = self.layer.way == "encoded"
        return VideoFormat(self.generation, "avc1.42c01e", *self._size_px, self.layer.way, encoded, reorders=False)

    def add(self, listener: VideoListener) -> None:
        with self._lock:
            self.listeners = [*self.listeners, listener]
            self.subscriptions += 1
            self._begin(listener)

    def remove(self, listener: VideoListener) -> None:
        with self._lock:
            self.listeners = [one for one in self.listeners if one is not listener]

    def step(self) -> None:
        """Play one picture."""
        with self._lock:
            if self.reason is not None or not self.listeners:
                return
            data, is_key = self._clip[self.place % len(self._clip)]
            self.place += 1
            captured_us = round(time.monotonic() * 1e6)
            packet = VideoPacket(self.generation, "video", data, is_key, len(self.sent) * 40_000, captured_us)
            self.sent.append(packet)
            for listener in self.listeners:
                listener.take(packet)

    def ask_for_key_frame(self) -> None:
        with self._lock:
            self.key_frames_asked += 1
            self.place = 0

    def become(self, reason: str | None) -> None:
        """Let there be no such layer for a reason, or let it begin anew."""
        with self._lock:
            self.reason = reason
            self.generation += 1
            self.place, self.sent = 0, []
            for listener in self.listeners:
                self._begin(listener)

    def _begin(self, listener: VideoListener) -> None:
        if self.reason is not None:
            listener.unavailable(self.reason)
            return
        keys = [index for index, packet in enumerate(self.sent) if packet.is_key]
        listener.begin(self.format, self.sent[keys[-1] :] if keys else [])


class PlayedPackets:
    """Plays every layer that somebody takes; a :class:`streamvision.core.live_video.LivePackets`."""

    def __init__(self, *, fps: float = 25.0, size_px: tuple[int, int] = (320, 180), grain: int = 0) -> None:
        self._fps, self._size_px, self._grain = fps, size_px, grain
        self._layers: dict[tuple[str, VideoLayer], PlayedLayer] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> PlayedPackets:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def layer(self, stream_id: str, layer: VideoLayer) -> PlayedLayer:
        width_px, height_px = self._size_px
        if layer.width_px is not None and layer.width_px < width_px:
            width_px, height_px = layer.width_px, layer.width_px * height_px // width_px // 2 * 2
        if (stream_id, layer) not in self._layers:
            played = PlayedLayer(layer, fps=self._fps, size_px=(width_px, height_px), grain=self._grain)
            self._layers = {**self._layers, (stream_id, layer): played}
        return self._layers[stream_id, layer]

    def subscribe(self, channel: LiveChannel, layer: VideoLayer, listener: VideoListener) -> Callable[[], None]:
        played = self.layer(channel.stream_id, layer)
        played.add(listener)
        return lambda: played.remove(listener)

    def request_key_frame(self, channel: LiveChannel, layer: VideoLayer) -> None:
        self.layer(channel.stream_id, layer).ask_for_key_frame()

    def _run(self) -> None:
        while not self._stopping.wait(1 / self._fps):
            for played in self._layers.values():
                played.step()
