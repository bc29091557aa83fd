import json
import re
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from streamvision.core.position import Fix
from streamvision.gps.earth import moved
from streamvision.gps.track import GpsTrack
from streamvision.gps.writing import geojson_of, gpx_of, utc_text, write_geojson, write_gpx
from support.exiftool import needs_exiftool

BEGIN_S = 1_782_653_656.25
GPX = "{http://www.topografix.com/GPX/1/1}"
POINT = "{http://www.garmin.com/xmlschemas/TrackPointExtension/v2}"


def way(seconds: int, *, home_deg: tuple[float, float] = (-33.9, 151.2)) -> list[Fix]:
    return [Fix(*moved(*home_deg, 10.0 * second, 0.0), BEGIN_S + second, 30.5, 10.0, 90.0) for second in range(seconds)]


def assert_is_gpx(root: ElementTree.Element) -> None:
    """Check what the schema of GPX 1.1 says of tracks: names, order, and bounds of values."""
    assert root.tag == f"{GPX}gpx"
    assert root.attrib["version"] == "1.1"
    assert root.attrib["creator"]
    for track in root:
        assert [track.tag, track[0].tag] == [f"{GPX}trk", f"{GPX}name"]
        assert {child.tag for child in track[1:]} <= {f"{GPX}trkseg"}
    order = [f"{GPX}ele", f"{GPX}time", f"{GPX}extensions"]
    for point in root.iter(f"{GPX}trkpt"):
        assert -90 <= float(point.attrib["lat"]) <= 90
        assert -180 <= float(point.attrib["lon"]) < 180
        assert [child.tag for child in point] == [tag for tag in order if point.find(tag) is not None]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", point.findtext(f"{GPX}time") or "")
        for course in point.iter(f"{POINT}course"):
            assert 0 <= float(course.text or "") < 360


def test_gpx_has_a_track_by_name_and_a_segment_for_each_part_without_a_hole(tmp_path: Path) -> None:
    fixes = way(300)
    track = GpsTrack([*fixes[:100], *fixes[250:]], "container")
    write_gpx(tmp_path / "track.gpx", {"20260628-133416": track, "R&D <2>\x00": GpsTrack(fixes[:5], "gpsd")})
    root = ElementTree.parse(tmp_path / "track.gpx").getroot()
    assert_is_gpx(root)
    assert [found.text for found in root.iter(f"{GPX}name")] == ["20260628-133416", "R&D <2> "]
    assert [len(segment) for segment in root.iter(f"{GPX}trkseg")] == [100, 50, 5]
    point = next(root.iter(f"{GPX}trkpt"))
    assert (float(point.attrib["lat"]), float(point.attrib["lon"])) == pytest.approx((-33.9, 151.2), abs=1e-7)
    assert point.findtext(f"{GPX}time") == "2026-06-28T13:34:16.250Z"
    assert [point.findtext(f".//{tag}") for tag in (f"{GPX}ele", f"{POINT}speed", f"{POINT}course")] == [
        "30.50",
        "10.00",
        "90.00",
    ]


def test_gpx_of_what_stands_at_the_bounds() -> None:
    bare = Fix(10.0, 180.0, BEGIN_S)
    north = Fix(10.0001, 180.0, BEGIN_S + 1, None, 1.0, 359.999)
    root = ElementTree.fromstring(gpx_of({"": GpsTrack([bare, north], "nmea")}))
    assert_is_gpx(root)
    assert [len(point) for point in root.iter(f"{GPX}trkpt")] == [1, 2]
    assert_is_gpx(ElementTree.fromstring(gpx_of({})))
    assert_is_gpx(ElementTree.fromstring(gpx_of({"empty": GpsTrack([], "nmea")})))


@needs_exiftool
def test_another_program_finds_a_picture_on_the_way(tmp_path: Path) -> None:
    write_gpx(tmp_path / "track.gpx", {"drive": GpsTrack(way(60), "container")})
    cv2.imwrite(str(tmp_path / "picture.jpg"), np.zeros((16, 16, 3), np.uint8))
    taken = ["-geotag", "track.gpx", "-geotime=2026:06:28 13:34:46.25Z", "picture.jpg"]
    subprocess.run(["exiftool", "-q", *taken], cwd=tmp_path, check=True, timeout=60)
    told = ["exiftool", "-n", "-s3", "-GPSLatitude", "-GPSLongitude", "-GPSAltitude", "-GPSSpeed", "-GPSTrack"]
    said = subprocess.run([*told, "picture.jpg"], cwd=tmp_path, check=True, timeout=60, capture_output=True, text=True)
    latitude_deg, longitude_deg = moved(-33.9, 151.2, 300.0, 0.0)
    expected = [latitude_deg, longitude_deg, 30.5]
    assert [float(value) for value in said.stdout.split()][:3] == pytest.approx(expected, abs=1e-6)


def test_geojson_has_lines_with_a_value_for_each_point(tmp_path: Path) -> None:
    fixes = way(300)
    fixes[3] = replace(fixes[3], altitude_m=None, speed_m_s=None, course_deg=None)
    track = GpsTrack([*fixes[:100], *fixes[250:], Fix(-33.9, 151.3, BEGIN_S + 900)], "side_file")
    write_geojson(tmp_path / "track.geojson", {"drive": track})
    document = json.loads((tmp_path / "track.geojson").read_text())
    assert document["type"] == "FeatureCollection"
    assert [feature["geometry"]["type"] for feature in document["features"]] == ["LineString", "LineString", "Point"]
    first = document["features"][0]
    assert first["geometry"]["coordinates"][0] == [151.2, -33.9, 30.5]
    assert len(first["geometry"]["coordinates"][3]) == 2
    told = first["properties"]
    assert (told["name"], told["source"], told["begin"]) == ("drive", "side_file", "2026-06-28T13:34:16.250Z")
    for name, second, value in (("speed_m_s", 2, 10.0), ("speed_m_s", 3, None), ("course_deg", 2, 90.0)):
        assert told[name][second] == value
    for feature in document["features"][:2]:
        many = len(feature["geometry"]["coordinates"])
        assert [len(feature["properties"][name]) for name in ("coordTimes", "speed_m_s", "course_deg")] == [many] * 3


@pytest.mark.parametrize("to_the_east", [True, False])
def test_geojson_is_cut_at_the_180th_meridian(to_the_east: bool) -> None:
    fixes = way(60, home_deg=(-16.5, 179.9975))
    if not to_the_east:
        fixes = [replace(fix, unix_s=BEGIN_S + 60 - second) for second, fix in enumerate(fixes)][::-1]
    assert len(GpsTrack(fixes, "container")) == 60
    features = geojson_of({"drive": GpsTrack(fixes, "container")})["features"]
    lines = [[point[0] for point in feature["geometry"]["coordinates"]] for feature in features]
    assert len(lines) == 2
    assert abs(lines[0][-1]) == abs(lines[1][0]) == 180
    assert lines[0][-1] == -lines[1][0]
    for line in lines:
        assert all(abs(after - before) < 1 for before, after in pairwise(line))


def test_moments_are_rounded_not_cut() -> None:
    assert utc_text(1_700_000_000.9999) == "2023-11-14T22:13:21.000Z"
    assert utc_text(0.0) == "1970-01-01T00:00:00.000Z"
