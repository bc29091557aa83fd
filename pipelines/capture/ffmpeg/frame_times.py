"""When each frame of an FFmpeg input was captured, and its place in the stream's own time."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from av.video.frame import VideoFrame

from pipelines.capture.ffmpeg.clock_rate import ClockRate
from pipelines.capture.ffmpeg.container_format import ContainerFormat
from pipelines.capture.source import SourceSpec
from pipelines.capture.timing import CaptureClock, LeapLog, MonotonicPts
from pipelines.capture.wall_clock import RecordingClock, SenderClock, arrival_time, recording_clock
from streamvision.core.frame import WallTime

log = logging.getLogger(__name__)

_HELD_BACK_CODECS = frozenset({"h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "vvc"})


class FrameTime(NamedTuple):
    """The times of one frame."""

    pts_s: float
    """In the source's own time, never falling."""
    captured_at_s: float
    """When its data reached this machine, on ``time.monotonic()``."""
    wall_time: WallTime | None
    """When the picture was taken, where that is known."""


class FrameTimes:
    """The times of one input's packets and frames.

    Args:
        container: the open PyAV container.
        stream: the video stream that is read.
        spec: the source.
        is_file: whether it is read as fast as it can be, so that arrival says nothing.
        at_its_own_pace: whether packets come when they are captured.
        fps: its frame rate.
    """

    def __init__(
        self, container: Any, stream: Any, spec: SourceSpec, *, is_file: bool, at_its_own_pace: bool, fps: float
    ) -> None:
        self._format = ContainerFormat.of(container)
        self._shown = spec.safe_uri
        self._is_file = is_file
        self._at_its_own_pace = at_its_own_pace
        self._fps = fps
        self._pts = MonotonicPts(1 / fps, wraps_at_s=self._format.wraps_at_s)
        self._leaps = LeapLog(spec.safe_uri)
        self._clock = CaptureClock()
        self._rate = ClockRate()
        self._sender = SenderClock() if spec.kind == "rtsp" else None
        self._recorded: RecordingClock | None = None
        if is_file or not spec.live:
            path = spec.uri if is_file else unquote(urlsplit(spec.uri).path)
            self._recorded = recording_clock(path, container.metadata, stream.metadata)
        self._arrivals: deque[tuple[int | None, float, WallTime | None]] = deque(maxlen=64)
        self._held_back = self._format.is_split_by_parser and stream.codec.name in _HELD_BACK_CODECS
        self._untimed = not is_file and self._format.has_no_times
        self._last_read_s: float | None = None
        self._first_captured_at_s: float | None = None
        self._timed: tuple[float, float] | None = None
        self._first_dts: int | None = None
        self._hold_ticks: int | None = None
        self.end_s = 0.0
        """Time of the newest frame."""

    @property
    def untimed(self) -> bool:
        """Whether the source's own times say nothing, so that arrival counts."""
        return self._untimed

    def of(self, frame: VideoFrame) -> FrameTime:
        """Return the times of the next frame."""
        captured_at_s, taken = self._arrival_of(frame)
        self.end_s = self._pts.next_s(self._source_time_s(frame, captured_at_s))
        if self._pts.step_back_s:
            self._leaps.leap(-self._pts.step_back_s)
        return FrameTime(self.end_s, captured_at_s, self._recorded.at(self.end_s) if self._recorded else taken)

    def arrived(self, packet: Any, now_s: float) -> float:
        """Set down when a live packet reached us, and return it.

        FFmpeg's parser knows the end of a packet by the beginning of the next one, so where it splits the stream
        what it returns now was complete when it returned the packet before.
        """
        arrival_s = now_s
        if self._held_back and self._last_read_s is not None:
            arrival_s = self._last_read_s
        self._last_read_s = now_s
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is not None and packet.time_base is not None and not self._untimed:
            stamp_s = float(stamp * packet.time_base)
            self._judge_rate(stamp_s, now_s)
            arrival_s = self._clock.captured_at_s(stamp_s, arrival_s)
        taken = self._sender.time_of(packet, arrival_time(arrival_s).unix_s) if self._sender else None
        self._arrivals.append((packet.pts, arrival_s, taken))
        return arrival_s

    def complete_since(self, at_s: float | None) -> None:
        """Note when the packet that comes next was complete at the earliest; ``None`` where that is not known."""
        self._last_read_s = at_s

    def decoding(self, packet: Any) -> None:
        """Note that a packet goes to the decoder."""
        if self._first_dts is None:
            self._first_dts = packet.dts

    def _judge_rate(self, stamp_s: float, now_s: float) -> None:
        """Go by arrival from here on where the timestamps run absurdly fast or slow."""
        rate = self._rate.absurd_rate(stamp_s, now_s) if self._at_its_own_pace else None
        if rate is None:
            return
        log.warning("%s: its timestamps run at %.2f times real time; arrival counts", self._shown, rate)
        self._untimed = True
        self._pts = MonotonicPts(1 / self._fps)

    def _source_time_s(self, frame: VideoFrame, captured_at_s: float) -> float | None:
        """Return the frame's own time; where the source is live and has none, that of its arrival."""
        if self._untimed:
            if self._first_captured_at_s is None:
                self._first_captured_at_s = captured_at_s - self.end_s
            return captured_at_s - self._first_captured_at_s
        if self._format.knows_decoding_times_only:
            if frame.dts is None or frame.time_base is None:
                return None
            return float((frame.dts - self._held_frames(frame.dts)) * frame.time_base)
        time_s: float | None = frame.time
        if time_s is not None:
            self._timed = time_s, captured_at_s
        elif not self._is_file:
            last_s, then_s = self._timed or (0.0, captured_at_s)
            self._timed = last_s + captured_at_s - then_s, captured_at_s
            return self._timed[0]
        return time_s

    def _held_frames(self, dts: int) -> int:
        """Return by how many ticks the decoder holds frames back, which is what its first one comes later by."""
        if self._hold_ticks is None:
            self._hold_ticks = dts - (self._first_dts or 0)
        return self._hold_ticks

    def _arrival_of(self, frame: VideoFrame) -> tuple[float, WallTime | None]:
        """Return when the frame's data came, and when its picture was taken, where the camera says that."""
        now_s = time.monotonic()
        if self._is_file or not self._arrivals:
            return now_s, None
        for pts, arrival_s, taken in reversed(self._arrivals):
            if pts == frame.pts:
                return arrival_s, taken
        return self._arrivals[-1][1:]
