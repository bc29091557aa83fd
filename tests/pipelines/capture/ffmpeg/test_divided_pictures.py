"""Key frames that come in parts, since a camera repeats its parameter sets before every slice."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from pipelines.capture.ffmpeg.divided_pictures import PictureJoiner
from pipelines.codecs.units import units_behind_codes, with_codes
from support.capturing import capturing, take
from support.coded_videos import coded
from support.rtsp_server import RtspServer, unavailable

FOUR_SLICES = {"libx264": {"x264-params": "slices=4"}, "libx265": {"x265-params": "slices=4:log-level=none"}}
CODECS = {"libx264": "h264", "libx265": "hevc"}


def packets_of(folder: Path, encoder: str) -> list[av.Packet]:
    """Return packets of two seconds whose pictures have four slices."""
    made = []
    for packet in coded(folder, encoder, seconds=2, **FOUR_SLICES[encoder]).packets:
        one = av.Packet(packet.data)
        one.pts, one.dts, one.is_keyframe, one.time_base = packet.pts, packet.dts, packet.is_key, Fraction(1, 90_000)
        made.append(one)
    return made


def is_slice(unit: bytes, encoder: str) -> bool:
    return 1 <= unit[0] & 0x1F <= 5 if encoder == "libx264" else unit[0] >> 1 & 0x3F < 32


def slices_of(data: bytes, encoder: str) -> list[bytes]:
    return [unit for unit in units_behind_codes(data) if is_slice(unit, encoder)]


def divided(packet: av.Packet, encoder: str) -> Iterator[av.Packet]:
    """Yield a packet, a key frame as GStreamer's payloader and FFmpeg's parser make it."""
    units = units_behind_codes(bytes(packet))
    sets = [unit for unit in units if not is_slice(unit, encoder)]
    for unit in slices_of(bytes(packet), encoder) if packet.is_keyframe else ():
        part = av.Packet(with_codes([*sets, unit]))
        part.pts, part.dts, part.is_keyframe, part.time_base = packet.pts, packet.dts, True, packet.time_base
        yield part
    if not packet.is_keyframe:
        yield packet


def decoded(packets: list[av.Packet], codec: str) -> list[Any]:
    decoder = av.CodecContext.create(codec, "r")
    return [frame for packet in [*packets, None] for frame in decoder.decode(packet)]


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_parts_of_a_key_frame_are_one_picture(tmp_path: Path, encoder: str) -> None:
    whole = packets_of(tmp_path, encoder)
    parts = [part for packet in whole for part in divided(packet, encoder)]
    assert len(parts) > len(whole)
    joined = list(PictureJoiner(CODECS[encoder]).joined(iter(parts)))
    assert [one.pts for one in joined] == [one.pts for one in whole]
    assert [one.is_keyframe for one in joined] == [one.is_keyframe for one in whole]
    for one, other in zip(joined, whole, strict=True):
        assert slices_of(bytes(one), encoder) == slices_of(bytes(other), encoder)
    frames = decoded(joined, CODECS[encoder])
    assert len(frames) == len(whole)
    assert not any(frame.is_corrupt for frame in frames)


def test_whole_pictures_pass_at_once_once_that_is_known(tmp_path: Path) -> None:
    whole = packets_of(tmp_path, "libx264")
    read = 0

    def counted() -> Iterator[av.Packet]:
        nonlocal read
        for packet in whole:
            read += 1
            yield packet

    joined = PictureJoiner("h264").joined(counted())
    assert next(joined) is whole[0]
    assert read == 2
    for index, packet in enumerate(joined, start=1):
        assert packet is whole[index]
        assert read == max(index + 1, 2)


def test_a_lost_first_slice_is_not_joined_to_another_picture(tmp_path: Path) -> None:
    whole = packets_of(tmp_path, "libx264")
    key, behind = whole[0], whole[1]
    rest = av.Packet(with_codes(slices_of(bytes(behind), "libx264")[1:]))
    rest.pts = behind.pts
    assert list(PictureJoiner("h264").joined(iter([key, rest]))) == [key, rest]


def test_what_was_held_when_reading_failed_comes_with_the_next_try(tmp_path: Path) -> None:
    key, behind, *_ = packets_of(tmp_path, "libx264")

    def breaking() -> Iterator[av.Packet]:
        yield key
        raise TimeoutError

    joiner = PictureJoiner("h264")
    with pytest.raises(TimeoutError):
        next(joiner.joined(breaking()))
    assert list(joiner.joined(iter([behind]))) == [key, behind]


@pytest.mark.gstreamer
def test_a_camera_that_divides_its_key_frames(tmp_path: Path) -> None:
    if reason := unavailable():
        pytest.skip(reason)
    coded(tmp_path, "libx264", container="mp4", seconds=2, **FOUR_SLICES["libx264"])
    (video,) = tmp_path.glob("*.mp4")
    with RtspServer(video, copied=True) as server, capturing(server.url) as capture:
        assert len(take(capture, 50)) == 50
        assert capture.drops.by_cause().get("damaged", 0) == 0
