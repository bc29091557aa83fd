"""``trip --home`` and ``--blur``: nothing that is written tells where home is, or shows a face."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.stages.blur.private_regions import PrivateRegions
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.hidden_place import HiddenPlace
from streamvision.core.picture import BgrPicture
from streamvision.core.position import Fix
from streamvision.dashcam.clip import Drive
from streamvision.geolocation.records import PlacedTrack, TrackBoxes
from streamvision.gps.earth import offset_m
from streamvision.gps.track import GpsTrack
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.hiding import Hiding
from streamvision.trip.objects import ObjectViews
from streamvision.trip.privacy import is_hidden
from support.command_line import called
from support.fixed_networks import bright_cell_detector
from support.trip_cards import copied_card, true_frames

RADIUS_M = 60.0
QUICK = ("--imgsz", "320", "--no-video", "--score", "0.4")


@pytest.fixture(scope="module")
def outputs(trip_cards: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The results of one card: as it is, with a home at the beginning of the drive, and blurred."""
    folder = tmp_path_factory.mktemp("privacy")
    card = copied_card(trip_cards["viofo"], folder / "card")
    first = true_frames(trip_cards["viofo"])[0]
    home = f"{first['latitude_deg']},{first['longitude_deg']},{RADIUS_M}"
    model = bright_cell_detector(folder / "plates.onnx")
    options = {"open": (), "home": ("--home", home), "blur": ("--blur", "--blur-model", str(model))}
    for name, given in options.items():
        done = called("trip", card, "--output", folder / name, "--state", folder / "state", *QUICK, *given)
        assert done.code == 0, done.stderr
    return {name: folder / name for name in options}


def places(output: Path) -> list[tuple[float, float]]:
    """Return every place that stands in the results."""
    lines = [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]
    found = [(p["latitude_deg"], p["longitude_deg"]) for line in lines if (p := line.get("position"))]
    gpx = (output / "track.gpx").read_text()
    found += [(float(lat), float(lon)) for lat, lon in re.findall(r'lat="([-\d.]+)" lon="([-\d.]+)"', gpx)]
    found += [(lat, lon) for lon, lat in points((output / "track.geojson").read_text())]
    found += [(lat, lon) for lon, lat in points((output / "objects.geojson").read_text())]
    with (output / "objects.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["latitude_deg"]]
    return found + [(float(row["latitude_deg"]), float(row["longitude_deg"])) for row in rows]


def points(geojson: str) -> list[tuple[float, float]]:
    def inside(value):
        if isinstance(value, list) and len(value) >= 2 and all(isinstance(part, int | float) for part in value[:2]):
            yield value[0], value[1]
        elif isinstance(value, list):
            for part in value:
                yield from inside(part)

    return [point for one in json.loads(geojson)["features"] for point in inside(one["geometry"]["coordinates"])]


def test_nothing_is_told_of_what_is_near_home(outputs: dict[str, Path], trip_cards: dict[str, Path]) -> None:
    first = true_frames(trip_cards["viofo"])[0]
    home = first["latitude_deg"], first["longitude_deg"]
    away = {name: [math.hypot(*offset_m(*one, from_deg=home)) for one in places(outputs[name])] for name in outputs}
    assert min(away["open"]) < 10
    assert min(away["home"]) > RADIUS_M
    assert 0.3 * len(away["open"]) < len(away["home"]) < len(away["open"])
    lines = [len((outputs[name] / "results.jsonl").read_text().splitlines()) for name in ("open", "home")]
    assert lines[0] == lines[1]


@pytest.mark.parametrize(
    ("seen_s", "home_m", "hidden"),
    [
        ((50, 60), 0, True),  # before the receiver's first fix, which is at home
        ((400, 410), 300, True),  # behind its last one
        ((8, 22), 150, True),  # on the way past it, neither first nor last
        ((20, 24), 0, False),
    ],
)
def test_what_was_seen_from_home_is_hidden_whenever_that_was(
    seen_s: tuple[int, int], home_m: float, hidden: bool
) -> None:
    first_s = 100 if seen_s[0] == 50 else 0
    fixes = [Fix(48 + at_s * 10 / 111_195, 11, unix_s=first_s + at_s, speed_m_s=10.0) for at_s in range(31)]
    times_s = np.arange(*seen_s, 0.5)
    track = TrackBoxes(1, "stop", times_s, np.zeros((len(times_s), 4)), np.ones(len(times_s)), (320, 180))
    result = DriveResult(
        drive=Drive("a", {}, None),
        clips=(),
        way=GpsTrack(fixes, "gpx"),
        tracks=(track,),
        lines=Path("lines"),
        frames=10,
        start_unix_s=0.0,
        end_unix_s=1.0,
        looked_unix_s=times_s,
        lost_s=0.0,
        notes=(),
        placement=None,
    )
    views = ObjectViews(None, "stop", None, [(result, PlacedTrack(track, None))])
    assert is_hidden(views, [HiddenPlace(48 + home_m / 111_195, 11, 20)]) == hidden


def test_what_was_found_a_moment_ago_is_hidden_in_the_next_picture_of_a_video() -> None:
    noise = BgrPicture(np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8))
    plate = Detections(np.array([(40, 40, 80, 60)], np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))
    hide = Hiding(PrivateRegions(), ("plate",), by="cascades").begun()
    spread = []
    for number, found in enumerate((plate, Detections.empty(), Detections.empty())):
        frame = Frame("a", number, number * 0.4, 0.0, noise)
        spread.append(float(hide(Result(frame, found)).frame.picture.to_bgr()[42:58, 42:78].std()))
    assert max(spread[:2]) < 30 < 60 < spread[2]


def test_pictures_are_blurred(outputs: dict[str, Path]) -> None:
    def sharpness(name: str) -> float:
        files = sorted((outputs[name] / "pictures").glob("*.jpg"))
        assert files
        return float(np.mean([cv2.Laplacian(cv2.imread(str(file), 0), cv2.CV_64F).std() for file in files]))

    assert sharpness("blur") < 0.8 * sharpness("open")
