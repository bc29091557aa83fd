"""The videos of a card's drives: each picture with the objects of the table, made once, and what is gone stays seen."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import av
import pytest

from pipelines.stages.blur.private_regions import PrivateRegions
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.errors import OutputError
from streamvision.trip.detecting import StoppedError
from streamvision.trip.hiding import Hiding
from streamvision.trip.kept_files import KeptFiles, Origin
from streamvision.trip.outputs import taken, write_outputs
from streamvision.trip.records import ObjectView, TripSummary
from streamvision.trip.run import Trip
from streamvision.trip.settings import TRACKER_MEMORY_S, TripSettings
from streamvision.trip.videos import DriveVideos
from support.small_disk import small_disk
from support.trip_cards import copied_card, true_frames

HIDING = Hiding(PrivateRegions(), (), by="cascades")
TRACKER = TrackerConfig(name="steady", memory_s=TRACKER_MEMORY_S)


class Card:
    """A card that was worked on, its drives, and what makes their videos."""

    def __init__(self, truth, folder):
        self.truth = truth
        self.card = copied_card(truth, folder / "card")
        self.output = folder / "out"
        model = ModelConfig(path=Path("road_signs"), side_px=320, score=0.4)
        self.settings = TripSettings(
            folder=self.card,
            output=self.output,
            state=folder / "state",
            model=model,
            tracker=TRACKER,
        )

    def run(self):
        with Trip(self.settings, is_stopped=lambda: False, on_progress=lambda *_: None) as trip:
            return trip.update()


@pytest.fixture(scope="module")
def made(trip_cards, tmp_path_factory):
    card = Card(trip_cards["viofo"], tmp_path_factory.mktemp("videos"))
    return card, card.run()


def test_each_picture_of_the_drive_is_in_its_video_at_its_time(made):
    card, report = made
    (drive,) = report.summary.drives
    assert drive.video == f"videos/{drive.id}.mp4"
    truth = true_frames(card.truth)
    with av.open(card.output / drive.video) as video:
        times = [frame.time for frame in video.decode(video=0)]
    assert len(times) == len(truth)
    for time_s, one in zip(times, truth, strict=True):
        assert abs(time_s - (one["time_unix_s"] - truth[0]["time_unix_s"])) < 0.3


def test_each_object_is_a_chapter_and_the_report_links_to_it(made):
    card, report = made
    (drive,) = report.summary.drives
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", card.output / drive.video],
        capture_output=True,
        check=True,
        timeout=60,
    )
    titles = {one["tags"]["title"]: float(one["start_time"]) for one in json.loads(told.stdout)["chapters"]}
    assert report.summary.objects
    for one in report.summary.objects:
        title = " ".join(part for part in (one.class_name, one.text, f"({one.id})") if part)
        assert titles[title] == pytest.approx(one.views[0].first_unix_s - drive.start_unix_s, abs=0.05)
    assert f"videos/{drive.id}.mp4" in (card.output / "report.html").read_text(encoding="utf-8")


def test_a_second_run_makes_nothing_again_and_a_card_that_is_gone_leaves_its_video(made):
    card, report = made
    video = card.output / report.summary.drives[0].video
    before = video.stat().st_mtime_ns
    again = card.run()
    assert video.stat().st_mtime_ns == before
    assert again.summary.drives[0].video == report.summary.drives[0].video


def _videos(output, **more):
    return DriveVideos(output, names=("a", "b", "c", "d"), tracker=TRACKER, score=0.4, **more)


def _write(videos, results, objects=(), *, is_stopped=lambda: False, **more):
    told = []
    made = videos.write(results, objects, is_stopped=is_stopped, on_progress=lambda *at: told.append(at), **more)
    return made, told


@pytest.fixture(scope="module")
def results(made):
    card, _ = made
    with Trip(card.settings, is_stopped=lambda: False, on_progress=lambda *_: None) as trip:
        return trip._drives.results(lambda *_: None)


def test_a_video_is_made_anew_when_its_chapters_change_but_not_without_its_clips(made, results, tmp_path):
    _, report = made
    moved = [one._replace(placed=_elsewhere(one.placed, tmp_path)) for one in results[0].clips]
    gone = dataclasses.replace(results[0], clips=tuple(moved))
    written, told = _write(_videos(tmp_path), results, report.summary.objects)
    video = tmp_path / next(iter(written.values()))
    assert told
    first = video.stat().st_mtime_ns
    assert _write(_videos(tmp_path), results, report.summary.objects)[1] == []
    other = dataclasses.replace(
        report.summary.objects[0],
        views=(ObjectView(results[0].drive.id, results[0].start_unix_s + 1, results[0].start_unix_s + 2),),
    )
    assert _write(_videos(tmp_path), [gone], [other]) == (written, [])
    assert video.stat().st_mtime_ns == first
    assert _write(_videos(tmp_path), results, [other])[1]
    assert video.stat().st_mtime_ns != first


def _elsewhere(placed, folder):
    return dataclasses.replace(placed, clip=dataclasses.replace(placed.clip, path=folder / "gone.MP4"))


def test_what_is_to_be_hidden_now_does_not_stay_open_even_without_its_clips(results, tmp_path):
    _write(_videos(tmp_path), results)
    gone = dataclasses.replace(
        results[0],
        clips=tuple(one._replace(placed=_elsewhere(one.placed, tmp_path)) for one in results[0].clips),
    )
    written, _ = _write(_videos(tmp_path, hiding=HIDING), [gone])
    assert written == {}
    assert not list((tmp_path / "videos").glob("*.mp4"))


def test_a_growing_drive_waits_for_its_end_and_its_video_stays_meanwhile(made, results, tmp_path):
    left = {results[0].drive.id}
    assert _write(_videos(tmp_path), results, left=left) == ({}, [])
    assert not (tmp_path / "videos").exists()
    written, _ = _write(_videos(tmp_path), results)
    assert _write(_videos(tmp_path), results, made[1].summary.objects, left=left) == (written, [])
    hidden = _videos(tmp_path, hiding=HIDING)
    assert _write(hidden, results, left=left) == ({}, [])
    assert not list((tmp_path / "videos").glob("*.mp4"))


def test_it_is_stopped_in_the_middle_and_leaves_nothing_half_done(results, tmp_path):
    asked = iter([False, True])
    with pytest.raises(StoppedError):
        _write(_videos(tmp_path), results, is_stopped=lambda: next(asked))
    assert [one.name for one in (tmp_path / "videos").iterdir()] == [".kept.json"]


def test_kept_files_of_another_origin_are_removed_and_those_of_others_stay(tmp_path):
    with KeptFiles(tmp_path, {"a": Origin("1", None), "b": Origin("1", None)}) as kept:
        assert kept.missing == ["a", "b"]
        for name in kept.missing:
            (tmp_path / name).write_text(name)
            kept.add(name)
    (tmp_path / "mine").write_text("mine")
    with KeptFiles(tmp_path, {"a": Origin("1", None), "b": Origin("2", None)}) as kept:
        assert (kept.there, kept.missing) == (["a"], ["b"])
    assert sorted(one.name for one in tmp_path.iterdir()) == [".kept.json", "a", "mine"]


def test_what_another_detector_has_hidden_is_made_anew_and_never_kept(tmp_path):
    with KeptFiles(tmp_path, {"a": Origin("1", "cascades"), "b": Origin("1", "cascades")}) as kept:
        for name in kept.missing:
            (tmp_path / name).write_text(name)
            kept.add(name)
    with KeptFiles(tmp_path, {"a": Origin("1", "d1"), "b": Origin("1", "d1", can_be_made=False)}) as kept:
        assert kept.missing == ["a", "b"]
    assert [one.name for one in tmp_path.iterdir()] == [".kept.json"]


def test_what_a_killed_process_left_is_known_and_goes(tmp_path):
    KeptFiles(tmp_path, {"a.mp4": Origin("1", None), "b.mp4": Origin("1", None)})  # killed before it ended
    for name in ("a.mp4", ".b.mp4.part", ".a.mp4.x1_y", ".other"):
        (tmp_path / name).write_text("open")
    with KeptFiles(tmp_path, {"b.mp4": Origin("1", "cascades")}) as kept:
        assert kept.missing == ["b.mp4"]
    assert sorted(one.name for one in tmp_path.iterdir()) == [".kept.json", ".other"]


def test_a_process_that_is_killed_late_has_noted_what_it_had_made(tmp_path, monkeypatch):
    monkeypatch.setattr("streamvision.trip.kept_files.NOTE_EVERY_S", 0.0)
    origins = {"a": Origin("1", None), "b": Origin("1", None)}
    kept = KeptFiles(tmp_path, origins)
    (tmp_path / "a").write_text("a")
    kept.add("a")
    assert KeptFiles(tmp_path, origins).missing == ["b"]


def test_videos_of_an_earlier_run_are_no_clips_wherever_its_results_lie(made, tmp_path):
    card = tmp_path / "card"
    card.mkdir()
    clip = shutil.copy(next(made[0].card.rglob("*0001F.MP4")), card)
    videos = card / "results of June" / "videos"
    with KeptFiles(videos, {"20260601-083012.mp4": Origin("1", None)}) as kept:
        shutil.copy(clip, videos / "20260601-083012.mp4")
        kept.add("20260601-083012.mp4")
    settings = dataclasses.replace(
        made[0].settings, folder=card, output=card / ".." / "out", state=tmp_path / "state", stride=1000, video=False
    )
    with Trip(settings, is_stopped=lambda: False, on_progress=lambda *_: None) as trip:
        assert trip.update().clips.found == 1


def test_one_process_at_a_time_writes_into_a_folder(made, tmp_path):
    settings = dataclasses.replace(made[0].settings, output=tmp_path, state=tmp_path / "state")
    with taken(tmp_path), pytest.raises(OutputError, match="another trip is writing into"):
        Trip(settings, is_stopped=lambda: False, on_progress=lambda *_: None).__enter__()
    (tmp_path / ".track.gpx.k1ll_d").write_text("home")
    (tmp_path / ".mine.gpx.x").write_text("mine")
    with taken(tmp_path):
        assert [one.name for one in tmp_path.iterdir()] == [".mine.gpx.x"]


def test_lines_that_fill_the_disk_leave_nothing_there(results, tmp_path):
    lines = tmp_path / "lines"
    lines.write_bytes(b"x" * 3_000_000)
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        with pytest.raises(OutputError, match=r"results\.jsonl: No space left"):
            write_outputs(TripSummary((), (), "t"), [dataclasses.replace(results[0], lines=lines, way=None)], disk)
        assert not list(disk.glob(".*"))
