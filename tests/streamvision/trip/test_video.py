"""The annotated video: each picture at its time, a chapter for each object, nothing drawn over what is hidden."""

from __future__ import annotations

import gc
import json
import subprocess
import weakref
from dataclasses import replace

import av
import numpy as np
import pytest

from streamvision.core.detections import Detections
from streamvision.core.errors import OutputError
from streamvision.core.frame import Frame, Result, WallTime
from streamvision.core.picture import BgrPicture
from streamvision.trip.chapters import Chapter, chapter_rows
from streamvision.trip.video import WIDTH_PX, write_video
from support.bar_codes import SIZE_PX, number_on, picture_with
from support.small_disk import small_disk

START_UNIX_S = 1_782_653_656.0
FPS = 10


def _result(number, time_s, *, picture=None, wall=True):
    shown = BgrPicture(picture_with(number) if picture is None else picture)
    taken = WallTime(START_UNIX_S + time_s, "gps") if wall else None
    objects = Detections(
        np.array([[40, 20, 120, 90]], np.float32),
        np.array([0.9], np.float32),
        np.array([0], np.int32),
        np.ma.MaskedArray(np.array([7], np.int64), mask=[False]),
    )
    return Result(Frame("drive", number, time_s, 0.0, shown, wall_time=taken), objects)


def _write(results, path, *, seconds=6.0, **more):
    return write_video(results, ("stop",), path, start_unix_s=START_UNIX_S, end_unix_s=START_UNIX_S + seconds, **more)


def _shown(path):
    with av.open(path) as video:
        return [(round(frame.time, 3), number_on(frame)) for frame in video.decode(video=0)]


def test_each_picture_is_shown_at_its_time_since_the_beginning(tmp_path):
    times = [0.5 + number / FPS + (2.0 if number >= 20 else 0.0) for number in range(40)]
    target = tmp_path / "videos" / "drive.mp4"
    assert _write((_result(number, time_s) for number, time_s in enumerate(times)), target, seconds=7)
    assert _shown(target) == [(round(time_s, 3), number) for number, time_s in enumerate(times)]
    assert [one.name for one in target.parent.iterdir()] == ["drive.mp4"]


@pytest.mark.parametrize(("fps", "each"), [(30, 2), (25, 2), (60, 4), (12, 1)])
def test_fifteen_pictures_a_second_are_enough(tmp_path, fps, each):
    path = tmp_path / "drive.mp4"
    _write((_result(number, number / fps) for number in range(2 * fps)), path)
    assert [number for _, number in _shown(path)] == list(range(0, 2 * fps, each))


def test_players_find_the_chapters(tmp_path):
    chapters = [
        Chapter(START_UNIX_S + 3, "stop 2"),
        Chapter(START_UNIX_S + 1, "speedlimit 50"),
        Chapter(START_UNIX_S + 3, "<b>&\x00\u202e\ud800"),
        Chapter(START_UNIX_S + 4, ""),
        Chapter(START_UNIX_S + 4.5, "ä" * 5000),
        Chapter(START_UNIX_S + 99, "later"),
        Chapter(START_UNIX_S - 1, "before"),
    ]
    path = tmp_path / "drive.mp4"
    _write((_result(number, number / FPS) for number in range(60)), path, chapters=chapters)
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", path], capture_output=True, check=True, timeout=60
    )
    found = [(float(one["start_time"]), one["tags"]["title"]) for one in json.loads(told.stdout)["chapters"]]
    assert [start_s for start_s, _ in found] == [0.0, 1.0, 3.0, 3.001, 4.0, 4.5]
    assert [title for _, title in found][:3] == ["Start", "speedlimit 50", "stop 2"]
    assert found[4][1] == "-"
    assert 50 < len(found[5][1]) <= 100
    assert json.loads(told.stdout)["chapters"][-1]["end_time"] == "6.000000"


def test_no_two_chapters_begin_at_once_however_many_there_are():
    many = [Chapter(START_UNIX_S + number // 50, str(number)) for number in range(1000)]
    rows = chapter_rows(many, start_unix_s=START_UNIX_S, end_unix_s=START_UNIX_S + 30)
    assert len(rows) == 1000
    starts = [one["start"] for one in rows]
    assert starts == sorted(set(starts))
    assert all(one["start"] < one["end"] for one in rows)


def test_objects_are_drawn_and_a_large_picture_is_made_smaller(tmp_path):
    grey = np.full((1080, 1920, 3), 90, np.uint8)
    path = tmp_path / "drive.mp4"
    _write([_result(number, number / FPS, picture=grey) for number in range(3)], path)
    with av.open(path) as video:
        frame = next(video.decode(video=0))
        assert (frame.width, frame.height) == (WIDTH_PX, 720)
        luma = frame.reformat(format="gray").to_ndarray()
    assert np.ptp(luma[5:70, 20:90].astype(int)) > 40, "a box and its label"
    assert np.ptp(luma[400:700, 400:1200].astype(int)) < 12


def test_what_is_hidden_is_not_in_the_video(tmp_path):
    path = tmp_path / "drive.mp4"
    dark = BgrPicture(np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8))
    _write(
        (_result(0xFFFF, number / FPS) for number in range(5)),
        path,
        hide=lambda one: replace(one, frame=replace(one.frame, picture=dark)),
    )
    with av.open(path) as video:
        luma = next(video.decode(video=0)).reformat(format="gray").to_ndarray()
    assert luma[150:, 150:].max() < 40


def test_one_picture_at_a_time_is_held(tmp_path):
    alive = []

    def results():
        for number in range(60):
            one = _result(number, number / FPS)
            alive.append(weakref.ref(one.frame))
            yield one
            del one
            gc.collect()
            assert sum(ref() is not None for ref in alive) <= 3

    assert _write(results(), tmp_path / "drive.mp4")


def test_pictures_without_a_time_or_out_of_order_do_no_harm(tmp_path):
    path = tmp_path / "drive.mp4"
    odd = [
        _result(1, 1.0),
        _result(2, 0.0, wall=False),
        _result(3, 0.4),
        _result(4, 9e9),
        _result(5, -3.0),
        _result(6, 2),
    ]
    assert _write(odd, path)
    assert [number for _, number in _shown(path)] == [1, 3, 6]
    assert _shown(path)[-1][0] == 2.0


def test_without_pictures_there_is_no_video(tmp_path):
    assert not _write([], tmp_path / "drive.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_drive_that_cannot_be_read_on_leaves_the_video_before(tmp_path):
    path = tmp_path / "drive.mp4"
    path.write_bytes(b"before")

    def results():
        yield _result(0, 0.0)
        raise KeyError("reader")

    with pytest.raises(KeyError):
        _write(results(), path)
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["drive.mp4"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    noise = np.random.default_rng(1)

    def results():
        for number in range(200):
            yield _result(number, number / FPS, picture=noise.integers(0, 255, (480, 640, 3), np.uint8))

    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        with pytest.raises(OutputError, match="cannot write"):
            _write(results(), disk / "drive.mp4", seconds=20)
        assert not list(disk.glob("*drive*"))
