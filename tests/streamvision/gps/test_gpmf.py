"""GPMF of GoPro, judged by exiftool."""

import random
import struct
import subprocess
from pathlib import Path

import pytest

from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.containers.gpmf import fixes_of
from streamvision.gps.reading import read_container
from streamvision.gps.sample_tables import Sample
from support.exiftool import needs_exiftool
from support.gps_files import gpmf_item, with_track, written

SCALES5 = struct.pack(">5i", 10_000_000, 10_000_000, 1000, 1000, 100)
SCALES9 = struct.pack(">9i", 10_000_000, 10_000_000, 1000, 1000, 100, 1, 1000, 100, 1)
BEGIN_S = 1_790_488_023.25  # 2026-09-27 05:47:03.250 UTC
ROWS = 18


def payload(second: int, *, kind: int = 3, clock: bytes | None = None) -> bytes:
    """Return a sample as the Hero5 writes it: a device with its gyroscope and 18 rows of positions."""
    clock = f"2609270547{second + 3:02}.250".encode() if clock is None else clock
    rows = b"".join(
        struct.pack(">5i", -335_000_000 + (second * ROWS + row) * 50, -706_000_000 + row, 520_500, 13_250, 1330)
        for row in range(ROWS)
    )
    gyroscope = gpmf_item(
        b"STRM", b"\0", 1, gpmf_item(b"SCAL", b"s", 2, struct.pack(">h", 3755)) + gpmf_item(b"GYRO", b"s", 6, bytes(60))
    )
    items = (
        gpmf_item(b"STMP", b"J", 8, struct.pack(">Q", second * 1_000_000))
        + gpmf_item(b"STNM", b"c", 1, b"GPS (Lat., Long., Alt., 2D speed, 3D speed)")
        + gpmf_item(b"GPSF", b"L", 4, struct.pack(">I", kind))
        + gpmf_item(b"GPSU", b"U" if len(clock) == 16 else b"c", len(clock) or 1, clock)
        + gpmf_item(b"GPSP", b"S", 2, struct.pack(">H", 150))
        + gpmf_item(b"UNIT", b"c", 3, b"degdegm\0\0m/sm/s")
        + gpmf_item(b"SCAL", b"l", 4, SCALES5)
        + gpmf_item(b"GPS5", b"l", 20, rows)
    )
    return gpmf_item(
        b"DEVC", b"\0", 1, gpmf_item(b"DVNM", b"c", 1, b"Camera") + gyroscope + gpmf_item(b"STRM", b"\0", 1, items)
    )


def payload_with_clock(second: int) -> bytes:
    """Return a sample as the Hero11 writes it: each row has its clock; the third has no fix."""
    rows = b"".join(
        struct.pack(
            ">7i2H",
            480_000_000 + row,
            110_000_000,
            520_500,
            13_250,
            1330,
            9766,
            20_823_250 + second * 1000 + row * 100,
            120,
            0 if row == 2 else 3,
        )
        for row in range(10)
    )
    items = (
        gpmf_item(b"TYPE", b"c", 1, b"lllllllSS")
        + gpmf_item(b"SCAL", b"l", 4, SCALES9)
        + gpmf_item(b"GPS9", b"?", 32, rows)
    )
    return gpmf_item(b"DEVC", b"\0", 1, gpmf_item(b"STRM", b"\0", 1, items))


def movie(path: Path, samples: list[bytes], *, sample_s: float = 1.0) -> Path:
    return written(path, with_track(samples, handler=b"meta", coding=b"gpmd", seconds=sample_s))


def read(path: Path) -> ClipGps:
    found = read_container(path)
    assert found is not None
    assert found.format == "gpmf"
    return found


def told_by_exiftool(path: Path, tag: str) -> list[str]:
    """Return all values of a tag, row by row: each sample of GPMF has many of one name."""
    command = ["exiftool", "-ee", "-n", "-a", "-s3", f"-{tag}", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout.splitlines()


@needs_exiftool
def test_equal_to_exiftool(tmp_path: Path) -> None:
    path = movie(tmp_path / "clip.mp4", [payload(second) for second in range(3)], sample_s=1.001)
    fixes = read(path).fixes
    assert len(fixes) == 3 * ROWS
    for tag, ours in (
        ("GPSLatitude", [fix.latitude_deg for fix in fixes]),
        ("GPSLongitude", [fix.longitude_deg for fix in fixes]),
        ("GPSAltitude", [fix.altitude_m for fix in fixes]),
        ("GPSSpeed", [fix.speed_m_s for fix in fixes]),
        ("SampleTime", [fix.media_s for fix in fixes[::ROWS]]),
    ):
        assert ours == pytest.approx([float(value) for value in told_by_exiftool(path, tag)], abs=1e-9)
    assert told_by_exiftool(path, "GPSDateTime") == [f"2026:09:27 05:47:0{second}.250" for second in (3, 4, 5)]
    assert [fix.unix_s for fix in fixes[::ROWS]] == [BEGIN_S, BEGIN_S + 1, BEGIN_S + 2]


def test_rows_are_spread_over_the_time_of_their_sample(tmp_path: Path) -> None:
    fixes = read(movie(tmp_path / "clip.mp4", [payload(second) for second in range(3)])).fixes
    assert [fix.media_s for fix in fixes] == pytest.approx([row / ROWS for row in range(3 * ROWS)])
    assert [fix.unix_s for fix in fixes] == pytest.approx([BEGIN_S + row / ROWS for row in range(3 * ROWS)], abs=1e-6)
    assert fixes[20].latitude_deg == pytest.approx(-33.5 + 20 * 50e-7)
    assert fixes[0].error_m == pytest.approx(4.5)


def test_rows_with_a_clock(tmp_path: Path) -> None:
    fixes = read(
        movie(tmp_path / "clip.mp4", [payload_with_clock(second) + payload(second) for second in range(2)])
    ).fixes
    assert len(fixes) == 18
    assert fixes[0].unix_s == pytest.approx(BEGIN_S)
    assert fixes[2].unix_s == pytest.approx(BEGIN_S + 0.3)
    assert (fixes[2].latitude_deg, fixes[2].media_s) == pytest.approx((48.0000003, 0.3))
    assert fixes[0].error_m == pytest.approx(3.6)


def test_samples_without_a_fix_or_a_clock(tmp_path: Path) -> None:
    fixes = read(
        movie(tmp_path / "clip.mp4", [payload(0, kind=0), payload(1), payload(2, clock=b"999999999999.999")])
    ).fixes
    assert [fix.media_s for fix in fixes[::ROWS]] == pytest.approx([1, 2])
    assert [fix.unix_s for fix in fixes[::ROWS]] == [BEGIN_S + 1, None]


@pytest.mark.parametrize("seed", range(4))
def test_hostile_bytes_raise_nothing(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    good = payload(0) + payload_with_clock(0)
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(chance.randrange(1, 12)):
            bad[chance.randrange(len(bad))] = chance.choice((0, 1, 127, 255, chance.randrange(256)))
        fixes_of(bytes(bad[: chance.randrange(len(bad))]), Sample(0, len(bad), 0.0, 1.0))
    nested = b""
    for _ in range(500):
        nested = gpmf_item(b"DEVC", b"\0", 1, nested[:60_000])
    assert fixes_of(nested + gpmf_item(b"DEVC", b"\0", 1, b"") * 30_000, Sample(0, 0, 0.0, 1.0)) == []
