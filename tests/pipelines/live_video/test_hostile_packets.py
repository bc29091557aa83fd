"""Packets and headers that are damaged, or made to do harm: the capture goes on, whatever is in them."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest

from pipelines.capture.packets import EncodedPacket, EncodedTrack
from pipelines.live_video.bitstream import Prepared, bitstream_of
from pipelines.live_video.packet_relay import PacketRelay
from pipelines.live_video.passed_on import PassedOn

PIECES = [
    *(b"\0\0\1", b"\0\0\0\1", b"\0" * 7, b"\xff" * 9, b"\1"),
    *(b"\x67\x42\xc0\x1e", b"\x68", b"\x65", b"\x41", b"\x06\x06\x01\x80", b"\x09"),  # H.264
    *(b"\x40\x01", b"\x42\x01", b"\x26\x01"),  # H.265
    *(b"\x12\0", b"\x0a\x0b", b"\x82\x49\x83\x42", b"\x9d\x01\x2a"),  # AV1, VP9, VP8
]
CODECS = ["h264", "hevc", "av1", "vp8", "vp9"]


def noise(chance: random.Random) -> bytes:
    """Return bytes that have much of what means something."""
    parts = [
        chance.choice(PIECES) if chance.random() < 0.7 else chance.randbytes(chance.randrange(6)) for _ in range(12)
    ]
    return b"".join(parts[: chance.randrange(13)])


@pytest.mark.parametrize("codec", CODECS)
def test_no_packet_and_no_header_raises(codec: str) -> None:
    chance = random.Random(codec)
    for _ in range(2000):
        header = chance.choice([b"", b"\0\0\0\1", b"\x01", b"\x81"]) + noise(chance)
        bitstream = bitstream_of(EncodedTrack("video", codec, Fraction(1, 90000), header))
        assert bitstream is not None
        for _ in range(3):
            prepared = bitstream.prepare(noise(chance), is_key=chance.random() < 0.5)
            assert prepared is None or isinstance(prepared, Prepared)
            assert prepared is None or not prepared.is_key or bitstream.said is not None


@pytest.mark.parametrize("sound", ["aac", "opus", "pcm_mulaw", "mp2"])
def test_no_sound_and_no_time_raises(sound: str) -> None:
    chance = random.Random(sound)
    for _ in range(300):
        relay = PacketRelay(PassedOn())
        pictures = EncodedTrack("video", chance.choice(CODECS), Fraction(1, 90000), noise(chance))
        heard = EncodedTrack("audio", sound, Fraction(1, 8000), noise(chance), sample_rate_hz=8000, channels=1)
        relay.begin((pictures, replace(heard, channels=chance.randrange(20))))
        for _ in range(10):
            pts, dts = (chance.choice([None, 0, chance.randrange(-(1 << 62), 1 << 62)]) for _ in range(2))
            relay.take(EncodedPacket(chance.randrange(2), noise(chance), pts, dts, 0, chance.random() < 0.5, 1.0))
        relay.end()
