"""Takes a stream's packets from its capture thread and passes them on in the form in which browsers take them."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from typing import NamedTuple

from pipelines.capture.packets import EncodedPacket, EncodedTrack
from pipelines.capture.source import Captured
from pipelines.live_video.bitstream import Bitstream, bitstream_of
from pipelines.live_video.packet_clock import PacketClock
from pipelines.live_video.passed_on import PassedOn
from pipelines.live_video.sound import SoundTrack
from streamvision.core.config.stream import StreamConfig
from streamvision.core.frame import PacketTime
from streamvision.core.live_video import VideoFormat, VideoPacket

_log = logging.getLogger(__name__)

NO_PACKETS = "its source gives pictures, not packets that browsers could decode"
CHANGED = "its pictures are turned or stretched to be shown, which its packets are not"
ODD_KEYS = "its key frames are put together little by little, and browsers cannot begin with such"
UNREADABLE = "its packets could not be read, and the server's log says why"
MOST_ODD_KEYS = 2
"""So many of these in a row, and browsers would wait for another kind for ever."""
MOST_WAITING_BYTES = 32_000_000
"""Of packets whose pictures are not due yet: as many as a decoder keeps back."""


class PacketRelay:
    """Of one stream, as long as it is set as it is; a :class:`pipelines.capture.packets.PacketListener`.

    What is decoded may have to be turned or stretched, which only the first picture tells: until then packets wait.
    Those of sources that are played at their own speed wait until their pictures are due.

    Args:
        passed_on: who gets them.
        sound: whether those who watch may have sound.
    """

    def __init__(self, passed_on: PassedOn, *, sound: bool = True) -> None:
        self._passed_on = passed_on
        self._writer = passed_on.new_writer()
        self._sound = sound
        self._connection: _Connection | None = None
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._confirmed: VideoFormat | None = None
        self._begun: VideoFormat | None = None
        self._is_paced = False
        self._has_told = False

    @property
    def wants_packets(self) -> bool:
        """Whether they are passed on."""
        return self._connection is not None

    @property
    def wants_sound(self) -> bool:
        """Whether sound is to be asked for at the next connection."""
        return self._sound

    def apply(self, stream: StreamConfig) -> None:
        """Nothing that is set for a stream while it runs changes its packets."""

    def begin(self, tracks: tuple[EncodedTrack, ...]) -> None:
        """Take note of a connection and its tracks."""
        self._forget()
        self._has_told = True
        bitstream = bitstream_of(tracks[0])
        if bitstream is None:
            self._passed_on.refuse(
                self._writer, f"its pictures come as {tracks[0].codec}, which browsers cannot decode"
            )
            return
        self._connection = _Connection(self._passed_on, tracks, bitstream)

    def take(self, packet: EncodedPacket) -> PacketTime | None:
        """Pass the next packet on, or keep it until it is due; return how those who watch know its picture."""
        try:
            return None if self._connection is None else self._take(packet, self._connection)
        except Exception:  # at bytes that nobody foresaw; the stream itself goes on
            _log.exception("packets cannot be read, and are not passed on until the next connection")
            self._refuse(UNREADABLE)
            return None

    def _take(self, packet: EncodedPacket, connection: _Connection) -> PacketTime | None:
        taken = connection.take(packet)
        if connection.odd_keys >= MOST_ODD_KEYS:
            self._refuse(ODD_KEYS)
        if taken is None or self._connection is None:
            return None
        video, is_picture = connection.format, taken.track == "video"
        if is_picture and taken.is_key and video is not self._confirmed and not self._is_paced:
            self._drop()
        self._waiting.append(_Waiting(video, taken))
        self._waiting_bytes += len(taken.data)
        if self._waiting_bytes > MOST_WAITING_BYTES:
            self._drop()
            connection.awaits_key = True
        elif not self._is_paced:
            self._pass_on()
        return PacketTime(taken.generation, taken.time_us) if is_picture else None

    def handed_on(self, captured: Captured, *, is_paced: bool) -> None:
        """Take note of the next picture; the packets up to its own are passed on."""
        connection, picture = self._connection, captured.packet
        self._is_paced = is_paced
        if connection is None and not self._has_told:
            self._has_told = True
            self._passed_on.refuse(self._writer, NO_PACKETS)
        if connection is None or picture is None:
            return
        waiting = next((one for one in self._waiting if one.packet.generation == picture.generation), None)
        video = waiting.video if waiting is not None else self._begun
        if video is None or video.generation != picture.generation:
            return
        if not _looks_like(video, captured):
            self._confirmed = self._begun = None
            self._passed_on.refuse(self._writer, CHANGED)
            self._drop()
            connection.awaits_key = True
            return
        self._confirmed = video
        if is_paced:
            self._pass_on_up_to(picture, round(captured.captured_at_s * 1e6))
        else:
            self._pass_on()

    def end(self) -> None:
        """Take note that the connection ended."""
        self._forget()

    def _pass_on(self) -> None:
        """Pass on what waits, as far as a picture has told that it looks as its packets do."""
        while self._waiting and self._waiting[0].video is self._confirmed:
            self._pass(self._waiting.popleft())

    def _pass_on_up_to(self, picture: PacketTime, captured_us: int) -> None:
        """Pass on what comes before a picture that is due, in the order of decoding, and the picture."""
        if not any(one.is_of(picture) for one in self._waiting):
            return  # it went with one that is shown before it
        while self._waiting:
            one = self._waiting.popleft()
            self._pass(_Waiting(one.video, replace(one.packet, captured_us=captured_us)))
            if one.is_of(picture):
                return

    def _pass(self, one: _Waiting) -> None:
        if one.video is not self._begun:
            self._begun = one.video
            self._passed_on.begin(self._writer, one.video)
        self._waiting_bytes -= len(one.packet.data)
        self._passed_on.put(self._writer, one.packet)

    def _drop(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0

    def _refuse(self, reason: str) -> None:
        """Pass nothing on of this connection any more."""
        self._forget()
        self._passed_on.refuse(self._writer, reason)

    def _forget(self) -> None:
        self._connection = self._confirmed = self._begun = None
        self._drop()


class _Waiting(NamedTuple):
    """A packet that waits, and its format."""

    video: VideoFormat
    packet: VideoPacket

    def is_of(self, picture: PacketTime) -> bool:
        """Say whether it is the packet of a picture."""
        packet = self.packet
        return packet.track == "video" and (packet.generation, packet.time_us) == picture


def _looks_like(video: VideoFormat, captured: Captured) -> bool:
    """Say whether a picture looks as its packet does in a browser."""
    size_px = captured.picture.width_px, captured.picture.height_px
    return captured.is_as_coded and size_px == (video.width_px, video.height_px)


class _Connection:
    """The packets of one connection.

    Args:
        passed_on: numbers the formats.
        tracks: the tracks; the first is the pictures'.
        bitstream: reads the pictures.
    """

    def __init__(self, passed_on: PassedOn, tracks: tuple[EncodedTrack, ...], bitstream: Bitstream) -> None:
        self.format = VideoFormat(0, "", 0, 0, "passed_on", is_drawn=False, reorders=False)
        """The present one; generation 0 before the first."""
        self.awaits_key = True
        """Whether packets are left out up to the next key frame."""
        self.odd_keys = 0
        """How many key frames came, by the source's word, since the last one with which browsers can begin."""
        self._passed_on = passed_on
        self._tracks = tracks
        self._bitstream = bitstream
        self._sound = SoundTrack(tracks[1]) if len(tracks) > 1 else None
        self._clock = PacketClock()
        self._newest_us = -(1 << 62)
        self._reorders = False

    def take(self, packet: EncodedPacket) -> VideoPacket | None:
        """Return a packet as browsers take it; ``None`` where it is of no use to them."""
        return self._picture(packet) if packet.track == 0 else self._heard(packet)

    def _picture(self, packet: EncodedPacket) -> VideoPacket | None:
        prepared = self._bitstream.prepare(packet.data, is_key=packet.is_key)
        if prepared is None:
            return None
        self.odd_keys = 0 if prepared.is_key else self.odd_keys + packet.is_key
        if prepared.is_key:
            self._describe()
            self.awaits_key = False
        if self.awaits_key:
            return None
        time_base = self._tracks[packet.track].time_base
        time_us = self._clock.picture_us(
            None if packet.pts is None else float(packet.pts * time_base),
            None if packet.dts is None else float(packet.dts * time_base),
            packet.arrived_at_s,
        )
        self._reorders |= time_us < self._newest_us
        self._newest_us = max(time_us, self._newest_us)
        captured_us = round(packet.arrived_at_s * 1e6)
        return VideoPacket(self.format.generation, "video", prepared.data, prepared.is_key, time_us, captured_us)

    def _heard(self, packet: EncodedPacket) -> VideoPacket | None:
        if self._sound is None:
            return None
        data = self._sound.prepare(packet.data)
        pts_s = None if packet.pts is None else float(packet.pts * self._tracks[packet.track].time_base)
        time_us = self._clock.sound_us(pts_s)
        if self.format.sound is None or time_us is None or self.awaits_key or not data:
            return None
        return VideoPacket(self.format.generation, "sound", data, True, time_us, round(packet.arrived_at_s * 1e6))

    def _describe(self) -> None:
        """Begin anew where a key frame says something else than the one before."""
        said = self._bitstream.said
        assert said is not None
        before = self.format
        reorders = bool(said.reorders) or self._reorders
        described = replace(
            before,
            codec=said.codec,
            width_px=said.width_px,
            height_px=said.height_px,
            reorders=reorders,
            sound=self._sound.format if self._sound is not None else None,
        )
        if before.generation and described == before:
            return
        self.format = replace(described, generation=self._passed_on.new_generation())
        self._newest_us = -(1 << 62)
