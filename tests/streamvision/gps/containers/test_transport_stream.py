"""Transport streams of dashcams, judged by exiftool."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamvision.gps.reading import read_gps
from support.exiftool import exiftool_rows, needs_exiftool, same_rows
from support.gps_files import Place, places, written

QUARTERS = [(b"N", b"E"), (b"S", b"E"), (b"N", b"W"), (b"S", b"W")]
WAY = [place for north, east in QUARTERS for place in places(2, north=north, east=east)]
WAY = [Place(**{**vars(place), "clock": (5, 47, n)}) for n, place in enumerate(WAY)]
HEADER = b"\0\0\1\xbd\0\0\x80\0\0"


def packets(number: int, unit: bytes, *, lead: bytes = b"") -> bytes:
    """Return the packets of a unit; what is over at the end is filled up in the adaptation field."""
    made = b""
    for start in range(0, len(unit), 184):
        part = unit[start : start + 184]
        flags = (0x40 if start == 0 else 0) | number >> 8
        stuffing = 184 - len(part)
        field = b"" if not stuffing else bytes([stuffing - 1]) + (b"\0" + b"\xff" * (stuffing - 2))[: stuffing - 1]
        made += lead + bytes([0x47, flags, number & 0xFF, 0x30 if stuffing else 0x10]) + field + part
    return made


def stream(units: list[bytes], *, number: int = 0x300, lead: bytes = b"") -> bytes:
    pictures = packets(0x100, b"\0\0\1\xe0\0\0\x80\0\0" + bytes(1500), lead=lead)
    data = b"".join(pictures + packets(number, HEADER + unit, lead=lead) for unit in units)
    return data + pictures * 2 + packets(number, HEADER + bytes(100), lead=lead)


def floats(place: Place) -> bytes:
    return struct.pack("<4f", place.latitude_dm, place.longitude_dm, place.knots, place.course_deg)


def viofo(place: Place) -> bytes:
    return struct.pack("<6I", *place.clock, *place.short_day) + place.letters + b"\0" + floats(place) + bytes(12)


def blueskysea(place: Place) -> bytes:
    return b"\1\0\xff\0" + b"0123" * 40 + viofo(place)


def innovv(place: Place) -> bytes:
    return place.letters + b"\0" + floats(place) + bytes(12)


def vsys(place: Place) -> bytes:
    stamp = f"{'.'.join(f'{part:02}' for part in place.day)} {':'.join(f'{part:02}' for part in place.clock)}"
    return f"$GPSINFO,0x0004,{stamp},{place.latitude_dm:.5f},{place.longitude_dm:.5f},50.9,51,330,0,0,\r".encode()


@needs_exiftool
@pytest.mark.parametrize("lead", [b"", b"\0\0\0\1"], ids=["188 bytes", "192 bytes"])
@pytest.mark.parametrize("maker", [viofo, blueskysea, innovv], ids=lambda maker: maker.__name__)
def test_equal_to_exiftool(maker: Callable[[Place], bytes], lead: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "clip.ts", stream([maker(place) for place in WAY], lead=lead))
    rows = exiftool_rows(path, embedded=3)
    assert len(rows) == len(WAY)
    gps = read_gps(path)
    assert gps is not None
    same_rows(gps.fixes, rows)


@needs_exiftool
def test_vsys_equal_to_exiftool(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.ts", stream([vsys(place) for place in places(5)], number=0x1E4))
    gps = read_gps(path)
    assert gps is not None
    same_rows(gps.fixes, exiftool_rows(path, embedded=3))
    assert len(gps.fixes) == 5


def test_seconds_without_a_fix_count_as_time(tmp_path: Path) -> None:
    way = [Place(status=b"V"), *places(3)]
    gps = read_gps(written(tmp_path / "clip.ts", stream([viofo(place) for place in way])))
    assert gps is not None
    assert [fix.media_s for fix in gps.fixes] == [1.0, 2.0, 3.0]


def test_a_stream_without_is_none(tmp_path: Path) -> None:
    assert read_gps(written(tmp_path / "clip.ts", packets(0x100, bytes(9000)))) is None


@pytest.mark.parametrize("seed", range(20))
def test_bytes_that_were_changed_do_no_harm(seed: int, tmp_path: Path) -> None:
    numbers = np.random.default_rng(seed)
    data = bytearray(stream([viofo(place) for place in WAY] + [vsys(WAY[0]), innovv(WAY[0])]))
    for place in numbers.integers(0, len(data), 500):
        data[place] = numbers.integers(256)
    data[0] = data[188] = data[376] = data[564] = 0x47
    read_gps(written(tmp_path / "clip.ts", bytes(data[: numbers.integers(760, len(data))])))
