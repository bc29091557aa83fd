"""CAMM, judged by exiftool save for the leap seconds, which it leaves out."""

import struct
from pathlib import Path

import pytest

from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.reading import read_container
from support.exiftool import exiftool_rows, needs_exiftool
from support.gps_files import movie_header, with_track, written

MADE_S = 1_790_488_000
GPS_S = MADE_S - 315_964_800


def record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", 0, kind) + content


def fix(second: int, *, clock_s: float = GPS_S, kind: int = 3) -> bytes:
    place = struct.pack("<2d", -33.5 + second * 1e-4, -70.25)
    return record(
        6, struct.pack("<di", clock_s + second, kind) + place + struct.pack("<7f", 520.5, 1.5, 2, 3, -4, 0, 1)
    )


def other(second: int) -> bytes:
    return record(2, struct.pack("<3f", 0.1, 0.2, second)) + record(7, bytes(12))


def place(second: int) -> bytes:
    return record(5, struct.pack("<3d", 48 + second * 1e-4, 11.25, 520.5))


def movie(path: Path, samples: list[bytes], *, created_unix_s: int = MADE_S) -> Path:
    content = with_track(samples, handler=b"camm", coding=b"camm", moov=movie_header(created_unix_s=created_unix_s))
    return written(path, content)


def read(path: Path) -> ClipGps:
    found = read_container(path)
    assert found is not None
    assert found.format == "camm"
    return found


@needs_exiftool
@pytest.mark.parametrize("handler", [b"camm", b"meta"])
def test_equal_to_exiftool(handler: bytes, tmp_path: Path) -> None:
    samples = [fix(second) for second in range(5)]
    path = written(
        tmp_path / "clip.mp4",
        with_track(samples, handler=handler, coding=b"camm", moov=movie_header(created_unix_s=MADE_S)),
    )
    fixes, rows = read(path).fixes, exiftool_rows(path)
    assert len(fixes) == len(rows) == 5
    for found, row in zip(fixes, rows, strict=True):
        assert (found.latitude_deg, found.longitude_deg) == pytest.approx(
            (row.latitude_deg, row.longitude_deg), abs=1e-9
        )
        assert found.altitude_m == row.altitude_m
        assert found.media_s == row.media_s
        assert found.unix_s == pytest.approx((row.unix_s or 0) - 18)


def test_speed_course_and_error_of_a_fix(tmp_path: Path) -> None:
    (found,) = read(movie(tmp_path / "clip.mp4", [other(0) + fix(0) + other(1)])).fixes
    assert (found.speed_m_s, found.course_deg, found.error_m) == pytest.approx((5, 143.13, 1.5), abs=0.01)


def test_clock_that_counts_from_1970_instead_of_1980(tmp_path: Path) -> None:
    (found,) = read(movie(tmp_path / "clip.mp4", [fix(0, clock_s=MADE_S)])).fixes
    assert found.unix_s == MADE_S


def test_places_without_a_receiver(tmp_path: Path) -> None:
    found = read(movie(tmp_path / "clip.mp4", [place(0) + other(0), place(1), other(1)]))
    assert [(fix.unix_s, fix.media_s, fix.altitude_m) for fix in found.fixes] == [(None, 0, 520.5), (None, 1, 520.5)]


def test_a_receiver_is_taken_before_places(tmp_path: Path) -> None:
    found = read(movie(tmp_path / "clip.mp4", [place(0) + fix(0), place(1) + fix(1, kind=0)]))
    assert [fix.latitude_deg for fix in found.fixes] == [-33.5]


@pytest.mark.parametrize(
    "samples",
    [
        [record(9, bytes(60))],
        [fix(0)[:-1]],
        [record(5, struct.pack("<3d", float("nan"), 1, 1)), record(5, struct.pack("<3d", 91, 181, 1))],
        [b"", b"\0", b"\0\0\6\0"],
    ],
)
def test_damaged_records_have_no_positions(samples: list[bytes], tmp_path: Path) -> None:
    assert read_container(movie(tmp_path / "clip.mp4", samples)) is None
