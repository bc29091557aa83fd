"""Live streams for the web tests: real pictures, really encoded, published as the engine publishes them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import simplejpeg

from pipelines.stages.analytics import Analytics
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.image_result import ImageResult
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.picture import BgrPicture, Canvas
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution

NAMES = ("person", "car", "truck")


class FedStream:
    """One stream: a channel, its status, and the pictures to publish."""

    def __init__(
        self,
        stream_id: str,
        *,
        width_px: int = 320,
        height_px: int = 180,
        hue: int = 100,
        grain: int = 0,
        noise: int = 0,
    ) -> None:
        self._noise = noise
        self._random = np.random.default_rng(hue)
        self.channel = LiveChannel(stream_id, NAMES)
        self.analytics = Analytics(AnalyticsConfig(), NAMES, memory_s=1.0)
        self.counts: dict[str, Any] = {}  # in place of what is really counted
        self.encoded = 0
        self.enlarged = 1
        """How many times wider the network's own pictures are, in place of the frame's."""
        self.published = 0
        self.since_s = time.monotonic()
        self._size = (width_px, height_px)
        self._background = self._scenery(hue, grain)
        self.status = StreamStatus.without_frames(
            stream_id, source=f"rtsp://127.0.0.1:8554/{stream_id}", state="live", reason="", state_age_s=0.0, live=True
        )

    def _scenery(self, hue: int, grain: int) -> np.ndarray:
        width, height = self._size
        rows = np.linspace(150, 60, height)[:, None] + np.zeros((1, width))
        hsv = np.stack([np.full_like(rows, hue % 180), np.full_like(rows, 70), rows], axis=2).astype(np.uint8)
        bgr = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
        cv2.rectangle(bgr, (0, int(height * 0.6)), (width, height), (70, 70, 70), -1)
        if grain:  # JPEG files as large as those of a real camera
            small = np.random.default_rng(hue).integers(0, grain, (height // 2, width // 2, 3), np.uint8)
            bgr = cv2.add(bgr, cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
        return bgr

    def publish(self) -> None:
        """Draw the next picture, two objects that move, and make it the newest."""
        captured_at_s = time.monotonic()
        width, height = self._size
        index = self.published
        left = float((index * 4) % (width - 60))
        boxes = np.array(
            [
                [left, height * 0.65, left + 50, height * 0.9],
                [width - left - 30, height * 0.5, width - left, height * 0.85],
            ],
            np.float32,
        )
        detections = Detections(
            boxes,
            np.array([0.91, 0.78], np.float32),
            np.array([1, 0], np.int32),
            np.ma.array(np.array([1, 0]), mask=[False, True]),
        )
        bgr = self._background.copy()
        if self._noise:  # video as large as that of a real camera at night
            small = self._random.integers(0, self._noise, (height // 4, width // 4, 3), np.uint8)
            bgr = cv2.add(bgr, cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
        for box, color in zip(boxes.astype(int).tolist(), ((80, 200, 120), (60, 160, 250)), strict=True):
            cv2.rectangle(bgr, box[:2], box[2:], color, -1)
        cv2.putText(bgr, f"{self.channel.stream_id} {index}", (10, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255,) * 3, 2)
        frame = Frame(self.channel.stream_id, index, index / 25, captured_at_s, BgrPicture(bgr))
        result = Result(frame, detections)
        if self.enlarged > 1:
            large = cv2.resize(bgr, None, fx=self.enlarged, fy=self.enlarged, interpolation=cv2.INTER_LINEAR)
            result = replace(result, image_result=ImageResult(picture=BgrPicture(large)))
        result = replace(result, analysis=self.analytics.update(result))
        drawn = self.enlarged > 1
        self.channel.publish(
            RenderedFrame(result, draw=result.picture.to_canvas, encode=self._encode, needs_drawing=drawn)
        )
        self.published += 1
        self.status = replace(
            self.status,
            frames_in=index + 1,
            frames_done=index + 1,
            width_px=width,
            height_px=height,
            objects=dict(Counter(NAMES[c] for c in detections.class_id.tolist())),
            identities={"car": 1 + index // 50, "person": index // 80},
        )

    def _encode(self, canvas: Canvas) -> bytes:
        self.encoded += 1
        return simplejpeg.encode_jpeg_yuv_planes(canvas.y, canvas.u, canvas.v, quality=80)

    def enter(self, state: str, reason: str = "") -> None:
        """Change the state that the status reports."""
        self.since_s = time.monotonic()
        self.status = replace(self.status, state=state, reason=reason)

    def present(self) -> StreamStatus:
        """Return the status as of now."""
        newest = self.channel.latest
        return replace(
            self.status,
            state_age_s=time.monotonic() - self.since_s,
            fps=25.0 if self.status.state == "live" and newest else 0.0,
            age_s={"p50": 0.04, "p95": 0.08, "p99": 0.12} if newest else None,
            newest_age_s=newest.result.frame.age_s() if newest else None,
            viewers=self.channel.viewers,
            analytics=self.counts or self.analytics.report(),
        )


class LiveFeed:
    """Publishes all streams from one thread until it is stopped; streams that are not live stay silent."""

    def __init__(
        self,
        *stream_ids: str,
        fps: float = 25.0,
        width_px: int = 320,
        height_px: int = 180,
        grain: int = 0,
        noise: int = 0,
    ) -> None:
        self._size_px = width_px, height_px
        self._grain, self._noise = grain, noise
        self.streams: dict[str, FedStream] = {}
        for name in stream_ids:
            self._create(name)
        self.stage_times = {"inference": Distribution()}
        self.stage_times["inference"].add(0.02)
        self.view = LiveView(
            {name: stream.channel for name, stream in self.streams.items()},
            statuses=lambda: [stream.present() for stream in self.streams.values()],
            stage_times=lambda: self.stage_times,
            model="yolox_nano.onnx on onnxruntime, cpu, fp32",
            analytics={name: stream.analytics for name, stream in self.streams.items()},
        )
        self.frame_ages = {name: Distribution() for name in stream_ids}
        self.view.frame_ages = lambda: self.frame_ages
        self._interval_s = 1 / fps
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def add(self, stream_id: str) -> None:
        """Let a stream come, as a pipeline does."""
        stream = self._create(stream_id)
        self.view.put(stream.channel, stream.analytics)

    def remove(self, stream_id: str) -> None:
        """Let a stream go."""
        self.streams = {name: stream for name, stream in self.streams.items() if name != stream_id}
        self.frame_ages = {name: ages for name, ages in self.frame_ages.items() if name != stream_id}
        self.view.remove(stream_id)

    def _create(self, stream_id: str) -> FedStream:
        width_px, height_px = self._size_px
        hue = 100 + 23 * len(self.streams)
        stream = FedStream(
            stream_id, width_px=width_px, height_px=height_px, hue=hue, grain=self._grain, noise=self._noise
        )
        self.streams = {**self.streams, stream_id: stream}
        return stream

    def __getitem__(self, stream_id: str) -> FedStream:
        return self.streams[stream_id]

    def __enter__(self) -> LiveFeed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            for stream in self.streams.values():
                if stream.status.state == "live":
                    stream.publish()


def published_after(channel: LiveChannel, sequence: int, timeout_s: float = 60.0) -> bool:
    """Wait for a frame of the channel after that sequence number; return whether one came in time."""
    came = threading.Event()

    def listen(_channel: LiveChannel) -> None:
        came.set()

    deadline_s = time.monotonic() + timeout_s
    channel.add_listener(listen)
    try:
        while (newest := channel.latest) is None or newest.sequence <= sequence:
            came.clear()
            if not came.wait(max(deadline_s - time.monotonic(), 0.0)) and time.monotonic() >= deadline_s:
                return False
        return True
    finally:
        channel.remove_listener(listen)
