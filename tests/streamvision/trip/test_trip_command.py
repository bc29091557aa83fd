"""The command from beginning to end, on a small card with the model that ships."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.config.tracker import TrackerConfig
from streamvision.gps.earth import offset_m
from streamvision.models import TEXT_MODEL
from streamvision.trip.arrivals import Arrivals, is_being_written
from streamvision.trip.run import Trip
from streamvision.trip.settings import TRACKER_MEMORY_S, TripSettings
from streamvision.trip.summaries import ClipCounts
from support.command_line import Finished, called, killed_after, running, streamvision
from support.fixed_networks import bright_cell_detector
from support.tiny_classifier import tiny_classifier
from support.trip_cards import copied_card, true_frames, true_objects

QUICK = ("--imgsz", "320", "--no-video", "--score", "0.4")
WAIT_S = 120.0


@dataclass(frozen=True)
class Made:
    """A card and what the command made of it."""

    truth: Path
    card: Path
    output: Path
    finished: Finished

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.output / "results.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def made(trip_cards: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("trip")
    card = copied_card(trip_cards["viofo"], folder / "card")
    finished = streamvision("trip", card, "--output", folder / "out", *QUICK, "--json")
    return Made(trip_cards["viofo"], card, folder / "out", finished)


def test_each_frame_is_told_once_in_order_at_its_time_and_place(made: Made) -> None:
    truth = true_frames(made.truth)
    lines = made.lines
    assert [line["frame"] for line in lines] == list(range(len(truth)))
    assert [(Path(line["file"]).name, line["file_frame"]) for line in lines] == [
        (Path(one["file"]).name, one["file_frame"]) for one in truth
    ]
    for line, one in zip(lines, truth, strict=True):
        assert line["time_source"] == "gps"
        assert abs(line["time_unix_s"] - one["time_unix_s"]) < 1
        place = line["position"]["latitude_deg"], line["position"]["longitude_deg"]
        east_m, north_m = offset_m(*place, from_deg=(one["latitude_deg"], one["longitude_deg"]))
        assert abs(east_m) < 15
        assert abs(north_m) < 15


def test_the_report_counts_clips_and_drives(made: Made) -> None:
    report = made.finished.report
    assert report["clips"] == {"found": 3, "new": 3, "skipped": 0}
    assert [len(drive["clips"]) for drive in report["drives"]] == [3]
    assert report["lost_s"] == 0
    assert report["output"] == str(made.output)
    for name in ("report.html", "objects.csv", "objects.geojson", "track.gpx", "track.geojson"):
        assert (made.output / name).stat().st_size > 100, name


def test_objects_stand_where_they_stand(made: Made) -> None:
    placed = [one for one in made.finished.report["objects"] if one["latitude_deg"] is not None]
    truth = true_objects(made.truth)
    assert placed
    for one in placed:
        apart_m = [
            sum(at**2 for at in offset_m(one["latitude_deg"], one["longitude_deg"], from_deg=_place(other))) ** 0.5
            for other in truth.values()
            if other["class_name"] == one["class_name"]
        ]
        assert min(apart_m) < 20, one


def test_table_and_map_hold_the_objects_of_the_report(made: Made) -> None:
    objects = made.finished.report["objects"]
    with (made.output / "objects.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [str(one["id"]) for one in objects]
    assert [row["class_name"] for row in rows] == [one["class_name"] for one in objects]
    assert [(made.output / row["picture"]).read_bytes()[:2] for row in rows] == [b"\xff\xd8"] * len(rows)
    features = json.loads((made.output / "objects.geojson").read_text())["features"]
    assert [(one["id"], one["geometry"]["coordinates"]) for one in features] == [
        (one["id"], [one["longitude_deg"], one["latitude_deg"]]) for one in objects if one["latitude_deg"] is not None
    ]


def test_a_second_run_works_on_no_clip_and_says_the_same(made: Made) -> None:
    before = _contents(made.output)
    finished = called("trip", made.card, "--output", made.output, *QUICK, "--json")
    assert finished.report["clips"] == {"found": 3, "new": 0, "skipped": 3}
    assert finished.report | {"clips": 0} == made.finished.report | {"clips": 0}
    assert _contents(made.output) == before


def test_what_stands_on_signs_is_read_once(made: Made, tmp_path: Path) -> None:
    if importlib.util.find_spec("rapidocr_onnxruntime") is None:
        pytest.skip("no model of text: pip install --no-deps rapidocr-onnxruntime")
    output = Path(shutil.copytree(made.output, tmp_path / "out"))
    finished = called("trip", made.card, "--output", output, *QUICK, "--text", TEXT_MODEL, "--json")
    assert finished.report["clips"]["new"] == 0
    read = {(one["class_name"], one["text"], one["speed_limit_kmh"]) for one in finished.report["objects"]}
    assert ("speedlimit", "60", 60.0) in read
    assert ("stop", "STOP", None) in read
    again = called("trip", made.card, "--output", output, *QUICK, "--text", TEXT_MODEL, "--json")
    assert again.report == finished.report


def test_a_run_that_was_killed_goes_on_where_it_was_and_comes_to_the_same(made: Made, tmp_path: Path) -> None:
    output = tmp_path / "out"
    killed_after("streamvision.trip.index:TripIndex.keep", 1, "trip", made.card, "--output", output, *QUICK)
    assert len(list(output.glob("state/clips/*.npz"))) == 1
    assert not (output / "objects.csv").exists()
    finished = called("trip", made.card, "--output", output, *QUICK, "--json")
    clips = finished.report["clips"]
    assert (clips["skipped"], clips["new"]) == (1, 2)
    assert _contents(output) == _contents(made.output)


def test_a_run_that_was_killed_while_it_made_a_video_makes_the_same_one_byte_by_byte(
    made: Made, tmp_path: Path
) -> None:
    quick = tuple(one for one in QUICK if one != "--no-video")
    whole, output = (Path(shutil.copytree(made.output, tmp_path / name)) for name in ("whole", "out"))
    killed_after("streamvision.trip.video:_Encoder.write", 200, "trip", made.card, "--output", output, *quick)
    assert any(one.stat().st_size for one in output.glob("videos/.*.part"))
    assert not list(output.glob("videos/*.mp4"))
    for folder in (output, whole):
        assert called("trip", made.card, "--output", folder, *quick).code == 0
    contents = _contents(output)
    assert [name for name in contents if name.endswith(".mp4")] != []
    assert contents == _contents(whole)


def test_a_watched_folder_says_what_it_has_and_ends_on_sigterm(made: Made) -> None:
    with running(
        "trip", made.card, "--output", made.output, *QUICK, "--watch", "--json", stdout=subprocess.PIPE
    ) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        assert first["objects"] == made.finished.report["objects"]
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(WAIT_S) == 0


def test_clips_that_come_later_join_their_drive_and_the_results_are_the_same(made: Made, tmp_path: Path) -> None:
    card, output = tmp_path / "card", tmp_path / "out"
    clips = sorted((made.card / "DCIM" / "Movie").iterdir())
    settings = TripSettings(
        folder=card,
        output=output,
        state=tmp_path / "state",
        model=ModelConfig(path=Path("road_signs"), side_px=320, score=0.4),
        tracker=TrackerConfig(memory_s=TRACKER_MEMORY_S),
    )
    arrivals = Arrivals(quiet_s=0)
    with Trip(settings, is_stopped=lambda: False, on_progress=lambda *_: None) as trip:
        assert trip.update_by(arrivals) is None
        (card / "DCIM" / "Movie").mkdir(parents=True)
        for clip in clips:
            there = Path(shutil.copy2(clip, card / "DCIM" / "Movie"))
            with there.open("ab"):
                if is_being_written(there):  # not where the file system grants no leases
                    assert trip.update_by(arrivals) is None
            report = trip.update_by(arrivals)
            assert trip.update_by(arrivals) is None
    assert report is not None
    assert report.clips == ClipCounts(found=3, new=1, skipped=2)
    assert [len(drive.clips) for drive in report.summary.drives] == [3]
    assert (output / "results.jsonl").read_bytes() == (made.output / "results.jsonl").read_bytes()
    assert (output / "track.gpx").read_bytes() == (made.output / "track.gpx").read_bytes()


def test_a_clip_that_the_ignition_cut_off_is_read_as_far_as_it_goes_and_drawn(made: Made, tmp_path: Path) -> None:
    card = Path(shutil.copytree(made.card, tmp_path / "card"))
    last = sorted((card / "DCIM" / "Movie").iterdir())[-1]
    content = last.read_bytes()
    last.write_bytes(content[: len(content) // 2])
    (last.parent / "2026_0601_103036_0004F.MP4").write_bytes(b"no film at all" * 1000)
    quick = (*(one for one in QUICK if one != "--no-video"), "--stride", "5")
    finished = called("trip", card, "--output", tmp_path / "out", *quick, "--json")
    (drive,) = finished.report["drives"]
    assert len(drive["clips"]) == 4
    assert [note.split()[0] for note in drive["notes"]] == [last.name, "2026_0601_103036_0004F.MP4"]
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert 180 < len(lines) < 230
    assert Path(lines[-1]["file"]).name == last.name
    assert [line["frame"] for line in lines] == list(range(len(lines)))
    with av.open(tmp_path / "out" / drive["video"]) as video:
        assert sum(1 for _ in video.decode(video=0)) == len(lines)
        assert len(video.chapters()) > 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "give the folder of a card"),
        (("empty",), "holds no clips"),
        (("empty", "--zone", "teatime"), "--zone teatime is no time zone"),
        (("empty", "--stride", "0"), "--stride 0 is no step"),
        (("empty", "--zone", "+02:75"), "--zone +02:75 is no time zone"),
        (("empty", "--tracker", "none"), "a trip needs identities, but the tracker is none"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    finished = called("trip", tmp_path / arguments[0], *arguments[1:], "--output", tmp_path / "out", *QUICK)
    assert finished.code == 1
    assert said in finished.sentence()


def test_a_model_that_finds_no_objects_is_refused_before_the_work(tmp_path: Path) -> None:
    model = tiny_classifier(tmp_path / "colours.onnx")
    finished = called("trip", tmp_path, "--model", model, "--output", tmp_path / "out")
    assert finished.code == 1
    assert "a trip needs a model that finds objects" in finished.sentence()


def test_a_clip_of_which_nothing_is_left_is_said(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "FILE0001.MP4").write_bytes(b"\x00" * 100_000)
    model = bright_cell_detector(tmp_path / "m.onnx")
    finished = called("trip", tmp_path / "card", "--model", model, "--output", tmp_path / "out", "--json")
    assert (finished.code, finished.report["drives"]) == (0, [])
    assert "nothing of a clip could be decoded: FILE0001.MP4 " in finished.stderr


def test_an_index_that_cannot_be_used_is_said_as_it_is_even_while_a_folder_is_watched(tmp_path: Path) -> None:
    model = bright_cell_detector(tmp_path / "m.onnx")
    (tmp_path / "out" / "state").mkdir(parents=True)
    with closing(sqlite3.connect(tmp_path / "out" / "state" / "trip.db")) as database, database:
        database.execute("CREATE TABLE clips (key TEXT PRIMARY KEY, path TEXT)")
    arguments = ("trip", tmp_path, "--model", model, "--output", tmp_path / "out", "--watch")
    finished = called(*arguments)
    assert finished.code == 1
    assert finished.sentence().startswith("streamvision: the index ")


def _contents(output: Path) -> dict[str, bytes]:
    """Return the files of the results, without what is kept for the next run."""
    return {str(path.relative_to(output)): path.read_bytes() for path in _files(output)}


def _files(output: Path) -> Iterator[Path]:
    return (path for path in output.rglob("*") if path.is_file() and output / "state" not in path.parents)


def _place(one: dict[str, Any]) -> tuple[float, float]:
    return one["latitude_deg"], one["longitude_deg"]


def test_tiles_are_asked_of_nobody_unless_an_address_is_given(made: Made) -> None:
    assert "tile.example.org" not in (made.output / "report.html").read_text(encoding="utf-8")
    address = "https://tile.example.org/{z}/{x}/{y}.png"
    done = called("trip", made.card, "--output", made.output, *QUICK, "--tiles", address)
    assert done.code == 0, done.stderr
    assert address in (made.output / "report.html").read_text(encoding="utf-8")
    refused = called("trip", made.card, "--output", made.output, *QUICK, "--tiles", "https://tile.example.org/")
    assert refused.code != 0
    assert "{z}" in refused.stderr
