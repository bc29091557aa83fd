"""Reads what FFmpeg reads: files, RTSP over TCP and UDP, HTTP (MJPEG, HLS) and V4L2 cameras, through PyAV."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import av
from av.codec.context import Flags
from av.video.frame import VideoFrame

from pipelines.capture.av_picture import FramePictures
from pipelines.capture.avi_chunks import count_pictures
from pipelines.capture.clock_rate import ClockRate
from pipelines.capture.damage import DamageGuard
from pipelines.capture.decoders import create_decoder
from pipelines.capture.matroska_size import missing_bytes
from pipelines.capture.open_failure import fault_text, open_failure, transport_refused
from pipelines.capture.silence import SilenceLimit
from pipelines.capture.source import NOT_YET, Captured, NotYet, SourceSpec
from pipelines.capture.timing import CaptureClock, LagGuard, LeapLog, MonotonicPts
from pipelines.capture.tracks import DURATION_TAG, Track, choose_track, leave_out_others, listed, tracks_of
from pipelines.capture.wall_clock import RecordingClock, SenderClock, arrival_time, recording_clock
from streamvision.core.config.app import StreamConfig
from streamvision.core.errors import SourceError, SourceStalledError
from streamvision.core.frame import FilePlace, WallTime
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

DEFAULT_FPS = 25.0
"""Assumed where a source has neither timestamps nor a frame rate."""
HLS_SILENCE_S = 12.0
"""HLS comes in segments of several seconds, with silence between them."""
END_TOLERANCE_S = 1.0
"""A header's duration is a promise to within about this much."""

SMALL_PX = 1280 * 720
"""Files with larger pictures are decoded by several threads."""
ONE_THREAD_PX = 1920 * 1088
"""So are live sources with larger pictures than this."""

_HELD_BACK_CODECS = frozenset({"h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "vvc"})
_HELD_BACK_FORMATS = frozenset({"rtsp", "hls", "mpegts", "h264", "hevc"})
_SAY_WHAT_IS_DAMAGED = frozenset({"hevc", "vvc"})
"""Decoders that would keep damaged pictures to themselves, so that nobody could count them."""
_NO_TIMESTAMPS = 0x80
"""AVFMT_NOTIMESTAMPS: the times of such a format are FFmpeg's own, a count of frames at an assumed 25 fps."""
_MPEG_FORMATS = frozenset({"mpegts", "mpeg", "hls"})
_MPEG_WRAP_S = 2**33 / 90000
"""After 26.5 h their timestamps begin again at 0; FFmpeg takes every large step back for that."""
_DECODING_TIMES_ONLY = frozenset({"avi", "asf"})
"""Formats that know the order of decoding alone: what FFmpeg takes for presentation times is wrong with B-frames."""
_PROMISING_FORMATS = frozenset({"mov", "matroska", "avi", "flv", "asf", "hls", "rtsp"})


class PyAvReader:
    """One open FFmpeg input and its video decoder."""

    def __init__(self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter) -> None:
        """Prepare; ``drops`` counts ``decode_behind`` (skipped undecoded to catch up) and ``damaged``."""
        self._spec = spec
        self._is_file = spec.kind == "file"
        self._config = config
        self._read_timeout_s = config.read_timeout_s
        if _is_playlist(spec.uri):
            self._read_timeout_s = max(config.read_timeout_s, HLS_SILENCE_S)
        self._silence = SilenceLimit(config.read_timeout_s)
        self._silent_since_s: float | None = None
        self._parser_is_empty = False
        self._timed: tuple[float, float] | None = None
        self._container: Any = None
        self._packets: Any = None
        self._stream: Any = None
        self._decoder: Any = None
        self._pictures = FramePictures(self._pixel_aspect)
        self._pts = MonotonicPts(1 / DEFAULT_FPS)
        self._leaps = LeapLog(spec.safe_uri)
        self._clock = CaptureClock()
        self._rate = ClockRate()
        self._lag = LagGuard()
        self._drops = drops
        self._ready: deque[VideoFrame] = deque()
        self._arrivals: deque[tuple[int | None, float, WallTime | None]] = deque(maxlen=64)
        self._sender = SenderClock() if spec.kind == "rtsp" else None
        self._recorded: RecordingClock | None = None
        self._last_read_s: float | None = None
        self._damage = DamageGuard(drops, used=config.damaged == "use", shown=spec.safe_uri)
        self._packets_read = 0
        self._packets_decoded = 0
        self._after_corrupt = False
        self._frames_read = 0
        self._frames_passed = 0
        self._end_s = 0.0
        self._format = ""
        self._held_back = False
        self._untimed = False
        self._first_captured_at_s: float | None = None
        self._first_dts: int | None = None
        self._hold_ticks: int | None = None

    @property
    def expected_frames(self) -> int | None:
        """The number in the container's header, or its duration times its frame rate."""
        if self._stream is None or not self._finite():
            return None
        if self._stream.frames:
            return int(self._stream.frames)
        duration_s = self._promised_s()
        return round(duration_s * self._fps()) if duration_s else None

    @property
    def paced(self) -> bool:
        """True for files played in real time, and for live HLS, which comes in bursts."""
        return self._spec.realtime or (self._format == "hls" and self._spec.live)

    def open(self) -> None:
        """Connect and find the video stream."""
        try:
            self._container = self._connect()
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise open_failure(error, self._spec, self._config) from None
        self._stream = self._container.streams[self._chosen_track().number]
        self._format = self._container.format.name.split(",")[0]
        if self._format == "hls":
            leave_out_others(self._container, self._stream.index)
        self._untimed = not self._is_file and bool(self._container.format.flags & _NO_TIMESTAMPS)
        self._prepare_decoder()
        self._held_back = self._format in _HELD_BACK_FORMATS and self._stream.codec.name in _HELD_BACK_CODECS
        self._pts = MonotonicPts(1 / self._fps(), wraps_at_s=_MPEG_WRAP_S if self._format in _MPEG_FORMATS else None)
        if self._is_file or not self._spec.live:
            path = self._spec.uri if self._is_file else unquote(urlsplit(self._spec.uri).path)
            self._recorded = recording_clock(path, self._container.metadata, self._stream.metadata)
        self._decoder = create_decoder(self._stream, self._config.decode, self._spec.safe_uri)
        self._packets = self._container.demux(self._stream)

    def read(self) -> Captured | NotYet | None:
        """Return the next picture; damaged ones are left out."""
        while not self._ready:
            packet = self._next_packet()
            if packet is not None:
                self._decode(packet)
            elif not self._ready:
                if self._stream.codec.name in _SAY_WHAT_IS_DAMAGED:  # of others a picture may come in two packets
                    self._damage.lost(self._packets_decoded - self._frames_read)
                self._check_end()
                return None
        frame = self._ready.popleft()
        self._frames_read += 1
        captured_at_s, taken = self._arrival_of(frame)
        raw_s = self._source_time_s(frame, captured_at_s)
        pts_s = self._end_s = self._pts.next_s(raw_s)
        if self._pts.step_back_s:
            self._leaps.leap(-self._pts.step_back_s)
        if not self._damage.passes(frame):
            return NOT_YET
        self._frames_passed += 1
        name = self._spec.file_name
        place = FilePlace(name, self._frames_read - 1, pts_s) if name is not None else None
        wall_time = self._recorded.at(pts_s) if self._recorded else taken
        return Captured(self._pictures.picture(frame), pts_s, captured_at_s, place, wall_time)

    def describe(self) -> dict[str, Any]:
        """Return what the source is, as :class:`pipelines.capture.probe.SourceDescription` has it."""
        duration_us = self._container.duration
        return {
            "container": self._container.format.name,
            "duration_s": round(duration_us / av.time_base, 3) if duration_us else None,
            "tracks": [
                {**asdict(track), "text": str(track), "used": track.number == self._stream.index}
                for track in tracks_of(self._container)
            ],
            "coded": asdict(self._pictures.coded) if self._pictures.coded is not None else None,
        }

    def close(self) -> None:
        """Release decoder and connection; pictures already given out stay valid."""
        self._packets = None
        self._ready.clear()
        if self._container is not None:
            self._container.close()
            self._container = None

    def _chosen_track(self) -> Track:
        tracks = tracks_of(self._container)
        wanted = self._spec.track if self._spec.track is not None else self._config.track
        track = choose_track(tracks, wanted, self._spec.safe_uri)
        if len(tracks) > 1:
            log.info("%s: of its tracks (%s) number %d is read", self._spec.safe_uri, listed(tracks), track.number)
        return track

    def _prepare_decoder(self) -> None:
        """Set threads, and that damage is said.

        Frame threads keep as many frames back as there are threads: right for files, latency for cameras. Of small
        pictures their hand-overs cost a quarter of the decoder's time, and one thread decodes hundreds a second. With
        slice threads FFmpeg's H.264 decoder says nothing of slices that are missing.
        """
        context, size_px = self._stream.codec_context, self._stream.width * self._stream.height
        self._stream.thread_type = "AUTO" if self._is_file and size_px > SMALL_PX else "SLICE"
        if context.codec.name == "h264" and size_px <= (SMALL_PX if self._is_file else ONE_THREAD_PX):
            context.thread_count = 1
        if context.codec.name in _SAY_WHAT_IS_DAMAGED:
            context.flags |= Flags.output_corrupt

    def _pixel_aspect(self) -> Fraction | None:
        """Return what the container says, or else the stream itself."""
        said: Fraction | None = self._stream.sample_aspect_ratio
        return said or self._stream.codec_context.sample_aspect_ratio

    def _connect(self) -> Any:
        """Return the open container; of RTSP with ``auto``, over UDP where the camera takes nothing over TCP."""
        if self._spec.kind != "rtsp":
            return self._open_container({})
        if self._config.rtsp_transport != "auto":
            return self._open_container(self._rtsp_options(self._config.rtsp_transport))
        try:
            return self._open_container(self._rtsp_options("tcp"))
        except av.error.FFmpegError as error:
            if not transport_refused(error):
                raise
            container = self._open_container(self._rtsp_options("udp"))
        log.warning(
            "%s takes no RTP over TCP and is read over UDP, where lost packets cost pictures", self._spec.safe_uri
        )
        return container

    def _open_container(self, options: dict[str, str]) -> Any:
        return av.open(
            self._spec.uri,
            format="video4linux2" if self._spec.kind == "v4l2" else None,
            options=options,
            timeout=None if self._is_file else (self._config.open_timeout_s, self._read_timeout_s),
        )

    def _rtsp_options(self, transport: str) -> dict[str, str]:
        # The session description says what is in the stream: probing it again costs a second. Not "nobuffer", which
        # throws the probed packets, and with them the first key frame, away.
        return {
            "rtsp_transport": transport,
            "allowed_media_types": "video",
            "probesize": "32",
            "analyzeduration": "0",
            "buffer_size": "2000000",
        }

    def _next_packet(self) -> Any | None:
        """Return the next packet; ``None`` at the end."""
        while True:
            begin_s = time.monotonic()
            try:
                packet: Any | None = next(self._packets, None)
            except SourceError:  # of a reader that fetches the bytes itself
                raise
            except (OSError, ValueError, av.error.FFmpegError) as error:
                if self._is_file:
                    log.warning("%s: reading stopped: %s", self._spec.safe_uri, fault_text(error))
                    self._packets = iter(())
                    self._drain()
                    return None
                timed_out = isinstance(error, av.error.ExitError) or time.monotonic() - begin_s >= self._read_timeout_s
                if not timed_out:
                    raise SourceError(f"{self._spec.safe_uri} broke off: {fault_text(error)}") from None
                self._wait_on(begin_s)
                continue
            now_s = time.monotonic()
            if packet is None or self._is_file:
                return packet
            timed_out = now_s - begin_s >= self._read_timeout_s
            if timed_out and not self._parser_is_empty:
                self._wait_on(begin_s)  # what FFmpeg hands back after a timeout is what its parser had kept back
            else:
                self._silent_since_s = None
                self._silence.arrived(now_s)
                if timed_out:
                    self._last_read_s = begin_s  # it came since then, and the age of a frame is never understated
            self._note_arrival(packet, begin_s, now_s)
            self._parser_is_empty = timed_out
            if timed_out:
                self._last_read_s = None
            return packet

    def _wait_on(self, begin_s: float) -> None:
        """Go on after a read that timed out, where the source may be silent for longer; only RTSP can be read on.

        Raises:
            SourceStalledError: when it was silent for too long.
        """
        if self._silent_since_s is None:
            self._silent_since_s = begin_s
        silent_s = time.monotonic() - self._silent_since_s
        if self._spec.kind != "rtsp":
            raise SourceStalledError(self._silence.sentence(self._spec.safe_uri, self._read_timeout_s))
        if silent_s >= self._silence.limit_s:
            raise SourceStalledError(self._silence.sentence(self._spec.safe_uri))
        self._last_read_s = None
        self._parser_is_empty = True
        self._packets = self._container.demux(self._stream)

    def _drain(self) -> None:
        """Take the frames that the decoder still holds after a file broke off."""
        try:
            self._ready.extend(self._decoder.decode(None))
        except (OSError, ValueError, av.error.FFmpegError):
            self._damage.failed()

    def _note_arrival(self, packet: Any, begin_s: float, now_s: float) -> None:
        """Set down when a live packet reached us.

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
        self._lag.observe(waited_s=now_s - begin_s, age_s=now_s - arrival_s, now_s=now_s)

    def _judge_rate(self, stamp_s: float, now_s: float) -> None:
        """Go by arrival from here on where the timestamps run absurdly fast or slow."""
        at_its_own_pace = self._spec.live and not self.paced
        rate = self._rate.absurd_rate(stamp_s, now_s) if at_its_own_pace else None
        if rate is None:
            return
        log.warning("%s: its timestamps run at %.2f times real time; arrival counts", self._spec.safe_uri, rate)
        self._untimed = True
        self._pts = MonotonicPts(1 / self._fps())

    def _decode(self, packet: Any) -> None:
        is_flush = packet.size == 0 and packet.pts is None and packet.dts is None
        self._packets_read += not is_flush
        if packet.size == 0 and not is_flush:
            return  # a picture that repeats the one before it; the decoder would take it for the end
        may_skip = self._spec.live and not self._is_file and not self.paced and not is_flush
        if may_skip and self._lag.skips(packet.is_keyframe):
            self._drops.add("decode_behind")
            return
        if self._spec.reconnects:
            self._damage.check()
            if self._format != "hls":
                self._suspect(packet)
        if self._first_dts is None:
            self._first_dts = packet.dts
        try:
            self._ready.extend(self._decoder.decode(packet))
            self._packets_decoded += not (is_flush or packet.is_discard)
        except (OSError, ValueError, av.error.FFmpegError) as error:
            self._damage.failed()
            log.debug("%s: packet %d: %s", self._spec.safe_uri, self._packets_read, fault_text(error))

    def _suspect(self, packet: Any) -> None:
        """Note what the transport says is missing of a live stream; of files and playlists it says so at every joint.

        FFmpeg's parsers hand a packet on when the next one begins, and put on it what is known of that one.
        """
        if packet.is_corrupt or self._after_corrupt:
            self._damage.suspect(packet.pts)
        self._after_corrupt = packet.is_corrupt

    def _source_time_s(self, frame: VideoFrame, captured_at_s: float) -> float | None:
        """Return the frame's own time; where the source is live and has none, that of its arrival."""
        if self._untimed:
            if self._first_captured_at_s is None:
                self._first_captured_at_s = captured_at_s - self._end_s
            return captured_at_s - self._first_captured_at_s
        if self._format in _DECODING_TIMES_ONLY:
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

    def _check_end(self) -> None:
        """Raise where the data ended too early: a broken connection, or a truncated file."""
        shown = self._spec.safe_uri
        if not self._finite():
            raise SourceError(f"{shown} closed the connection")
        if self._frames_read == 0:
            raise SourceError(f"{shown} holds no frame that can be decoded; give a complete file", permanent=True)
        if self._frames_passed == 0:
            raise SourceError(
                f"all {self._frames_read} pictures of {shown} are damaged; give --damaged use to see them all the same",
                permanent=True,
            )
        if not self._is_short():
            return
        if not self._is_file:
            raise SourceError(f"{shown} broke off before its end")
        raise SourceError(
            f"{shown} is truncated: {self._frames_read} of {self.expected_frames} frames could be read", permanent=True
        )

    def _is_short(self) -> bool:
        """Say whether less came than the header promised, both in frames and in time where it gives both.

        Neither alone would do: edit lists leave out frames that are counted, and the last frame may last long. An AVI
        file without its index is given the duration that it has left, and its empty frames never come: its own chunks
        are counted.
        """
        if self._spec.kind == "file" and self._format == "avi" and self._stream.frames > self._packets_read:
            held = count_pictures(Path(self._spec.uri), self._stream.index)
            return held is None or held < self._stream.frames
        promised_s = self._promised_s()
        if self._stream.frames:
            last_s = self._end_s + 1.5 / self._fps()
            return self._packets_read < self._stream.frames and (promised_s is None or last_s < promised_s)
        if promised_s is None:
            return False
        is_cut = self._spec.kind == "file" and self._format == "matroska" and missing_bytes(Path(self._spec.uri)) > 0
        tolerance_s = 1.5 / self._fps() if is_cut else max(END_TOLERANCE_S, 0.02 * promised_s)
        return self._end_s < promised_s - tolerance_s

    def _finite(self) -> bool:
        """Say whether the source has an end of its own."""
        if self._is_file:
            return True
        return self._spec.kind in ("http", "rtsp") and bool(self._container.duration)

    def _promised_s(self) -> float | None:
        """Return the time of the video's last frame as its header gives it; ``None`` where that is only a guess."""
        if self._format not in _PROMISING_FORMATS:
            return None
        start_s = (self._container.start_time or 0) / av.time_base
        if self._stream.duration and self._stream.time_base:
            return start_s + float(self._stream.duration * self._stream.time_base)
        if tag := DURATION_TAG.fullmatch(self._stream.metadata.get("DURATION", "")):
            hours, minutes, seconds = tag.groups()
            return start_s + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        if self._container.duration and len(self._container.streams) == 1:
            return start_s + float(self._container.duration) / av.time_base
        return None

    def _fps(self) -> float:
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else DEFAULT_FPS


def _is_playlist(uri: str) -> bool:
    return urlsplit(uri).path.lower().endswith(".m3u8") if "://" in uri else False
