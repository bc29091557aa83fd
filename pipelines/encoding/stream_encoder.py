"""The annotated video of one stream, encoded once for all who take it, and not at all while nobody does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from pipelines.encoding.h264 import TICKS_PER_S, AccessUnit, H264Encoder
from pipelines.encoding.video_frame import even
from streamvision.core.channel import Channel, Policy
from streamvision.core.frame import Frame
from streamvision.core.live import LiveChannel
from streamvision.core.picture import Canvas
from streamvision.core.rendered_frame import RenderedFrame

_log = logging.getLogger(__name__)

KEY_S = 1.0
"""From key frame to key frame: how long a new reader waits at most, and how long a fragment is."""
SILENCE_S = 1.0
"""How often it is looked whether the stream is over, while it gives no picture."""
RETRY_S = 5.0
"""How long nothing is encoded after the encoder has failed."""
LONGEST_GAP_S = 10.0
"""After a longer silence of the stream the video begins anew: players wait for as long as they are told of."""
LONGEST_DRIFT_S = 0.5
"""Times of a source that are further from when its pictures come are not believed, as of files read at full speed."""
WAITING = 2
"""Pictures that wait for the encoder; where it is slower than the stream, the oldest is passed over."""


class VideoListener(Protocol):
    """Whoever takes the video of a stream; called from the encoder's thread, and must return at once."""

    def take(self, unit: AccessUnit, encoder: H264Encoder) -> None:
        """Take the next picture; the first is a key frame."""

    def end(self) -> None:
        """Take note that the stream is over; it may be told more than once."""


class StreamEncoder:
    """Encodes while there is a listener, in a thread of its own that begins with the first and ends with the last.

    Args:
        channel: the stream.
        is_over: says whether the stream has ended for good; asked while no picture comes.
    """

    def __init__(self, channel: LiveChannel, is_over: Callable[[], bool]) -> None:
        self.encoded = 0
        """How many pictures were encoded so far."""
        self._channel = channel
        self._is_over = is_over
        self._lock = threading.Lock()
        self._listeners: dict[VideoListener, bool] = {}  # whether its video has begun
        self._frames: Channel[RenderedFrame] | None = None
        self._generation = 0

    @property
    def is_encoding(self) -> bool:
        """Whether somebody takes the video."""
        return self._frames is not None

    def add(self, listener: VideoListener) -> None:
        """Give the video to a listener, from a key frame on, which the next picture is."""
        with self._lock:
            self._listeners[listener] = False
            if self._frames is None:
                self._begin()

    def remove(self, listener: VideoListener) -> None:
        """Give it no more once the present picture is done; calling it twice is harmless."""
        with self._lock:
            self._listeners.pop(listener, None)
            if not self._listeners:
                self._stop()

    def close(self) -> None:
        """End the video for all; they are told."""
        with self._lock:
            listeners, self._listeners = tuple(self._listeners), {}
            self._stop()
        for listener in listeners:
            listener.end()

    def _begin(self) -> None:
        frames = self._frames = Channel(policy=Policy.LATEST, capacity=WAITING)
        newest = self._channel.latest
        if newest is not None and (newest.result.frame.age_s() < KEY_S or self._is_over()):
            frames.put(newest)
        self._channel.add_listener(self._put)
        name = f"encode-{self._channel.stream_id}"
        threading.Thread(target=self._run, args=(frames,), name=name, daemon=True).start()

    def _stop(self) -> None:
        if self._frames is not None:
            self._channel.remove_listener(self._put)
            self._frames.close(discard=True)
            self._frames = None

    def _put(self, channel: LiveChannel) -> None:
        frames, newest = self._frames, channel.latest
        if frames is not None and newest is not None:
            frames.put(newest)

    def _run(self, frames: Channel[RenderedFrame]) -> None:
        run: _Run | None = None
        retry_at_s = 0.0
        while not frames.closed:
            frame = frames.get(SILENCE_S)
            if frame is None and not frames.closed and self._is_over():
                for listener in self._ready(is_key=False):
                    listener.end()
            if frame is None or time.monotonic() < retry_at_s:
                continue
            try:
                run = self._encode(frame, run, frames)
            except Exception:  # the pictures that come later may be better
                _log.exception("stream %s cannot be encoded; next try in %g s", self._channel.stream_id, RETRY_S)
                run, retry_at_s = None, time.monotonic() + RETRY_S

    def _encode(self, frame: RenderedFrame, run: _Run | None, frames: Channel[RenderedFrame]) -> _Run:
        canvas = frame.canvas()
        if run is None or not run.fits(canvas, frame.result.frame):
            self._generation += 1
            run = _Run(canvas, self._generation)
        unit = run.encode(frame.result.frame, canvas, wants_key=not all(self._listeners.copy().values()))
        self.encoded += 1
        if unit is not None and frames is self._frames:
            for listener in self._ready(is_key=unit.is_key):
                listener.take(unit, run.encoder)
        return run

    def _ready(self, *, is_key: bool) -> list[VideoListener]:
        """Return those whose video has begun; with a key frame it does."""
        with self._lock:
            if is_key:
                self._listeners = dict.fromkeys(self._listeners, True)
            return [one for one, has_begun in self._listeners.items() if has_begun]


class _Run:
    """Pictures of one size, from one key frame on, without a long gap."""

    def __init__(self, canvas: Canvas, generation: int) -> None:
        self.encoder = H264Encoder(canvas.width_px, canvas.height_px)
        self._generation = generation
        self._times = _Times()
        self._key_tick: int | None = None
        self._captured_at_s: float | None = None

    def fits(self, canvas: Canvas, frame: Frame) -> bool:
        """Return whether a picture can be part of it."""
        gap_s = 0.0 if self._captured_at_s is None else frame.captured_at_s - self._captured_at_s
        return (even(canvas.width_px), even(canvas.height_px)) == self.encoder.size_px and gap_s < LONGEST_GAP_S

    def encode(self, frame: Frame, canvas: Canvas, *, wants_key: bool) -> AccessUnit | None:
        """Return the next picture, encoded."""
        tick = self._times.tick(frame)
        is_key = wants_key or self._key_tick is None or tick - self._key_tick >= KEY_S * TICKS_PER_S
        if is_key:
            self._key_tick = tick
        self._captured_at_s = frame.captured_at_s
        data = self.encoder.encode(canvas, tick, is_key=is_key)
        return AccessUnit(data, is_key, tick, frame.captured_unix_s, self._generation) if data else None


class _Times:
    """Times as the source gives them, which are steadier than its packets come, while they agree with the clock."""

    def __init__(self) -> None:
        self._begin_s: float | None = None
        self._segment: int | None = None
        self._offset_s = 0.0
        self._trusts_source = True
        self._last_tick = -1

    def tick(self, frame: Frame) -> int:
        """Return the time of the next picture, after that of the one before."""
        arrived_s = frame.captured_at_s
        if self._begin_s is None:
            self._begin_s = arrived_s
        if frame.segment != self._segment:
            self._segment, self._offset_s, self._trusts_source = frame.segment, arrived_s - frame.pts_s, True
        time_s = frame.pts_s + self._offset_s
        if abs(time_s - arrived_s) > LONGEST_DRIFT_S:
            self._trusts_source = False
        tick = round(((time_s if self._trusts_source else arrived_s) - self._begin_s) * TICKS_PER_S)
        self._last_tick = max(tick, self._last_tick + 1)
        return self._last_tick
