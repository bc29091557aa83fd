"""Texts in a track of their own, judged by exiftool where it reads them."""

import struct
import subprocess
from pathlib import Path

import pytest

from streamvision.core.position import Fix
from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.reading import read_container
from support.exiftool import exiftool_rows, needs_exiftool, same_rows
from support.gps_files import Place, digits, places, with_track, written

SOUTH_WEST = places(5, north=b"S", east=b"W")
ROADHAWK = "-I8XQWRVNZOYPUTA0B1C2SJ9K.L,M$D3E4F5G6H7"


def thinkware(place: Place) -> bytes:
    return f"gsensori,4,512,-67,-12,100;{place.rmc[1:]};CAR,0,0,0,0.0,0,0,0,0,0,0,0,0".encode()


def roadhawk(place: Place) -> bytes:
    text = f"X0000.2340Y-000.0720Z0000.9900G0001.0400{place.rmc.split('*')[0]}"
    hidden = "".join(chr(43 + ROADHAWK.index(letter)) if letter in ROADHAWK else letter for letter in text)
    return f"{hidden}*6F~".encode()


def e_prance(place: Place, moved: int = 13) -> bytes:
    text = f"12\t34\t56{place.rmc}"
    return b"\0" + bytes((byte + moved) & 0xFF for byte in text.encode()) + b"\n"


def mini(place: Place) -> bytes:
    day = digits((place.day[2], place.day[1], place.day[0] - 2000))
    return (
        f"A,{day},{digits(place.clock)}.000,{place.latitude_dm:09.4f},{place.north.decode()},{place.longitude_dm:010.4f},"
        f"{place.east.decode()},{place.knots:05.1f},{place.altitude_m:.1f}M,+01.84,-09.80,-00.61;\n"
    ).encode()


def dollar_g(place: Place) -> bytes:
    year, month, day = place.day
    hour, minute, second = place.clock
    return (
        f"$G:{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}-{place.north.decode()}54.454921"
        f"-{place.east.decode()}18.549305-S50"
    ).encode()


def hidden(place: Place, head: bytes = b"\0\0\xf2\xe1\xf0\xee") -> bytes:
    """Return a record of an Ambarella A12."""
    latitude, longitude = round(place.latitude_dm * 1e4), round(place.longitude_dm * 1e4)
    told = bytearray(b"\0" * 300)
    told[8:22] = (f"{place.day[0]}" + digits(place.day[1:]) + digits(place.clock)).encode()
    told[38:47] = place.north + f"{latitude:08}".encode()
    told[47:57] = place.east + f"{longitude:09}".encode()
    told[57:62] = f"{round(place.altitude_m):+05}".encode()
    told[62:65] = b"047"
    return head + b"TT" + bytes(byte ^ 0xAA for byte in told[8:])


def vantrue(place: Place) -> bytes:
    """Return an ``FMAS`` record."""
    record = bytearray(160)
    record[:8], record[80:84] = b"FMAS\0\0\0\0", b"SAMM"
    struct.pack_into("<H5B", record, 96, place.day[0], *place.day[1:], *place.clock)
    record[120:123] = b"A" + place.east + place.north
    longitude, latitude = divmod(place.longitude_dm, 100), divmod(place.latitude_dm, 100)
    struct.pack_into("<BBxH", record, 123, int(longitude[0]), int(longitude[1]), round(longitude[1] % 1 * 6000))
    struct.pack_into("<BBHHH", record, 128, int(latitude[0]), int(latitude[1]), round(latitude[1] % 1 * 6000), 31, 73)
    return bytes(record)


def dji(place: Place) -> bytes:
    latitude, longitude = place.latitude_dm / 100, place.longitude_dm / 100
    return (
        f"F/3.5, SS 1000, ISO 100, EV 0, GPS ({longitude:.4f}, {latitude:.4f}, 18), D 24.26m, "
        f"H {place.altitude_m:.2f}m, H.S 12.10m/s, V.S 0.00m/s \n"
    ).encode()


def both(place: Place) -> bytes:
    return f"{place.rmc}\r\n{place.gga}\r\n".encode()


def with_length(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def read(path: Path) -> ClipGps:
    found = read_container(path)
    assert found is not None
    assert (found.format, found.source) == ("text", "container")
    return found


@needs_exiftool
@pytest.mark.parametrize(
    ("make", "form", "handler"),
    [
        (lambda place: place.rmc.encode(), b"text", b"text"),
        (lambda place: with_length(place.rmc.encode()), b"text", b"text"),
        (both, b"text", b"text"),
        (thinkware, b"text", b"text"),
        (roadhawk, b"text", b"text"),
        (e_prance, b"text", b"text"),
        (mini, b"text", b"text"),
        (dollar_g, b"text", b"text"),
        (hidden, b"text", b"text"),
        (lambda place: hidden(place, b"\0\0\1\2\xaa\xaa"), b"text", b"text"),
        (hidden, b"gpmd", b"meta"),
        (vantrue, b"gpmd", b"meta"),
        (dji, b"text", b"text"),
    ],
)
def test_equal_to_exiftool(make: object, form: bytes, handler: bytes, tmp_path: Path) -> None:
    assert callable(make)
    for name, way in (("north_east", places(5)), ("south_west", SOUTH_WEST)):
        content = with_track([make(place) for place in way], handler=handler, coding=form)
        path = written(tmp_path / f"{name}.mp4", content)
        found, rows = read(path), exiftool_rows(path)
        assert len(rows) == 5
        if make is dji:  # exiftool makes up a time by the movie's header
            rows = [row.__class__(**{**vars(row), "unix_s": None}) for row in rows]
        same_rows(found.fixes, rows)
        assert [fix.media_s for fix in found.fixes] == [row.media_s for row in rows] == [0, 1, 2, 3, 4]


@needs_exiftool
def test_rows_without_a_fix_are_left_out_as_exiftool_does(tmp_path: Path) -> None:
    way = [*places(3, status=b"V"), *places(6)[3:]]
    path = written(
        tmp_path / "clip.mp4", with_track([place.rmc.encode() for place in way], handler=b"text", coding=b"text")
    )
    found = read(path)
    same_rows(found.fixes, exiftool_rows(path))
    assert [fix.media_s for fix in found.fixes] == [3, 4, 5]


@pytest.mark.parametrize(("suffix", "handler"), [("mp4", b"sbtl"), ("mov", b"text")])
def test_subtitles_that_ffmpeg_wrote(suffix: str, handler: bytes, tmp_path: Path) -> None:
    """Texts with their length before them and perhaps boxes behind; players find such a track among the subtitles."""
    path = tmp_path / f"clip.{suffix}"
    lines = [f"1\n00:00:0{n},000 --> 00:00:0{n + 1},000\n{place.rmc}\n" for n, place in enumerate(places(5))]
    (tmp_path / "way.srt").write_text("\n".join(lines))
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "way.srt"), "-c:s", "mov_text", str(path)]
    subprocess.run(command, check=True, timeout=60)
    assert handler in path.read_bytes()
    fixes = read(path).fixes
    assert [round(fix.media_s or 0, 2) for fix in fixes] == [0, 1, 2, 3, 4]
    assert fixes[2].latitude_deg == pytest.approx(54 + (27.25 + 0.0162) / 60, abs=1e-6)


def test_new_texts_of_dji(tmp_path: Path) -> None:
    text = (
        '<font size="28">FrameCnt: 1, DiffTime: 33ms\n2024-08-07 12:34:24.380\n[iso: 100] [latitude: -22.5441] '
        "[longitude: 113.9501] [rel_alt: 1.100 abs_alt: 2.900] </font>"
    )
    old = "[latitude : 39.9] [longtitude : -116.25] [altitude: 21.0]"
    path = written(
        tmp_path / "clip.mp4",
        with_track([with_length(line.encode()) for line in (text, old)], handler=b"sbtl", coding=b"tx3g"),
    )
    found = read(path)
    assert found.may_be_local
    assert found.fixes == (
        Fix(-22.5441, 113.9501, 1723034064.38, 2.9, media_s=0.0),
        Fix(39.9, -116.25, None, 21.0, media_s=1.0),
    )


def test_a_damaged_sentence_is_passed_over(tmp_path: Path) -> None:
    way = [place.rmc.encode() for place in places(5)]
    way[2] = way[2].replace(b"5427", b"5437")
    path = written(tmp_path / "clip.mp4", with_track(way, handler=b"text", coding=b"text"))
    assert [fix.media_s for fix in read(path).fixes] == [0, 1, 3, 4]


@pytest.mark.parametrize(
    "samples",
    [
        [b"Hello", b"", b"\0", b"\0\n", b"~", b"\0\xff"],
        [b"\0\0\xf2\xe1\xf0\xee" + b"\xaa" * 300, b"FMAS" + bytes(400)],
        [b"GPS (1e999, 1)", b"GPS (999.5, 999.5)", b"latitude: 95.0 longitude: 1.0", b"A,999999,999999,9999.9,N"],
        [bytes(5000)] * 20,
    ],
)
def test_other_texts_have_no_positions(samples: list[bytes], tmp_path: Path) -> None:
    for handler in (b"text", b"sbtl", b"meta"):
        path = written(tmp_path / "clip.mp4", with_track(samples, handler=handler, coding=b"tx3g"))
        assert read_container(path) is None


def test_a_track_of_something_else_is_given_up(tmp_path: Path) -> None:
    samples = [b"no way"] * 400 + [place.rmc.encode() for place in places(3)]
    path = written(tmp_path / "clip.mp4", with_track(samples, handler=b"text", coding=b"text"))
    assert read_container(path) is None
