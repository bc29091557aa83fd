"""Whoever watches a stream's own packets, and what can be seen in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
import numpy as np

from pipelines.capture.ffmpeg.frame_pictures import FramePictures
from pipelines.capture.packet_fan_out import PacketFanOut
from pipelines.capture.packets import PacketListener
from pipelines.capture.registry import parse_source
from pipelines.capture.stream import StreamCapture
from pipelines.live_video.packet_relay import PacketRelay
from pipelines.live_video.passed_on import PassedOn
from streamvision.core.config.stream import StreamConfig
from streamvision.core.frame import Frame, PacketTime
from streamvision.core.live_video import VideoFormat, VideoPacket
from streamvision.core.picture import YuvPicture
from support.capturing import wait_until

_CODECS = {"avc1": "h264", "hvc1": "hevc", "av01": "av1", "vp09": "vp9", "vp8": "vp8"}


class Watcher:
    """Keeps all that it is given."""

    def __init__(self) -> None:
        self.formats: dict[int, VideoFormat] = {}
        self.packets: list[VideoPacket] = []
        self.begun: list[int] = []
        self.reasons: list[str] = []
        self._calls = threading.Lock()

    def begin(self, video: VideoFormat, packets: Sequence[VideoPacket]) -> None:
        with self._alone():
            self.formats[video.generation] = video
            self.begun.append(len(packets))
            self.packets += packets

    def take(self, packet: VideoPacket) -> None:
        with self._alone():
            assert packet.generation in self.formats
            self.packets.append(packet)

    def unavailable(self, reason: str) -> None:
        with self._alone():
            self.reasons.append(reason)

    def pictures(self) -> dict[PacketTime, YuvPicture]:
        """Return what a decoder makes of the packets, by how a frame names its packet."""
        found: dict[PacketTime, YuvPicture] = {}
        for generation, video in self.formats.items():
            own = [one for one in self.packets if one.generation == generation and one.track == "video"]
            found |= {PacketTime(generation, at): picture for at, picture in decoded(video, own).items()}
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        assert self._calls.acquire(blocking=False), "two calls at a time"
        try:
            yield
        finally:
            self._calls.release()


def decoded(video: VideoFormat, packets: Sequence[VideoPacket]) -> dict[int, YuvPicture]:
    """Return the pictures of one generation by their time."""
    assert not packets or packets[0].is_key
    context: Any = av.CodecContext.create(_CODECS[video.codec.partition(".")[0]], "r")
    pictures = FramePictures()
    found: dict[int, YuvPicture] = {}
    for one in [*packets, None]:
        packet = None
        if one is not None:
            packet = av.Packet(one.data)
            packet.pts, packet.time_base = one.time_us, Fraction(1, 1_000_000)
        try:
            frames = context.decode(packet)
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            found[frame.pts] = pictures.picture(frame)
    return found


def is_same(picture: Any, other: YuvPicture | None) -> bool:
    """Say whether two pictures are equal in every pixel."""
    return other is not None and all(
        np.array_equal(ours, theirs)
        for ours, theirs in zip((picture.y, picture.u, picture.v), (other.y, other.u, other.v), strict=True)
    )


class WatchedStream:
    """A stream's capture, a watcher of its packets, and all frames that it gave."""

    def __init__(
        self,
        source: str,
        *,
        realtime: bool = False,
        sound: bool = True,
        others: Sequence[PacketListener] = (),
        passed_on: PassedOn | None = None,
        **config: Any,
    ) -> None:
        self.passed_on = passed_on or PassedOn()
        self.relay = PacketRelay(self.passed_on, sound=sound)
        self.watcher = Watcher()
        self.frames: list[Frame] = []
        self.stop_watching = self.passed_on.subscribe(self.watcher)
        self.capture = StreamCapture(
            "s",
            parse_source(source, realtime=realtime),
            config=StreamConfig(source=source, **config),
            on_ready=lambda: None,
            packets=PacketFanOut("s", [self.relay, *others]),
            patient=True,
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take, daemon=True)

    def _take(self) -> None:
        while not self._over.is_set():
            frame = self.capture.buffer.get(0.05)
            if frame is not None:
                self.frames.append(frame)

    def wait_for(self, frames: int, *, timeout_s: float = 60.0) -> None:
        """Wait until so many frames came, of which a busy machine may not have taken all, or the stream is over."""
        wait_until(lambda: self.capture.frames_in >= frames or self.capture.finished, timeout_s=timeout_s)

    def stop(self) -> None:
        """End the capture."""
        self._over.set()
        self.capture.request_stop()
        self.capture.join(5.0)
        self._thread.join(60)

    def matching(self) -> tuple[int, int]:
        """Return how many frames are the very picture of the packet that they name, and how many there are."""
        pictures = self.watcher.pictures()
        same = sum(one.packet is not None and is_same(one.picture, pictures.get(one.packet)) for one in self.frames)
        return same, len(self.frames)

    def __enter__(self) -> WatchedStream:
        self.capture.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
