"""Messages in pictures, as Tesla's own reader takes them (exiftool 12.57 does not know them)."""

import struct
from pathlib import Path

import numpy as np
import pytest

from streamvision.gps.reading import read_gps
from support.capturing import write_video
from support.gps_files import with_track, written

AVCC = bytes(70) + struct.pack(">I4s", 19, b"avcC") + b"\1\x64\0\x28\xff\xe1\0\4\x67\x64\0\x28\0"


def message(speed_m_s: float, latitude_deg: float, longitude_deg: float, heading_deg: float) -> bytes:
    whole = b"\x08\x01\x10\x01\x18" + b"\x96\x01"  # version, gear, number of the picture
    doubles = b"".join(
        bytes([number << 3 | 1]) + struct.pack("<d", value)
        for number, value in ((11, latitude_deg), (12, longitude_deg), (13, heading_deg))
        if value
    )
    return whole + b"\x25" + struct.pack("<f", speed_m_s) + b"\x38\x01" + doubles


def picture(told: bytes | None) -> bytes:
    slice_ = b"\x65" + b"\x88\x80" * 900
    units = [slice_]
    if told is not None:
        escaped = bytearray()
        for byte in told:
            if byte <= 3 and escaped[-2:] == b"\0\0":
                escaped.append(3)
            escaped.append(byte)
        units.insert(0, b"\x06\x05" + bytes([len(told) + 4]) + b"BBBi" + bytes(escaped) + b"\x80")
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def test_places_speeds_and_courses(tmp_path: Path) -> None:
    told = [message(13.5, 54.45, -18.5 + n / 1e4, 270.25) for n in range(3)] + [message(0, 0, 0, 0)]
    pictures = [picture(None), *(picture(one) for one in told)]
    path = written(tmp_path / "clip.mp4", with_track(pictures, handler=b"vide", coding=b"avc1", entry=AVCC))
    gps = read_gps(path)
    assert gps is not None
    assert gps.format == "tesla"
    assert [(fix.latitude_deg, fix.longitude_deg, fix.media_s) for fix in gps.fixes] == [
        (54.45, pytest.approx(-18.5 + n / 1e4), n + 1.0) for n in range(3)
    ]
    assert {(fix.speed_m_s, fix.course_deg, fix.unix_s) for fix in gps.fixes} == {(13.5, 270.25, None)}


def test_what_other_encoders_say_in_their_pictures_is_no_place(tmp_path: Path) -> None:
    assert read_gps(write_video(tmp_path / "clip.mp4", sizes=[(64, 48)])) is None


@pytest.mark.parametrize("seed", range(20))
def test_bytes_that_were_changed_do_no_harm(seed: int, tmp_path: Path) -> None:
    numbers = np.random.default_rng(seed)
    pictures = [picture(message(13.5, 54.45, 18.5, 270.25)) for _ in range(3)]
    data = bytearray(with_track(pictures, handler=b"vide", coding=b"avc1", entry=AVCC))
    for place in numbers.integers(0, 200, 20):
        data[place] = numbers.integers(256)
    read_gps(written(tmp_path / "clip.mp4", bytes(data)))
