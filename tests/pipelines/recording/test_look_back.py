"""Thumbnails, boxes and motion of recorded files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.recording import media
from pipelines.recording.media import Thumbnails, frames, motion
from pipelines.recording.segment_store import boxes_path
from streamvision.core.errors import ConfigError
from streamvision.core.recordings import RecordedSpan
from support.recorded_files import FPS, START_UNIX_S, number_on, write_boxes, write_recording

WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
LEFT = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
RIGHT = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]


def span(since_s: float = -1.0, until_s: float = 1000.0) -> RecordedSpan:
    return RecordedSpan("door", START_UNIX_S + since_s, START_UNIX_S + until_s)


def decoded(jpeg: bytes | None) -> np.ndarray:
    assert jpeg is not None
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_a_thumbnail_is_the_key_frame_at_or_before_the_moment(tmp_path: Path, codec: str, b_frames: int) -> None:
    file = write_recording(tmp_path, count=40, gop=10, codec=codec, b_frames=b_frames, sound=None)
    thumbnails = Thumbnails()
    for number in (0, 9, 13, 28, 39, 29, 12):
        at_unix_s = START_UNIX_S + (number + 0.9) / FPS
        assert number_on(decoded(thumbnails.jpeg(file, at_unix_s, 160))) == number // 10 * 10
    assert number_on(decoded(thumbnails.jpeg(file, START_UNIX_S - 5, 160))) == 0
    assert number_on(decoded(thumbnails.jpeg(file, START_UNIX_S + 500, 160))) == 30


def test_thumbnails_are_as_wide_as_asked_for_within_bounds(tmp_path: Path) -> None:
    file = write_recording(tmp_path, sound=None)
    thumbnails = Thumbnails()
    widths = {asked: decoded(thumbnails.jpeg(file, START_UNIX_S, asked)).shape[1] for asked in (-3, 160, 10**9)}
    assert widths == {-3: 32, 160: 160, 10**9: 320}


def test_thumbnails_that_are_kept_need_no_file_and_are_bounded(tmp_path: Path) -> None:
    files = [write_recording(tmp_path, start_unix_s=START_UNIX_S + 2 * place, sound=None) for place in range(3)]
    size = len(Thumbnails().jpeg(files[0], START_UNIX_S, 160) or b"")
    thumbnails = Thumbnails(max_bytes=int(2.5 * size))
    first = [thumbnails.jpeg(file, file.recording.start_unix_s, 160) for file in files]
    for file in files:
        file.path.unlink()
    again = [thumbnails.jpeg(file, file.recording.start_unix_s + 0.5, 160) for file in files]
    assert again == [None, *first[1:]]


def test_a_file_that_grows_shows_its_newest_key_frame(tmp_path: Path) -> None:
    file = write_recording(tmp_path, count=50, gop=10, sound=None)
    content = file.path.read_bytes()
    fragments = [place - 4 for place in range(len(content)) if content.startswith(b"moof", place)]
    thumbnails, at_unix_s = Thumbnails(), START_UNIX_S + 1.9
    file.path.write_bytes(content[: fragments[2]])
    assert number_on(decoded(thumbnails.jpeg(file, at_unix_s, 160))) == 10
    assert number_on(decoded(thumbnails.jpeg(file, START_UNIX_S + 0.3, 160))) == 0
    file.path.write_bytes(content)
    assert number_on(decoded(thumbnails.jpeg(file, at_unix_s, 160))) == 40


def test_what_is_no_recording_has_no_thumbnail(tmp_path: Path) -> None:
    file = write_recording(tmp_path, sound=None)
    content = file.path.read_bytes()
    for damaged in (b"", content[:600], b"\0" * 5000, content[: content.index(b"mdat") + 4] + bytes(range(256)) * 40):
        file.path.write_bytes(damaged)
        assert Thumbnails().jpeg(file, START_UNIX_S, 160) is None


def found(track_id: Any, box: Any, class_id: Any = 0, score: Any = 0.9) -> dict[str, Any]:
    return {"track_id": track_id, "class_id": class_id, "score": score, "box": box}


def test_boxes_are_those_of_the_span_by_the_time_of_arrival(tmp_path: Path) -> None:
    box = [0.1, 0.2, 0.3, 0.4]
    files = [
        write_recording(
            tmp_path, start_unix_s=START_UNIX_S + 2 * place, sound=None, objects=[(0.4, [found(7, box, 1)]), (1.6, [])]
        )
        for place in range(2)
    ]
    told = frames(files, span(1.0, 3.0))
    assert [round(one.time_unix_s - START_UNIX_S, 3) for one in told] == [1.6, 2.4]
    assert told[0].objects == ()
    (one,) = told[1].objects
    assert (one.track_id, one.class_name, one.score, one.box) == (7, "car", 0.9, tuple(box))


def test_lines_that_are_torn_or_made_up_cost_only_themselves(tmp_path: Path) -> None:
    file = write_recording(tmp_path, sound=None)
    good = found(None, [0.1, 0.2, 0.3, 0.4])
    path = boxes_path(file.path)
    write_boxes(path, "door", START_UNIX_S, [(0.2, [good])])
    made_up: list[Any] = [
        {"t_s": 0.3, "objects": [found(1, [0.5, 0.5, 0.5, 0.6]), found(1, [0, 0, 1]), found(1, "abcd"), 3, None]},
        {"t_s": 0.4, "objects": [found(True, [-5, 0.2, 9, 0.4], class_id=99, score=7)]},
        {"t_s": "soon", "objects": []},
        {"t_s": 0.5, "objects": {}},
        {"t_s": 0.6, "objects": [found(1, [float("nan"), 0, 1, 1]), found(1, [0, 0, 1, 1], class_id=-1)]},
        [1, 2],
    ]
    with path.open("ab") as out:
        out.write(b"".join(json.dumps(line).encode() + b"\n" for line in made_up))
        out.write(b"[" * 100_000 + b"\n" + b"\xff\xfe\n" + b"x" * (3 << 20) + b"\n")
        out.write(b'{"t_s": 0.7, "objects": []}\n{"t_s": 0.8, "obj')
    told = {round(one.time_unix_s - START_UNIX_S, 3): one.objects for one in frames([file], span())}
    assert list(told) == [0.2, 0.3, 0.4, 0.6, 0.7]
    assert told[0.3] == () == told[0.6]
    assert told[0.4][0].box == (0.0, 0.2, 1.0, 0.4)
    assert (told[0.4][0].track_id, told[0.4][0].class_name, told[0.4][0].score) == (None, "99", 1.0)


def test_as_many_boxes_as_would_fill_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MAX_OBJECTS", 2500)
    file = write_recording(tmp_path, count=30, sound=None)
    line = json.dumps({"t_s": 0.5, "objects": [{"class_id": 0, "score": 0.5, "box": [0, 0, 1, 1]}] * 50})
    boxes_path(file.path).write_text("\n".join(['{"names": ["a"]}', *[line] * 51]))
    with pytest.raises(ConfigError, match="more than 2,500 objects; give a shorter one"):
        frames([file], span())
    boxes_path(file.path).write_text("\n".join(['{"names": ["a"]}', *[line] * 2]))
    assert [len(one.objects) for one in frames([file], span())] == [50, 50]


def test_boxes_that_are_missing_or_no_file_are_none(tmp_path: Path) -> None:
    file = write_recording(tmp_path, sound=None)
    assert frames([file], span()) == []
    os.mkfifo(boxes_path(file.path))
    assert frames([file], span()) == []


def scene(place_px: int | None, *, light: int = 0) -> np.ndarray:
    grey = np.full((180, 320), 90 + light, np.uint8)
    if place_px is not None:
        grey[60:120, place_px : place_px + 60] = 220
    return grey


def test_motion_is_found_in_its_region_at_its_time_and_light_is_none(tmp_path: Path) -> None:
    quiet, left, right = ([scene(place)] * FPS for place in (None, 40, 220))
    first = write_recording(tmp_path, pictures=[*quiet, *quiet, *left, *quiet], sound=None)
    brighter = [scene(None, light=60)] * FPS
    second = write_recording(
        tmp_path, start_unix_s=START_UNIX_S + 4, pictures=[*quiet, *right, *brighter, *brighter], sound=None
    )

    def moved(polygon: list[tuple[float, float]]) -> list[int]:
        told = list(motion([first, second], span(), polygon))
        assert len(told) == 7
        return [round(one.time_unix_s - START_UNIX_S) for one in told if one.share > 0.02]

    assert moved(LEFT) == [2, 3]
    assert moved(RIGHT) == [5, 6]
    assert moved(WHOLE) == [2, 3, 5, 6]
    covered = [(0.15, 0.4), (0.28, 0.4), (0.28, 0.6), (0.15, 0.6)]
    assert [round(one.share) for one in motion([first], span(), covered)] == [0, 1, 1]


def test_key_frames_of_one_second_are_one_and_the_span_counts(tmp_path: Path) -> None:
    file = write_recording(tmp_path, count=100, gop=1, sound=None)
    told = list(motion([file], span(1.0, 3.5), WHOLE))
    assert len(told) == 2 and all(1.0 <= one.time_unix_s - START_UNIX_S <= 3.5 for one in told)


@pytest.mark.parametrize(
    "polygon",
    [[], [(0, 0), (1, 1)], [(0, 0), (1, 0), (float("nan"), 1)], [(0, 0), (1, 0), (1, 1.5)], [(0.5, 0.5)] * 65],
)
def test_what_is_no_region_is_refused_at_once(tmp_path: Path, polygon: list[tuple[float, float]]) -> None:
    with pytest.raises(ConfigError, match="3 to 64 points"):
        motion([], span(), polygon)


def test_more_hours_than_are_searched_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"5\.0 h were given to be searched; give at most 4 h"):
        motion([], span(0, 5 * 3600), WHOLE)
