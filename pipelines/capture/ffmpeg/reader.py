"""Reads what FFmpeg reads: files, RTSP over TCP and UDP, HTTP (MJPEG, HLS) and V4L2 cameras, through PyAV."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import av
from av.codec.context import Flags
from av.video.frame import VideoFrame

from pipelines.capture.ffmpeg.container_format import ContainerFormat
from pipelines.capture.ffmpeg.damage import DamageGuard
from pipelines.capture.ffmpeg.decoders import create_decoder
from pipelines.capture.ffmpeg.divided_pictures import PictureJoiner
from pipelines.capture.ffmpeg.frame_pictures import FramePictures
from pipelines.capture.ffmpeg.frame_times import FrameTimes
from pipelines.capture.ffmpeg.geometry import pixel_aspect
from pipelines.capture.ffmpeg.header_promise import HeaderPromise
from pipelines.capture.ffmpeg.open_failure import (
    fault_text,
    open_failure,
    stopped_text,
    track_refused,
    transport_refused,
)
from pipelines.capture.ffmpeg.opening import open_input, open_timeout_s, read_timeout_s, rtsp_options
from pipelines.capture.ffmpeg.packet_tap import PacketTap, packet_of
from pipelines.capture.ffmpeg.tracks import Track, choose_track, leave_out_others, listed, tracks_of
from pipelines.capture.packets import PacketListener
from pipelines.capture.silence import SilenceLimit
from pipelines.capture.source import NOT_YET, Captured, NotYet, SourceSpec
from pipelines.capture.timing import LagGuard
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError, SourceStalledError
from streamvision.core.frame import FilePlace
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)
SMALL_PX = 1280 * 720
"""Files with larger pictures are decoded by several threads."""
ONE_THREAD_PX = 1920 * 1088
"""So are live sources with larger pictures than this."""

_SAY_WHAT_IS_DAMAGED = frozenset({"hevc", "vvc"})
"""Decoders that would keep damaged pictures to themselves, so that nobody could count them."""


class PyAvReader:
    """One open FFmpeg input and its video decoder."""

    def __init__(
        self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter, packets: PacketListener | None = None
    ) -> None:
        """Prepare; ``drops`` counts ``decode_behind`` (skipped undecoded to catch up) and ``damaged``.

        A live source's ``packets`` are handed on as they come.
        """
        self._spec = spec
        self._is_file = spec.kind == "file"
        self._config = config
        self._read_timeout_s = read_timeout_s(spec, config)
        self._silence = SilenceLimit(config.read_timeout_s)
        self._silent_since_s: float | None = None
        self._parser_is_empty = self._may_try_udp = False
        self._container: Any = None
        self._packets: Any = None
        self._stream: Any = None
        self._decoder: Any = None
        self._promise: HeaderPromise
        self._times: FrameTimes
        self._pictures: FramePictures
        self._lag = LagGuard()
        self._drops = drops
        self._tap = PacketTap(packets, spec.safe_uri) if packets is not None and spec.live else None
        self._ready: deque[VideoFrame] = deque()
        self._damage = DamageGuard(drops, used=config.damaged == "use", shown=spec.safe_uri)
        self._packets_read = self._packets_decoded = 0
        self._after_corrupt = False
        self._frames_read = self._frames_passed = 0
        self._is_playlist = False

    @property
    def expected_frames(self) -> int | None:
        """The number in the container's header, or its duration times its frame rate."""
        return self._promise.frames if self._stream is not None and self._finite() else None

    @property
    def paced(self) -> bool:
        """True for files played in real time, and for live HLS, which comes in bursts."""
        return self._spec.realtime or (self._is_playlist and self._spec.live)

    def open(self) -> None:
        """Connect and find the video stream."""
        self._begin(self._connect)

    def _begin(self, connect: Callable[[], Any]) -> None:
        try:
            self._container = connect()
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise open_failure(error, self._spec, self._config) from None
        self._stream = self._container.streams[self._chosen_track().number]
        self._is_playlist = ContainerFormat.of(self._container).is_playlist
        if self._tap is not None:
            self._tap.begin(self._container, self._stream)
        if self._is_playlist:
            leave_out_others(self._container, self._tap.tracks if self._tap else {self._stream.index})
        self._pictures = FramePictures(partial(pixel_aspect, self._stream))
        self._promise = HeaderPromise(self._container, self._stream, self._spec)
        self._new_times = partial(
            FrameTimes,
            self._container,
            self._stream,
            self._spec,
            is_file=self._is_file,
            at_its_own_pace=self._spec.live and not self.paced,
            fps=self._promise.fps,
        )
        self._times = self._new_times()
        self._prepare_decoder()
        self._decoder = create_decoder(self._stream, self._config.decode, self._spec.safe_uri)
        self._joiner = PictureJoiner(self._stream.codec.name if self._spec.live and not self._is_file else "")
        self._packets = self._demuxed()

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
        pts_s, captured_at_s, wall_time = self._times.of(frame)
        if not self._damage.passes(frame):
            return NOT_YET
        self._frames_passed += 1
        name = self._spec.file_name
        place = None if name is None else FilePlace(name, self._frames_read - 1, pts_s)
        picture, packet = self._pictures.picture(frame), packet_of(frame)
        captured = Captured(picture, pts_s, captured_at_s, place, wall_time, packet=packet)
        return captured if self._pictures.are_as_coded else captured._replace(is_as_coded=False)

    def seek(self, pts_s: float) -> None:
        """Go to the last key frame of a file before a time; numbers of pictures are counted anew from there.

        Raises:
            SourceError: when the file cannot be read from its middle.
        """
        try:
            self._container.seek(round(pts_s / self._stream.time_base), stream=self._stream, backward=True)
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise SourceError(f"{self._spec.safe_uri} cannot be read from its middle: {fault_text(error)}") from None
        self._decoder.flush_buffers()
        self._ready.clear()
        self._frames_read = 0
        self._times = self._new_times()
        self._packets = self._demuxed()

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
        if self._tap is not None:
            self._tap.end()
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
        context.flags |= Flags.copy_opaque
        if context.codec.name == "mjpeg" and self._config.damaged == "drop":
            context.options = {"err_detect": "explode"}  # else half a picture passes as a whole one

    def _connect(self) -> Any:
        """Return the open container; of RTSP with ``auto``, over UDP where the camera takes nothing over TCP."""
        if self._spec.kind != "rtsp":
            return self._open_container({})
        try:
            return self._connect_to_camera()
        except av.error.FFmpegError as error:
            if self._tap is None or not self._tap.wants_sound or not track_refused(error):
                raise
        self._tap.leave_out_sound()
        return self._connect_to_camera()

    def _connect_to_camera(self) -> Any:
        if self._config.rtsp_transport != "auto":
            return self._open_container(self._rtsp_options(self._config.rtsp_transport))
        try:
            container = self._open_container(self._rtsp_options("tcp"))
        except av.error.FFmpegError as error:
            if not transport_refused(error):
                raise
            return self._connect_over_udp("takes no RTP")
        self._may_try_udp = True
        return container

    def _connect_over_udp(self, why: str) -> Any:
        self._may_try_udp = False
        container = self._open_container(self._rtsp_options("udp"))
        log.warning("%s %s over TCP and is read over UDP, where lost packets cost pictures", self._spec.safe_uri, why)
        return container

    def _open_container(self, options: dict[str, str]) -> Any:
        return open_input(
            self._spec,
            options,
            open_timeout_s=open_timeout_s(self._spec, self._config),
            read_timeout_s=self._read_timeout_s,
        )

    def _rtsp_options(self, transport: str) -> dict[str, str]:
        return rtsp_options(transport, with_sound=self._tap is not None and self._tap.wants_sound)

    def _demuxed(self) -> Any:
        if self._tap is not None:
            return self._joiner.joined(self._tap.demuxed(self._container, self._stream, self._read_timeout_s))
        return self._joiner.joined(self._container.demux(self._stream))

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
                    fault = stopped_text(error, self._read_timeout_s)
                    log.warning("%s: reading stopped: %s", self._spec.safe_uri, fault)
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
                if self._tap is not None and packet is not None:
                    self._tap.take(packet, now_s, untimed=False)
                return packet
            timed_out = now_s - begin_s >= self._read_timeout_s
            if timed_out and not self._parser_is_empty:
                self._wait_on(begin_s)  # what FFmpeg hands back after a timeout is what its parser had kept back
            else:
                self._silent_since_s = None
                self._silence.arrived(now_s)
                if timed_out:
                    self._times.complete_since(begin_s)  # the age of a frame is never understated
            arrival_s = self._times.arrived(packet, now_s)
            self._lag.observe(waited_s=now_s - begin_s, age_s=now_s - arrival_s, now_s=now_s)
            self._parser_is_empty = timed_out
            if timed_out:
                self._times.complete_since(None)
            if self._tap is not None:
                self._tap.take(packet, arrival_s, untimed=self._times.untimed)
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
            if not self._goes_over_udp():
                raise SourceStalledError(self._silence.sentence(self._spec.safe_uri))
            self._silent_since_s = None
            return
        self._times.complete_since(None)
        self._parser_is_empty = True
        self._packets = self._demuxed()

    def _goes_over_udp(self) -> bool:
        """Connect anew over UDP to a camera that took TCP and has sent nothing yet; return whether it took UDP, too."""
        if not self._may_try_udp or self._packets_read:
            return False
        self._container.close()
        try:
            self._begin(partial(self._connect_over_udp, "sends nothing"))
        except SourceError as error:
            log.debug("%s: %s", self._spec.safe_uri, error)
            return False
        return True

    def _drain(self) -> None:
        """Take the frames that the decoder still holds after a file broke off."""
        try:
            self._ready.extend(self._decoder.decode(None))
        except (OSError, ValueError, av.error.FFmpegError):
            self._damage.failed()

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
            if not self._is_playlist:
                self._suspect(packet)
        self._times.decoding(packet)
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
        if not self._promise.is_broken(packets=self._packets_read, end_s=self._times.end_s):
            return
        if not self._is_file:
            raise SourceError(f"{shown} broke off before its end")
        raise SourceError(
            f"{shown} is truncated: {self._frames_read} of {self.expected_frames} frames could be read", permanent=True
        )

    def _finite(self) -> bool:
        """Say whether the source has an end of its own."""
        return self._is_file or (self._spec.kind in ("http", "rtsp") and bool(self._container.duration))
