"""The video of one stream, encoded once for all who take it, and not at all while nobody does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol

import av

from pipelines.encoding.encoder_kinds import EncoderChoice
from pipelines.encoding.h264 import TICKS_PER_S, AccessUnit, H264Encoder, VideoSettings
from pipelines.encoding.video_frame import colours_of, even, planes_of
from streamvision.core.channel import Channel, Policy
from streamvision.core.errors import StreamVisionError
from streamvision.core.frame import Frame
from streamvision.core.live import LiveChannel
from streamvision.core.picture import Canvas, YuvPicture
from streamvision.core.rendered_frame import RenderedFrame

_log = logging.getLogger(__name__)

Drawing = Literal["always", "where_needed"]
"""Whether what was found is drawn into all pictures, or only into those where whoever shows them cannot draw it."""

KEY_S = 1.0
"""From key frame to key frame for who says nothing else: how long a fragment is."""
KEY_FLOOR_S = 1.0
"""Key frames that are asked for have this between them: however many ask, the video stays small."""
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
BITS_PER_PIXEL_S = 4
"""Most bits a second for each pixel of a picture in its own size: 8.3 Mbit/s at 1080p, 3.7 at 720p."""
MIN_BIT_S = 500_000
"""The same for small pictures."""
SCALED_BITS_PER_PIXEL_S = 3
"""The same of scaled pictures: 320x180 takes 173 kbit/s, so that a line of 40 kB/s has room for it."""
MIN_SCALED_BIT_S = 60_000
"""The same for small ones."""


class UnitListener(Protocol):
    """Whoever takes the video of a stream; called from the encoder's thread, and must return at once."""

    def take(self, unit: AccessUnit, encoder: H264Encoder) -> None:
        """Take the next picture; the first is a key frame."""

    def fail(self, reason: str) -> None:
        """Take note that nothing can be encoded, in one sentence; it is tried again, and begins with a key frame."""

    def end(self) -> None:
        """Take note that the stream is over; it may be told more than once."""


class StreamEncoder:
    """Encodes while there is a listener, in a thread of its own that begins with the first and ends with the last.

    Args:
        channel: the stream.
        is_over: says whether the stream has ended for good; asked while no picture comes.
        choice: opens encoders.
        drawing: whether what was found is drawn into the pictures.
        width_px: width of the pictures, an even one; those that are no wider, and all by default, stay as they are.
    """

    def __init__(
        self,
        channel: LiveChannel,
        is_over: Callable[[], bool],
        choice: EncoderChoice,
        *,
        drawing: Drawing = "always",
        width_px: int | None = None,
    ) -> None:
        self.encoded = 0
        """How many pictures were encoded so far."""
        self._channel = channel
        self._is_over = is_over
        self._choice = choice
        self._drawing = drawing
        self._width_px = width_px
        self._lock = threading.Lock()
        self._listeners: dict[UnitListener, bool] = {}  # whether its video has begun
        self._key_s: dict[UnitListener, float] = {}
        self._is_key_wanted = False
        self._frames: Channel[RenderedFrame] | None = None
        self._generation = 0

    @property
    def is_encoding(self) -> bool:
        """Whether somebody takes the video."""
        return self._frames is not None

    def add(self, listener: UnitListener, *, key_s: float = KEY_S) -> None:
        """Give the video to a listener, from a key frame on, which the next picture is.

        Args:
            listener: who takes it.
            key_s: longest time from key frame to key frame, in seconds; who wants them most often has his way.
        """
        with self._lock:
            self._listeners[listener] = False
            self._key_s[listener] = key_s
            if self._frames is None:
                self._begin()

    def remove(self, listener: UnitListener) -> None:
        """Give it no more once the present picture is done; calling it twice is harmless."""
        with self._lock:
            self._listeners.pop(listener, None)
            self._key_s.pop(listener, None)
            if not self._listeners:
                self._stop()

    def request_key_frame(self) -> None:
        """Let the next picture be a key frame, or the first that is far enough from the last; any thread may ask."""
        self._is_key_wanted = True

    def close(self) -> None:
        """End the video for all; they are told."""
        with self._lock:
            listeners, self._listeners = tuple(self._listeners), {}
            self._key_s = {}
            self._stop()
        for listener in listeners:
            listener.end()

    def _begin(self) -> None:
        frames = self._frames = Channel(policy=Policy.LATEST, capacity=WAITING)
        newest = self._channel.latest
        if newest is not None and (newest.result.frame.age_s() < KEY_S or self._is_over()):
            frames.put(newest)
        self._channel.add_listener(self._put)
        name = f"encode-{self._channel.stream_id}{f'-{self._width_px}' if self._width_px else ''}"
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
            except Exception as error:  # the pictures that come later may be better
                _log.exception("stream %s cannot be encoded; next try in %g s", self._channel.stream_id, RETRY_S)
                if run is not None and isinstance(error, av.FFmpegError):
                    self._choice.note_failure(run.encoder)
                run, retry_at_s = None, time.monotonic() + RETRY_S
                self._tell_failure(error)

    def _encode(self, frame: RenderedFrame, run: _Run | None, frames: Channel[RenderedFrame]) -> _Run:
        planes, is_drawn = self._picture(frame)
        if run is None or not run.fits(planes, frame.result.frame, is_drawn=is_drawn):
            self._generation += 1
            settings = VideoSettings(planes.width_px, planes.height_px, self._max_bit_s(planes), colours_of(planes))
            run = _Run(self._choice.open(settings), settings, self._generation, is_drawn=is_drawn)
        elif not run.is_later(frame.result.frame):
            return run
        unit = run.encode(frame.result.frame, planes, key_after_s=self._key_after_s())
        if unit is not None and unit.is_key:
            self._is_key_wanted = False
        self.encoded += 1
        if unit is not None and frames is self._frames:
            for listener in self._ready(is_key=unit.is_key):
                listener.take(unit, run.encoder)
        return run

    def _key_after_s(self) -> float:
        """Return how long after the last key frame the next picture is one."""
        if not all(self._listeners.copy().values()):
            return 0.0
        key_s = min(self._key_s.copy().values(), default=KEY_S)
        return min(key_s, KEY_FLOOR_S) if self._is_key_wanted else key_s

    def _picture(self, frame: RenderedFrame) -> tuple[Canvas | YuvPicture, bool]:
        """Return what is encoded of a frame, and whether it is drawn."""
        is_drawn = self._drawing == "always" or frame.needs_drawing
        picture = frame.canvas() if is_drawn else frame.result.frame.picture
        return planes_of(picture if self._width_px is None else picture.scaled(self._width_px)), is_drawn

    def _max_bit_s(self, planes: Canvas | YuvPicture) -> int:
        pixels = planes.width_px * planes.height_px
        if self._width_px is None:
            return max(BITS_PER_PIXEL_S * pixels, MIN_BIT_S)
        return max(SCALED_BITS_PER_PIXEL_S * pixels, MIN_SCALED_BIT_S)

    def _ready(self, *, is_key: bool) -> list[UnitListener]:
        """Return those whose video has begun; with a key frame it does."""
        with self._lock:
            if is_key:
                self._listeners = dict.fromkeys(self._listeners, True)
            return [one for one, has_begun in self._listeners.items() if has_begun]

    def _tell_failure(self, error: Exception) -> None:
        reason = (
            str(error) if isinstance(error, StreamVisionError) else "the pictures cannot be encoded; the log says why"
        )
        with self._lock:
            self._listeners = dict.fromkeys(self._listeners, False)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener.fail(reason)


class _Run:
    """Pictures of one size, from one key frame on, without a long gap."""

    def __init__(self, encoder: H264Encoder, settings: VideoSettings, generation: int, *, is_drawn: bool) -> None:
        self.encoder = encoder
        self._settings = settings
        self._generation = generation
        self._is_drawn = is_drawn
        self._times = _Times()
        self._key_tick: int | None = None
        self._captured_at_s = 0.0

    def fits(self, planes: Canvas | YuvPicture, frame: Frame, *, is_drawn: bool) -> bool:
        """Return whether a picture can be part of it."""
        return (
            (even(planes.width_px), even(planes.height_px)) == self.encoder.size_px
            and (colours_of(planes), is_drawn) == (self._settings.colours, self._is_drawn)
            and frame.captured_at_s - self._captured_at_s < LONGEST_GAP_S
        )

    def is_later(self, frame: Frame) -> bool:
        """Return whether a picture is later than all before: by when it was captured it is known in the video."""
        return _microseconds(frame) > round(self._captured_at_s * 1e6)

    def encode(self, frame: Frame, planes: Canvas | YuvPicture, *, key_after_s: float) -> AccessUnit | None:
        """Return the next picture, encoded; as a key frame where the last one is so long ago."""
        tick = self._times.tick(frame)
        is_key = self._key_tick is None or tick - self._key_tick >= key_after_s * TICKS_PER_S
        if is_key:
            self._key_tick = tick
        self._captured_at_s = frame.captured_at_s
        data = self.encoder.encode(planes, tick, is_key=is_key)
        unix_s, captured_us = frame.captured_unix_s, _microseconds(frame)
        return AccessUnit(data, is_key, tick, unix_s, self._generation, captured_us, self._is_drawn) if data else None


def _microseconds(frame: Frame) -> int:
    return round(frame.captured_at_s * 1e6)


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
