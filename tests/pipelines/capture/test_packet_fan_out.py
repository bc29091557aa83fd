"""Several who take the packets of one stream: each gets what it wants."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipelines.capture.packet_fan_out import PacketFanOut
from pipelines.capture.packets import EncodedPacket, EncodedTrack
from pipelines.capture.source import Captured
from streamvision.core.config.stream import StreamConfig
from streamvision.core.frame import PacketTime

PICTURES = EncodedTrack("video", "h264", Fraction(1, 90000))
SOUND = EncodedTrack("audio", "aac", Fraction(1, 48000))


class Taker:
    def __init__(self, *, packets: bool = True, sound: bool = False, named: PacketTime | None = None) -> None:
        self.wants_packets = packets
        self.wants_sound = sound
        self.tracks: list[int] = []
        self.taken: list[int] = []
        self.named = named

    def apply(self, stream: StreamConfig) -> None: ...

    def begin(self, tracks: tuple[EncodedTrack, ...]) -> None:
        self.tracks.append(len(tracks))

    def take(self, packet: EncodedPacket) -> PacketTime | None:
        self.taken.append(packet.track)
        return self.named

    def handed_on(self, captured: Captured, *, is_paced: bool) -> None: ...

    def end(self) -> None: ...


def packet(track: int) -> EncodedPacket:
    return EncodedPacket(track, b"x", 0, 0, 0, True, 0.0)


def test_a_recorder_gets_no_sound_because_somebody_else_listens() -> None:
    recorder, relay = Taker(), Taker(sound=True, named=PacketTime(1, 2))
    both = PacketFanOut("s", [relay, recorder])
    assert both.wants_sound
    both.begin((PICTURES, SOUND))
    assert both.take(packet(0)) == PacketTime(1, 2)
    assert both.take(packet(1)) == PacketTime(1, 2)
    assert (recorder.tracks, recorder.taken) == ([1], [0])
    assert (relay.tracks, relay.taken) == ([2], [0, 1])


def test_who_wants_no_packets_gets_none() -> None:
    off, relay = Taker(packets=False), Taker()
    both = PacketFanOut("s", [off, relay])
    both.begin((PICTURES,))
    assert both.wants_packets
    assert both.take(packet(0)) is None
    assert (off.taken, relay.taken) == ([], [0])


@pytest.mark.parametrize("with_sound_only", [True, False])
def test_after_a_connection_with_sound_and_without_pictures_the_next_is_made_without(with_sound_only: bool) -> None:
    both = PacketFanOut("s", [Taker(sound=True)])
    both.begin((PICTURES, SOUND))
    if with_sound_only:
        both.take(packet(1))
    both.end()
    assert not both.wants_sound
    both.begin((PICTURES,))
    both.take(packet(0))
    both.end()
    assert not both.wants_sound  # it works so
    both.begin((PICTURES,))
    both.end()
    assert both.wants_sound  # sound was not the cause


def test_sound_that_comes_with_pictures_is_asked_for_again() -> None:
    both = PacketFanOut("s", [Taker(sound=True)])
    both.begin((PICTURES, SOUND))
    both.take(packet(0))
    both.end()
    both.end()
    assert both.wants_sound
