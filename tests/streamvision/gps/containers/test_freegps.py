"""Blocks of each maker, judged by exiftool."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.reading import read_gps
from support.exiftool import exiftool_rows, needs_exiftool, same_rows
from support.gps_files import Place, digits, film, free_gps, places, standard_block, viofo_block, with_track, written

Maker = Callable[[Place], bytes]


def turned(text: bytes, key: int = 0xAA) -> bytes:
    return bytes(byte ^ key for byte in text)


def floats(place: Place) -> bytes:
    return struct.pack("<4f", place.latitude_dm, place.longitude_dm, place.knots, place.course_deg)


def azdome(place: Place) -> bytes:
    stamp = digits((*place.day, *place.clock))
    line = b"\0\0XKZD\xfe\xfe" + stamp.encode() + b"\x0c5567GP   " + bytes(6)
    where = b"N%08dW%09d" % (place.latitude_dm * 1e4, place.longitude_dm * 1e4)
    return free_gps({0x10: b"\1\3", 18: turned(line[:38].ljust(38, b"\0") + where + b"00000051" + bytes(90))})


def eeekit(place: Place) -> bytes:
    stamp = digits((*place.day, *place.clock)).encode()
    line = b"\0\0XKZD\xfe\xfe" + stamp + b"\x0c" + b"0" + stamp[2:] + b"5\3"
    where = b"S%08dW%09d" % (place.latitude_dm * 1e4, place.longitude_dm * 1e4)
    return free_gps({0x10: b"\1\3", 18: turned(line + where + b"+0175042+014+002+026" + bytes(90))})


def nextbase_text(place: Place) -> bytes:
    text = f"20260927074703 {place.rmc}\r\n{place.gga}\r\n"
    return free_gps({52: text[:14].encode(), 80: text[15:].encode()}, payload_bytes=0x140)


def akaso(place: Place, *, short: bool = False) -> bytes:
    return free_gps(
        {
            0x30: struct.pack("<3I", *place.clock) + place.status + bytes(3),
            0x40: struct.pack("<f", place.latitude_dm) + place.north + bytes(3),
            0x48: struct.pack("<f", place.longitude_dm) + place.east + bytes(3),
            0x50: struct.pack("<2f", 42.5, place.course_deg),
            0x58: struct.pack("<3I", *(place.short_day if short else place.day)),
        },
        payload_bytes=0x68,
    )


def anticlock(place: Place) -> bytes:
    return akaso(place, short=True)


def shifted(place: Place) -> bytes:
    return free_gps({60: bytes(ord(letter) + 16 for letter in place.rmc)}, payload_bytes=0x1F0)


def vantrue_s1(place: Place) -> bytes:
    return free_gps(
        {
            0x30: b"horsontech",
            0x40: place.letters,
            0x44: struct.pack("<6I", *place.short_day, *place.clock),
            0x5C: struct.pack("<5f", place.longitude_dm, place.latitude_dm, place.knots, place.course_deg, 97.25),
        }
    )


def transcend(place: Place) -> bytes:
    block = bytearray(standard_block(place))
    for where, value in ((0x70, place.latitude_dm), (0x80, place.longitude_dm), (0xA0, place.altitude_m)):
        struct.pack_into("<d", block, where, value)
    return bytes(block)


def doubles(place: Place) -> bytes:
    return free_gps(
        {
            0x30: struct.pack("<3I", *place.clock) + place.status + bytes(3),
            0x40: struct.pack("<d", place.latitude_dm) + place.north + bytes(7),
            0x50: struct.pack("<d", place.longitude_dm) + place.east + bytes(7),
            0x60: struct.pack("<2d", place.knots, place.course_deg),
            0x70: struct.pack("<3I", *place.short_day),
        }
    )


def iqs(place: Place) -> bytes:
    return free_gps(
        {
            0x10: b"IQS_A7_20150417",
            0x30: struct.pack("<6I", *place.clock, *place.short_day),
            0x48: place.letters,
            0x4C: struct.pack("<iiif", 544549217, -185493050, 1414, 118500.0),
        }
    )


def innovv(place: Place) -> bytes:
    records = [place.letters + b"\0" + floats(place) + bytes(12), place.letters + b"\0" + floats(place) + bytes(12)]
    return free_gps({0x10: b"".join(records)}, size=0x8000)


def vantrue_n4(place: Place) -> bytes:
    return free_gps(
        {
            0x10: struct.pack("<3I", *place.clock) + place.status + bytes(3),
            0x20: struct.pack("<d", place.latitude_dm) + place.north + bytes(7),
            0x30: struct.pack("<d", place.longitude_dm) + place.east + bytes(7),
            0x40: struct.pack("<2d", place.knots, place.course_deg),
            0x50: struct.pack("<3I", *place.day),
        }
    )


def nextbase_record(place: Place, tenths: int = 0) -> bytes:
    when = (*place.day, *place.clock[:2], place.clock[2] * 10 + tenths)
    return b"$S" + struct.pack(">HhH4BHBii", 1414, -2925, *when, 2, 544549217, -185493050) + bytes(9)


def nextbase_records(place: Place) -> bytes:
    return free_gps({0x30: nextbase_record(place)}, payload_bytes=0x178)


def atc_record(place: Place) -> bytes:
    hour, minute, second = place.clock
    clear = bytearray(52)
    struct.pack_into("<3B", clear, 13, hour - 1, minute, second)
    struct.pack_into("<i", clear, 0x10, round(place.latitude_dm * 1e5))
    clear[0x15:0x18] = b"ATC"
    struct.pack_into("<i", clear, 0x18, -round(place.longitude_dm * 1e5))
    clear[0x1D:0x20] = b"001"
    struct.pack_into("<ihhi", clear, 0x20, 1414, -2925, 0, 118500)
    struct.pack_into("<H2B", clear, 0x2C, *place.day)
    for key, ranges in ((0x5A, (range(0x15), range(0x18, 0x1C))), (0xC3, (range(0x1C, 0x1D), range(0x20, 0x33)))):
        for index in (index for part in ranges for index in part):
            clear[index] ^= key
    return bytes(clear)


def atc_rings(count: int = 5) -> list[bytes]:
    """Return blocks of a ring of four records, into which each block writes one."""
    way = places(count + 3)
    ring = [atc_record(place) for place in way[:4]]
    blocks = []
    for newest in range(3, count + 3):
        ring[newest % 4] = atc_record(way[newest])
        blocks.append(free_gps({0x30: b"".join(ring)}, payload_bytes=0x638))
    return blocks


def kenwood(place: Place) -> bytes:
    """Return a block of Viofo's layout with all four digits of the year; exiftool takes its time as the machine's."""
    block = bytearray(viofo_block(place))
    struct.pack_into("<I", block, 0x1C, place.day[0])
    return bytes(block)


BY_INDEX: list[Maker] = [
    kenwood,
    standard_block,
    viofo_block,
    azdome,
    eeekit,
    nextbase_text,
    akaso,
    shifted,
    vantrue_s1,
    transcend,
]
BY_SEARCH: list[Maker] = [standard_block, doubles, iqs, anticlock, innovv, vantrue_n4, nextbase_records]
QUARTERS = [(b"N", b"E"), (b"S", b"E"), (b"N", b"W"), (b"S", b"W")]


def read(path: Path) -> ClipGps:
    gps = read_gps(path)
    assert gps is not None
    return gps


@needs_exiftool
class TestEqualToExiftool:
    @pytest.mark.parametrize("maker", BY_INDEX, ids=lambda maker: maker.__name__)
    def test_by_the_index(self, maker: Maker, tmp_path: Path) -> None:
        quarters = [place for north, east in QUARTERS for place in places(2, north=north, east=east)]
        blocks = [maker(place) for place in (*quarters, Place(status=b"V"))]
        path = written(tmp_path / "clip.mp4", film(blocks))
        told = exiftool_rows(path)
        rows = [row for row in told if (row.latitude_deg, row.longitude_deg) != (0, 0)]  # its row of text without a fix
        assert len(rows) >= 8
        same_rows(read(path).fixes, rows)

    @pytest.mark.parametrize("maker", BY_SEARCH, ids=lambda maker: maker.__name__)
    def test_by_a_search(self, maker: Maker, tmp_path: Path) -> None:
        quarters = [place for north, east in QUARTERS for place in places(2, north=north, east=east)]
        path = written(tmp_path / "clip.mp4", film([maker(place) for place in quarters], index=False))
        rows = exiftool_rows(path)
        assert len(rows) >= 8
        same_rows(read(path).fixes, rows)

    def test_a_ring_gives_each_record_once(self, tmp_path: Path) -> None:
        path = written(tmp_path / "clip.mp4", film(atc_rings(), index=False))
        rows = exiftool_rows(path)
        assert len(rows) == 8
        same_rows(read(path).fixes, rows)

    def test_blocks_behind_the_media_data(self, tmp_path: Path) -> None:
        path = written(tmp_path / "clip.mp4", film([standard_block(place) for place in places(6)], among=False))
        same_rows(read(path).fixes, exiftool_rows(path))

    @pytest.mark.parametrize("size", ["64 bits", "to the end", "too large"])
    def test_media_data_of_any_size(self, size: str, tmp_path: Path) -> None:
        data = film([standard_block(place) for place in places(6)], header=False)
        start = data.index(b"mdat") - 4
        head = {
            "64 bits": b"\0\0\0\1mdat" + (len(data) - start + 8).to_bytes(8, "big"),
            "to the end": b"\0\0\0\0mdat",
            "too large": b"\x7f\0\0\0mdat",
        }[size]
        path = written(tmp_path / "clip.mp4", data[:start] + head + data[start + 8 :])
        rows = exiftool_rows(path)
        assert len(rows) >= 4
        same_rows(read(path).fixes[: len(rows)], rows)

    def test_without_an_index_all_of_its_rows_and_none_else(self, tmp_path: Path) -> None:
        path = written(tmp_path / "clip.mp4", film([standard_block(place) for place in places(6)], header=False))
        same_rows(read(path).fixes, exiftool_rows(path))


class TestBeyondExiftool:
    def test_viofo_without_an_index(self, tmp_path: Path) -> None:
        way = [viofo_block(place) for place in places(5)]
        cut = written(tmp_path / "cut.mp4", film(way, header=False))
        indexed = written(tmp_path / "clip.mp4", film(way))
        assert read(cut).fixes == read(indexed).fixes

    def test_all_records_of_a_block(self, tmp_path: Path) -> None:
        (place,) = places(1)
        block = free_gps({0x30: b"".join(nextbase_record(place, tenths) for tenths in range(10))}, payload_bytes=0x178)
        fixes = read(written(tmp_path / "clip.mp4", film([block, block], index=False))).fixes
        assert np.diff([fix.unix_s for fix in fixes[:10]]) == pytest.approx([0.1] * 9, abs=1e-6)

    def test_seventy_mai(self, tmp_path: Path) -> None:
        fix = struct.pack("<4i", -542729530, 183295830, 271, 54)
        tag = b"\xf8\x03"
        block = free_gps({12: tag + b"\0\0", 18: tag, 30: b"A" + fix}, payload_bytes=0x3F8)
        (only,) = read(written(tmp_path / "clip.mp4", film([block]))).fixes
        assert (only.latitude_deg, only.longitude_deg) == pytest.approx((-54.4549217, 18.5493050), abs=1e-6)
        assert (only.speed_m_s, only.course_deg, only.unix_s) == (pytest.approx(15.0), 271.0, None)

    def test_places_that_nobody_can_decode_are_none(self, tmp_path: Path) -> None:
        kingslim = free_gps({0: struct.pack(">I", 0x4000), 0x15: b"\0\0\0ANW" + struct.pack("<2f", 4202.3, -8142.0)})
        akaso_v1 = free_gps(
            {
                0x30: struct.pack("<6I", 14, 39, 44, 2019, 5, 29) + b"ANE" + bytes(5),
                0x50: struct.pack("<2d", 1.1e-13, 2e-250),
            }
        )
        assert read_gps(written(tmp_path / "clip.mp4", film([kingslim, akaso_v1]))) is None

    def test_a_block_cut_by_the_end_is_read_if_its_fix_is_there(self, tmp_path: Path) -> None:
        data = film([standard_block(place) for place in places(3)], among=False)
        last = data.rindex(b"freeGPS ") - 4
        for kept, count in ((0x5C, 3), (0x50, 2), (6, 2)):
            path = written(tmp_path / f"{kept}.mp4", data[: last + kept])
            assert len(read(path).fixes) == count


class TestTimes:
    def test_a_day_that_no_calendar_has_is_no_time(self, tmp_path: Path) -> None:
        place = Place(day=(2026, 2, 30))
        (fix,) = read(written(tmp_path / "clip.mp4", film([standard_block(place)]))).fixes
        assert fix.unix_s is None

    def test_29_february_and_new_year(self, tmp_path: Path) -> None:
        way = [Place(day=(2028, 2, 29), clock=(23, 59, 59)), Place(day=(2028, 3, 1), clock=(0, 0, 0))]
        fixes = read(written(tmp_path / "clip.mp4", film([standard_block(place) for place in way]))).fixes
        assert [fix.unix_s for fix in fixes] == [1835481599.0, 1835481600.0]

    def test_the_index_counts_the_seconds_of_the_video(self, tmp_path: Path) -> None:
        way = [standard_block(Place(status=b"V")), *(standard_block(place) for place in places(3))]
        fixes = read(written(tmp_path / "clip.mp4", film(way))).fixes
        assert [fix.media_s for fix in fixes] == [1.0, 2.0, 3.0]

    def test_blocks_among_the_pictures_were_written_behind_them(self, tmp_path: Path) -> None:
        pictures = [bytes(100)] * 50
        blocks = [standard_block(place) for place in places(50)]
        data = with_track(pictures, handler=b"vide", coding=b"avc1", blocks=blocks, seconds=0.2)
        fixes = read(written(tmp_path / "clip.mp4", data)).fixes
        assert [fix.media_s for fix in fixes] == pytest.approx([0.2 * (n + 1) for n in range(50)])

    def test_more_blocks_than_seconds_share_them(self, tmp_path: Path) -> None:
        way = [standard_block(place)[:0x200] for place in places(600)]  # the film lasts 60 s
        fixes = read(written(tmp_path / "clip.mp4", film(way))).fixes
        assert [fix.media_s for fix in fixes] == pytest.approx([0.1 * n for n in range(600)])

    def test_they_may_be_local(self, tmp_path: Path) -> None:
        assert read(written(tmp_path / "clip.mp4", film([standard_block(Place())]))).may_be_local

    def test_the_cameras_own_clock(self, tmp_path: Path) -> None:
        gps = read(written(tmp_path / "clip.mp4", film([nextbase_text(Place())])))
        assert (gps.camera_minus_utc_s, gps.may_be_local) == (7200.0, False)


class TestHostile:
    def test_an_index_that_promises_more_than_there_is(self, tmp_path: Path) -> None:
        data = bytearray(film([standard_block(place) for place in places(3)]))
        place = data.index(b"gps ") + 8
        data[place : place + 4] = b"\xff\xff\xff\xff"
        assert len(read(written(tmp_path / "clip.mp4", bytes(data))).fixes) == 3

    def test_entries_that_lead_nowhere(self, tmp_path: Path) -> None:
        data = bytearray(film([standard_block(place) for place in places(4)]))
        entries = data.index(b"gps ") + 12
        data[entries : entries + 8] = bytes(8)
        data[entries + 8 : entries + 12] = b"\xff\xff\xff\xf0"
        fixes = read(written(tmp_path / "clip.mp4", bytes(data))).fixes
        assert [fix.media_s for fix in fixes] == [2.0, 3.0]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e30, 9999.0])
    def test_numbers_that_are_no_place(self, value: float, tmp_path: Path) -> None:
        assert read_gps(written(tmp_path / "clip.mp4", film([standard_block(Place(latitude_dm=value))]))) is None

    def test_numbers_that_are_no_speed(self, tmp_path: Path) -> None:
        place = Place(knots=float("nan"), course_deg=float("inf"))
        (fix,) = read(written(tmp_path / "clip.mp4", film([standard_block(place)]))).fixes
        assert (fix.speed_m_s, fix.course_deg) == (None, None)

    def test_a_file_full_of_marks_ends(self, tmp_path: Path) -> None:
        data = b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + b"\0\0\0\0mdat" + b"\0\0\x01\0freeGPS " * 50_000
        read_gps(written(tmp_path / "clip.mp4", data))

    def test_a_search_gives_up_where_nothing_comes(self, tmp_path: Path) -> None:
        path = tmp_path / "clip.mp4"
        with path.open("wb") as file:
            file.write(b"\0\0\0\x18ftypisom\0\0\2\0isommp41\0\0\0\0mdat")
            file.truncate(1 << 42)
        assert read_gps(path) is None

    @pytest.mark.parametrize("seed", range(30))
    def test_bytes_that_were_changed(self, seed: int, tmp_path: Path) -> None:
        numbers = np.random.default_rng(seed)
        maker = (BY_INDEX + BY_SEARCH)[seed % (len(BY_INDEX) + len(BY_SEARCH))]
        data = bytearray(film([maker(place)[:0x400] for place in places(3)], index=seed % 2 == 0))
        for place in numbers.integers(0, len(data), 2000):
            data[place] = numbers.integers(256)
        read_gps(written(tmp_path / "clip.mp4", bytes(data[: numbers.integers(1, len(data))])))
