"""What the benchmark of trips counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.trip.__main__ import below
from benchmarks.trip.cards import TrueCard
from benchmarks.trip.frames import same_objects_share
from benchmarks.trip.objects import figures
from benchmarks.trip.positions import measure_positions

DEGREE_M = 111_230.0


def sign(number: int, north_m: float, name: str = "stop", frames: tuple[int, int] = (20, 20)) -> dict[str, Any]:
    place = {"latitude_deg": 50.0 + north_m / DEGREE_M, "longitude_deg": 10.0}
    return {"id": number, "class_name": name, "frames": list(frames), "right_m": 3.75, **place}


def row(number: int, north_m: float, name: str = "stop", drives: tuple[str, ...] = ("a", "b")) -> dict[str, Any]:
    place = {"latitude_deg": 50.0 + north_m / DEGREE_M, "longitude_deg": 10.0}
    return {"id": number, "class_name": name, "frames": 40, "error_m": 3.0, "drives": list(drives), **place}


def test_signs_are_found_by_one_row_each_of_their_class_and_what_is_left_is_false() -> None:
    signs = [sign(1, 0), sign(2, 100), sign(3, 200), sign(4, 300, frames=(2, 0))]
    rows = [row(1, 4), row(2, 102), row(3, 103, drives=("b",)), row(4, 199, "crosswalk"), row(5, 301)]
    told = figures({"objects": rows, "drives": ["a", "b"]}, signs)
    assert told["signs"] == 3 and told["found_share"] == pytest.approx(2 / 3, abs=1e-4)
    assert told["false_share"] == pytest.approx(2 / 5), "the second row of one sign, and one of another class"
    assert told["median_m"] == pytest.approx(3, abs=0.1)
    assert told["merged_share"] == 1.0
    assert told["missed"] == ["stop 3: [20, 20] frames, 3.75 m right"]


def test_identities_that_change_at_a_cut_are_not_kept() -> None:
    def lines(*numbers: int) -> list[dict[str, Any]]:
        return [{"objects": [{"track_id": number, "box_xyxy_px": [10, 10, 30, 30]}]} for number in numbers]

    assert same_objects_share(lines(7, 7, 7, 7), lines(3, 3, 3, 3)) == 1.0
    assert same_objects_share(lines(7, 7, 7, 8), lines(3, 3, 3, 3)) == 0.75
    assert same_objects_share(lines(7, 7, 7, 7), lines(3, 3, 4, 4)) == 0.5
    assert same_objects_share(lines(7, 7), lines(3, 3, 3, 3)) == 0.5


def test_positions_are_those_of_exiftool(trip_cards: dict[str, Path]) -> None:
    told = measure_positions(TrueCard(trip_cards["viofo"]))
    if "skipped" in told:
        pytest.skip(told["skipped"])
    assert told["equal_rows"] == told["exiftool_rows"] == 24


def test_what_is_below_its_promise_is_said() -> None:
    frames = {"equal": False, "missing": 2, "twice": 0, "utc_error_s": {"most": 1.2}}
    good = {"equal": True, "missing": 0, "twice": 0, "utc_error_s": {"most": 0.0}}
    document = {"frames": {"viofo": frames, "mivue": good}, "identities": {"viofo": {"kept_share": 0.98}}}
    assert below(document) == [
        "viofo: 2 frames missing, 0 twice",
        "viofo: UTC off by 1.2 s",
        "viofo: identities kept: 0.98",
    ]
