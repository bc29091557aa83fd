"""Boxes with positions, each as its maker writes it, judged by exiftool."""

import struct
from pathlib import Path

import numpy as np
import pytest

from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.reading import read_gps
from support.exiftool import exiftool_rows, needs_exiftool, same_rows
from support.gps_files import Place, box, digits, film, places, sentence, with_track, written

QUARTERS = [(b"N", b"E"), (b"S", b"E"), (b"N", b"W"), (b"S", b"W")]
WAY = [place for north, east in QUARTERS for place in places(2, north=north, east=east)]
CAMERA_MS = 1_790_500_000_000
"""The camera's own clock when the video begins."""


def signed_deg(place: Place) -> tuple[float, float]:
    angles = []
    for value, letter in ((place.latitude_dm, place.north), (place.longitude_dm, place.east)):
        degrees = value // 100
        angles.append((degrees + (value - 100 * degrees) / 60) * (-1 if letter in b"SW" else 1))
    return angles[0], angles[1]


def blackvue(way: list[Place], *, begin: bool = True) -> bytes:
    lines = b""
    for number, place in enumerate(way):
        stamp = f"[{CAMERA_MS + 400 + 1000 * number}]"
        lines += f"{stamp}{place.rmc}\r\n\r\n{stamp}{place.gga}\r\n\r\n".encode()
    parts = box(b"cprt", b"\0\0\0\0Pittasoft Co., Ltd.")
    parts += box(b"sttm", struct.pack(">Q", CAMERA_MS)) if begin else b""
    return film([], index=False, top=box(b"free", parts + box(b"gps ", lines + bytes(700))))


def denver(way: list[Place]) -> bytes:
    lines = b""
    for place in way:
        north, east = (f"[{letter.decode()}]" for letter in (place.north, place.east))
        angles = (place.latitude_dm / 100 - place.latitude_dm // 100) * 1e6, (place.longitude_dm % 100) * 1e4
        latitude, longitude = f"{place.latitude_dm // 100:02.0f}{angles[0]:06.0f}", f"018{angles[1]:06.0f}"
        lines += (
            f"{digits((*place.short_day, *place.clock))}[1]{north}[{latitude}]{east}[{longitude}]"
            "[+00152][100][00140][C000000]+000+000+000\r\n"
        ).encode()
    return film([], index=False, top=box(b"udat", lines))


def garmin(way: list[Place]) -> bytes:
    rows = bytes.fromhex("9b630f8d637440ec8204bc5ff5091728") + bytes(17)
    for number, place in enumerate(way):
        angles = (round(angle * (1 << 31) / 180) for angle in signed_deg(place))
        rows += struct.pack(">IH6xii", 2_082_844_800 + 1_790_488_023 + number, 42, *angles)
    return film([], index=False, moov=box(b"uuid", rows))


def dudubell(way: list[Place]) -> bytes:
    records = b"".join(
        struct.pack(
            "<ddiH7B3x",
            place.latitude_dm * (-1 if place.north == b"S" else 1),
            place.longitude_dm * (-1 if place.east == b"W" else 1),
            118,
            51,
            *place.short_day,
            *place.clock,
            165,
        )
        for place in way
    )
    return film([], index=False, top=box(b"gps0", records))


def auto_vox(way: list[Place]) -> bytes:
    records = b"".join(
        struct.pack("<4sdd4xH", b"AITG", place.latitude_dm, place.longitude_dm, 28)
        + bytes((place.day[0] - 1900, *place.day[1:], *place.clock, 165))
        + bytes((2 if place.north == b"S" else 1, 2 if place.east == b"W" else 1, 0x40))
        + struct.pack("<I", 1000 * number)
        for number, place in enumerate(way)
    )
    records += bytes(40)
    chunks = b"gpsa" + struct.pack("<I", 8) + bytes(8) + b"gps0" + struct.pack("<I", len(records)) + records
    return film([], index=False) + chunks


def seventy_mai(way: list[Place]) -> bytes:
    records = b"".join(
        struct.pack("<4I", 1, 1, number, 50_930)
        + place.north
        + struct.pack("<I", round(place.latitude_dm * 1e3))
        + place.east
        + struct.pack("<I", round(place.longitude_dm * 1e3))
        + bytes(10)
        for number, place in enumerate(way)
    )
    return film([], index=False, top=box(b"GPS ", records + bytes(36)))


def kenwood(way: list[Place]) -> bytes:
    lines = b"VIDEO" + b"U" * 22
    for place in way:
        stamp = digits((*place.day, *place.clock)).encode()
        angles = place.north + b"%08d" % (place.latitude_dm * 1e4) + place.east + b"%09d" % (place.longitude_dm * 1e4)
        lines += b"\xfe\xfe" + stamp + b"." + stamp + b"\x03" + angles + b"+0118051+006+009+004"
    return film([], index=False, top=box(b"udta", lines))


def insta360(way: list[Place]) -> bytes:
    rows = b""
    for number, place in enumerate(way):
        latitude, longitude = signed_deg(place)
        rows += struct.pack("<IIH", 1_790_488_023 + number, 0, 0) + place.status
        rows += struct.pack("<dcdc", abs(latitude), place.north, abs(longitude), place.east)
        rows += struct.pack("<ddd", 14.25, place.course_deg, place.altitude_m)
    frames = bytes(16)
    trailer = frames + struct.pack("<HI", 0x600, len(frames)) + rows
    end = bytearray(78)
    struct.pack_into("<HI", end, 0, 0x700, len(rows))
    struct.pack_into("<I", end, 38, len(trailer) + 78)
    end[46:] = b"8db42d694ccc418790edff439fe026bf"
    return film([], index=False) + trailer + bytes(end)


MAKERS = [blackvue, denver, garmin, dudubell, auto_vox, seventy_mai, kenwood, insta360]


def read(path: Path) -> ClipGps:
    gps = read_gps(path)
    assert gps is not None
    return gps


@needs_exiftool
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_equal_to_exiftool(maker: object, tmp_path: Path) -> None:
    path = written(tmp_path / "clip.mp4", maker(WAY))  # type: ignore[operator]
    rows = exiftool_rows(path)
    assert len(rows) == len(WAY)
    same_rows(read(path).fixes, rows)


class TestBlackVue:
    @needs_exiftool
    def test_its_times_in_the_video(self, tmp_path: Path) -> None:
        path = written(tmp_path / "clip.mp4", blackvue(places(5)))
        fixes = read(path).fixes
        assert [fix.media_s for fix in fixes] == pytest.approx([row.media_s for row in exiftool_rows(path)])

    def test_its_own_clock(self, tmp_path: Path) -> None:
        gps = read(written(tmp_path / "clip.mp4", blackvue(places(5))))
        assert gps.camera_minus_utc_s == pytest.approx(CAMERA_MS / 1000 + 0.4 - 1_790_488_023)
        assert not gps.may_be_local

    def test_without_a_beginning_the_log_begins_with_the_video(self, tmp_path: Path) -> None:
        gps = read(written(tmp_path / "clip.mp4", blackvue(places(3), begin=False)))
        assert [fix.media_s for fix in gps.fixes] == pytest.approx([0, 1, 2])

    def test_no_fix_is_none(self, tmp_path: Path) -> None:
        assert read_gps(written(tmp_path / "clip.mp4", blackvue(places(3, status=b"V")))) is None


class TestLamax:
    def test_every_line(self, tmp_path: Path) -> None:
        lines = b""
        for place in WAY:
            line = b"\xaa\xaaXKZD\xfe\xfe" + digits((*place.day, *place.clock)).encode() + b"\x0c" + bytes(15)
            line += place.north + b"%08d" % round(place.latitude_dm * 1e4)
            line += place.east + b"%09d" % round(place.longitude_dm * 1e4) + b"+0118051"
            lines += bytes(byte ^ 0xAA for byte in line.ljust(311, b"\0"))
        path = written(tmp_path / "clip.mp4", film([], index=False, top=box(b"gps0", lines)))
        fixes = read(path).fixes
        places_deg = [(fix.latitude_deg, fix.longitude_deg) for fix in fixes]
        assert places_deg == [pytest.approx(signed_deg(place), abs=2e-6) for place in WAY]
        assert [fix.unix_s for fix in fixes[:2]] == [1_790_488_023.0, 1_790_488_024.0]
        if rows := exiftool_rows(path):  # it leaves out every second line
            same_rows(fixes[::2], rows)


class TestGarminPackets:
    def test_in_a_track_of_subtitles(self, tmp_path: Path) -> None:
        packets = [
            b"\0\x14PNDM" + struct.pack(">IH2xii", 0, 42, *(round(a * (1 << 31) / 180) for a in signed_deg(place)))
            for place in WAY
        ]
        path = written(tmp_path / "clip.mp4", with_track(packets, handler=b"text", coding=b"text"))
        fixes = read(path).fixes
        assert [fix.media_s for fix in fixes] == list(range(len(WAY)))
        assert [(fix.latitude_deg, fix.longitude_deg) for fix in fixes] == [
            pytest.approx(signed_deg(place), abs=1e-6) for place in WAY
        ]


@pytest.mark.parametrize("seed", range(40))
def test_bytes_that_were_changed_do_no_harm(seed: int, tmp_path: Path) -> None:
    numbers = np.random.default_rng(seed)
    data = bytearray(MAKERS[seed % len(MAKERS)](WAY))  # type: ignore[operator]
    begin, end = (0, len(data)) if seed % 3 else (0, 1200)
    for place in numbers.integers(begin, min(end, len(data)), 300):
        data[place] = numbers.integers(256)
    read_gps(written(tmp_path / "clip.mp4", bytes(data[: numbers.integers(1, len(data))])))


def test_sentences_without_a_clock_in_front(tmp_path: Path) -> None:
    text = "".join(f"{place.rmc}\n{place.gga}\n" for place in places(3)) + sentence(
        "GPRMC,054706.000,V,,,,,,,270926,,,N"
    )
    gps = read(written(tmp_path / "clip.mp4", film([], index=False, top=box(b"udat", text.encode()))))
    assert (len(gps.fixes), gps.camera_minus_utc_s, gps.source) == (3, None, "container")
