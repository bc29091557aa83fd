"""Helpers around StreamCapture and small videos made for one test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipelines.capture.registry import parse_source
from pipelines.capture.source import Policy
from pipelines.capture.stream import StreamCapture
from streamvision.core.config.stream import StreamConfig
from streamvision.core.frame import Frame

FAST = {"libvpx": {"deadline": "realtime", "cpu-used": "8"}}
"""What spares an encoder that would take its time, by its name."""


@contextmanager
def capturing(
    source: str | Path | Sequence[str],
    *,
    policy: Policy = "auto",
    realtime: bool = False,
    max_frames: int | None = None,
    stream_id: str = "s",
    **config: Any,
) -> Iterator[StreamCapture]:
    """Run a capture for the length of the block."""
    text = str(source) if isinstance(source, Path) else source
    capture = StreamCapture(
        stream_id,
        parse_source(text, policy=policy, realtime=realtime),
        config=StreamConfig(source=text if isinstance(text, str) else tuple(text), **config),
        on_ready=lambda: None,
        max_frames=max_frames,
    )
    capture.start()
    try:
        yield capture
    finally:
        capture.request_stop()
        capture.join(3.0)


def take(capture: StreamCapture, count: int | None = None, *, timeout_s: float = 60.0) -> list[Frame]:
    """Take ``count`` frames, or all until the stream is over; fewer only when the time is up."""
    deadline_s = time.monotonic() + timeout_s
    frames: list[Frame] = []
    while (count is None or len(frames) < count) and not capture.finished and time.monotonic() < deadline_s:
        frame = capture.buffer.get(0.1)
        if frame is not None:
            frames.append(frame)
    return frames


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 60.0) -> float:
    """Wait for the condition and return the seconds that took; fail when the time is up."""
    begin_s = time.monotonic()
    waiter = threading.Event()
    while not condition():
        assert time.monotonic() - begin_s < timeout_s, f"did not happen within {timeout_s} s"
        waiter.wait(0.005)
    return time.monotonic() - begin_s


def write_video(
    path: Path,
    *,
    sizes: list[tuple[int, int]],
    frames: int = 20,
    fps: int | Fraction = 25,
    codec: str = "libx264",
    reordered: bool = False,
) -> Path:
    """Write a film of ``frames`` pictures for each size; more than one size only as .h264.

    With ``reordered``, H.264 has B-frames, so that a decoder holds some frames back until the end.
    """
    options = {"preset": "ultrafast", "bf": "2"} if reordered else {"preset": "ultrafast", "tune": "zerolatency"}
    raw = path.open("wb") if path.suffix == ".h264" else None
    container = None if raw else av.open(str(path), "w")
    index = 0
    for width, height in sizes:
        encoder: Any
        if container is not None:
            encoder = container.add_stream(codec, rate=fps)
        else:
            encoder = av.CodecContext.create(codec, "w")
            encoder.framerate, encoder.time_base = Fraction(fps), Fraction(1, fps)
        encoder.width, encoder.height = width, height
        encoder.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        encoder.gop_size = 10
        encoder.options = options if codec == "libx264" else FAST.get(codec, {})
        for number in range(frames + 1):
            frame = None
            if number < frames:
                picture = np.full((height, width, 3), 40 + 8 * (number % 20), np.uint8)
                picture[: height // 2, : width // 2] = (200, 60, 20)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=encoder.pix_fmt)
                frame.pts, frame.time_base = index, Fraction(1, fps)
                index += 1
            for packet in encoder.encode(frame):
                if container is not None:
                    container.mux(packet)
                elif raw is not None:
                    raw.write(bytes(packet))
    if container is not None:
        container.close()
    if raw is not None:
        raw.close()
    return path
