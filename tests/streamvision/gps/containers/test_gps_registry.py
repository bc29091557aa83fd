"""Another package adds a format, and no fault of it keeps the others from being read."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamvision.gps.containers.registry import GPS_FORMATS
from streamvision.gps.reading import read_gps
from support.gps_files import film, places, standard_block, written

PACKAGE = """
from streamvision.core.position import Fix
from streamvision.gps.containers.format import GpsFormat, Readings


def read(file):
    file.seek(0)
    if file.read(4) != b"PLCE":
        return None
    return Readings((Fix(float(file.read(2)), float(file.read(2))),))


def fail(file):
    raise RuntimeError("not mine")


PLACE = GpsFormat(name="place", factory=read, summary="Two numbers.")
FAULTY = GpsFormat(name="faulty", factory=fail, summary="None.")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put a package that adds formats where Python finds packages."""
    (tmp_path / "place_format.py").write_text(PACKAGE)
    info = tmp_path / "place_format-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: place-format\nVersion: 1.0\n")
    entries = "faulty = place_format:FAULTY\nlost = place_format:LOST\nplace = place_format:PLACE\n"
    (info / "entry_points.txt").write_text(f"[streamvision.gps_formats]\n{entries}")
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    vars(GPS_FORMATS).pop("_entry_points", None)  # what was read before this package was there
    yield
    vars(GPS_FORMATS).pop("_entry_points", None)


@pytest.mark.usefixtures("installed")
def test_a_format_of_another_package(tmp_path: Path) -> None:
    gps = read_gps(written(tmp_path / "clip.plce", b"PLCE5418"))
    assert gps is not None
    assert (gps.format, gps.fixes[0].latitude_deg, gps.fixes[0].longitude_deg) == ("place", 54, 18)


@pytest.mark.usefixtures("installed")
def test_our_own_come_first_and_do_not_suffer(tmp_path: Path) -> None:
    gps = read_gps(written(tmp_path / "clip.mp4", film([standard_block(place) for place in places(3)])))
    assert gps is not None
    assert gps.format == "novatek"


@pytest.mark.usefixtures("installed")
def test_what_cannot_be_imported_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_gps(written(tmp_path / "clip.mp4", film([], index=False))) is None
    assert "'lost'" in caplog.text


def test_every_format_can_be_imported() -> None:
    assert all(callable(one.load()) for one in GPS_FORMATS.built_in)
