"""What is kept of clips between runs, and how they are told apart."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipelines.capture.trip.seams import COLUMNS, ROWS, Glance
from streamvision.core.detections import Detections
from streamvision.core.position import Fix
from streamvision.dashcam.card import find_clips
from streamvision.dashcam.clip import Clip, ClipName
from streamvision.dashcam.clip_key import ClipKeys, clip_key
from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.side_files.beside import SideFile
from streamvision.trip.arrivals import Arrivals, is_being_written
from streamvision.trip.clip_detections import ClipDetections, ClipDetectionsBuilder
from streamvision.trip.clip_record import clip_from, clip_row
from streamvision.trip.index import TripIndex
from streamvision.trip.pace import Pace

STAMP = 1_780_000_000.0


def found_on(*frames: int | None) -> ClipDetections:
    """Return a clip of 10 pictures a second with so many objects on each; ``None``: the model was not shown it."""
    builder = ClipDetectionsBuilder()
    builder.picture_px = (320, 180)
    for number, count in enumerate(frames):
        found = None
        if count is not None:
            box = np.arange(4 * count, dtype=np.float32).reshape(count, 4)
            found = Detections(box, np.full(count, 0.5, np.float32), np.arange(count, dtype=np.int32))
        builder.add(number, 2.0 + number / 10, glance_at(number), found)
    return builder.finish(lost_s=0.4, note="cut, it is")


def glance_at(number: int) -> Glance:
    return Glance(number / 10, np.full((ROWS, COLUMNS), number, np.int16))


def clip_at(path: Path) -> Clip:
    return Clip(
        path, None, "front", "normal", 60.0, None, STAMP, None, size_bytes=path.stat().st_size, key=clip_key(path)
    )


def test_what_was_found_is_read_back(tmp_path: Path) -> None:
    before = found_on(2, None, 0, 1)
    before.save(tmp_path / "one.npz")
    after = ClipDetections.load(tmp_path / "one.npz")
    assert after is not None
    assert after.picture_px == (320, 180)
    assert (after.lost_s, after.note) == (0.4, "cut, it is")
    assert after.shown.tolist() == [True, False, True, True]
    assert after.media_s.tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [len(one) for one in after.objects()] == [2, 0, 0, 1]
    assert after.duration_s == pytest.approx(0.4)
    for name in ("box_xyxy_px", "score", "class_id", "pts_s", "file_frame"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert after.first_glance().levels.max() == 0
    assert [(one.media_s, one.levels.min()) for one in after.last_glances()] == [
        (0.0, 0), (0.1, 1), (0.2, 2), (0.3, 3)
    ]  # fmt: skip


def test_the_objects_of_a_picture_do_not_keep_those_of_the_clip_in_memory() -> None:
    found = found_on(2, None, 0, 1).objects_of(0)
    assert [len(found), *(getattr(found, name).base for name in ("box_xyxy_px", "score", "class_id"))] == [
        2, None, None, None
    ]  # fmt: skip


@pytest.mark.parametrize("kept", [0, 10, 500])
def test_a_damaged_file_counts_as_none(tmp_path: Path, kept: int) -> None:
    found_on(2, 1).save(tmp_path / "one.npz")
    (tmp_path / "one.npz").write_bytes((tmp_path / "one.npz").read_bytes()[:kept])
    assert ClipDetections.load(tmp_path / "one.npz") is None
    assert ClipDetections.load(tmp_path / "none.npz") is None


def test_a_clip_without_a_picture_can_be_kept(tmp_path: Path) -> None:
    found_on().save(tmp_path / "one.npz")
    after = ClipDetections.load(tmp_path / "one.npz")
    assert after is not None
    assert len(after) == 0
    assert after.duration_s == 0


def test_a_clip_is_the_same_when_it_is_read_back_from_the_index() -> None:
    gps = ClipGps((Fix(50.0, 10.0, unix_s=STAMP, speed_m_s=15.0, media_s=0.5),), "novatek", "container", Path("a.MP4"))
    name = ClipName("viofo", datetime(2026, 6, 1, 10, 30, 12), 7, "front", "event")
    beside = (SideFile("a.nmea", 1000, 1_780_000_000_123_456_789),)
    clip = Clip(Path("/card/a.MP4"), name, "front", "event", 60.0, None, STAMP, gps, 5000, "a key", beside)
    assert clip_from(clip_row(clip)) == clip


def test_the_index_knows_clips_by_their_content(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    first, other = card / "GRMN0001.MP4", card / "GRMN0002.MP4"
    first.write_bytes(os.urandom(200_000))
    other.write_bytes(os.urandom(200_000))
    with TripIndex(tmp_path / "state", settings="a") as index:
        key, other_key = index.add([clip_at(first), clip_at(other)])
        index.keep(key, found_on(1))
        assert index.is_done(key)
        assert not index.is_done(other_key)
    moved = card / "RO" / "GRMN0009.MP4"
    moved.parent.mkdir()
    first.rename(moved)
    first.write_bytes(os.urandom(200_000))  # the counter has begun anew: another clip under the old name
    with TripIndex(tmp_path / "state", settings="a") as index:
        keys = list(index.add([clip_at(moved), clip_at(first)]))
        assert keys[0] == key
        assert keys[1] not in (key, other_key)
        assert {one: clip.path for one, clip in index.known().items()} == {key: moved}
    with TripIndex(tmp_path / "state", settings="another model") as index:
        assert not index.is_done(key)


def test_numbers_of_objects_stay(tmp_path: Path) -> None:
    with TripIndex(tmp_path / "state", settings="a") as index:
        assert index.numbers([["x"], ["y"]]) == [1, 2]
    with TripIndex(tmp_path / "state", settings="b") as index:
        assert index.numbers([["w"], ["y"], ["x"], ["v"]]) == [3, 2, 1, 4]


def test_a_number_stays_when_an_earlier_drive_has_seen_the_object_too(tmp_path: Path) -> None:
    with TripIndex(tmp_path / "state", settings="a") as index:
        assert index.numbers([["x"], ["y", "z"]]) == [1, 2]
        assert index.numbers([["new"], ["earlier", "y", "z"], ["x"]]) == [3, 2, 1]
        assert index.numbers([["earlier"], ["y"], ["z"], ["x"]]) == [2, 4, 5, 1]  # it was two objects after all


def test_what_a_power_cut_or_another_version_left_is_made_again(tmp_path: Path) -> None:
    paths = [tmp_path / f"GRMN000{number}.MP4" for number in range(3)]
    for path in paths:
        path.write_bytes(os.urandom(200_000))
    with TripIndex(tmp_path / "state", settings="a") as index:
        keys = list(index.add(map(clip_at, paths)))
        for key in keys:
            index.keep(key, found_on(1))
    (tmp_path / "state" / "clips" / f"{keys[0]}-a.npz").write_bytes(b"")
    with closing(sqlite3.connect(tmp_path / "state" / "trip.db")) as database, database:
        database.execute("UPDATE clips SET clip = json_remove(clip, '$.view') WHERE key = ?", (keys[1],))
    with TripIndex(tmp_path / "state", settings="a") as index:
        assert not index.is_done(keys[0])
        assert list(index.known()) == [keys[2]]
        index.add([clip_at(paths[1])])
        assert set(index.known()) == {keys[1], keys[2]}


def test_a_name_of_any_bytes_is_known(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/GRMN\xff0001.MP4"))
    path.write_bytes(os.urandom(200_000))
    with TripIndex(tmp_path / "state", settings="a") as index:
        (key,) = index.add([clip_at(path)])
        index.keep(key, found_on(1))
        assert list(index.add([clip_at(path)])) == [key]
        assert index.known()[key].path == path


@pytest.mark.parametrize("second_s", [1_000, 2_000, 3_000])
def test_another_card_at_the_same_place_has_clips_of_its_own(tmp_path: Path, second_s: int) -> None:
    path = tmp_path / "card" / "GRMN0001.MP4"
    path.parent.mkdir()
    before: dict[Path, Clip] = {}
    keys = []
    with TripIndex(tmp_path / "state", settings="a") as index:
        for modified_s in (2_000, second_s):
            path.write_bytes(os.urandom(200_000))
            os.utime(path, (modified_s, modified_s))
            (clip,) = find_clips(path.parent, known=before, keys=ClipKeys())
            assert clip is not before.get(path)
            (key,) = index.add([clip])
            assert not index.is_done(key)
            index.keep(key, found_on(1))
            before = {path: clip}
            keys.append(key)
        assert {key: clip.path.name for key, clip in index.known().items()} == {
            keys[0]: f"GRMN0001.MP4~{keys[0]}",
            keys[1]: "GRMN0001.MP4",
        }


def test_a_file_is_read_once_for_its_key_unless_it_was_away(tmp_path: Path) -> None:
    path, keys = tmp_path / "clip.MP4", ClipKeys()
    path.write_bytes(b"1" * 100_000)
    status = path.stat()  # of FAT, which tells no more than size and time, it may be that of another card's file
    keys.begin_scan()
    first = keys.of(path, status)
    path.write_bytes(b"2" * 100_000)
    keys.begin_scan()
    assert keys.of(path, status) == first
    keys.begin_scan()
    keys.begin_scan()
    assert keys.of(path, status) == clip_key(path) != first


def test_a_copy_of_a_clip_is_that_clip_and_nothing_is_displaced(tmp_path: Path) -> None:
    one, copy = tmp_path / "a.MP4", tmp_path / "b.MP4"
    for path in (one, copy):
        path.write_bytes(b"1" * 100_000)
    with TripIndex(tmp_path / "state", settings="a") as index:
        for _ in range(2):
            assert list(index.add([clip_at(one), clip_at(copy)]).values()) == [clip_at(one)]


@pytest.mark.parametrize("begun", [1, 5_000, 40_000, 200_000])
def test_a_clip_that_was_read_when_it_had_come_in_part_is_no_second_clip(tmp_path: Path, begun: int) -> None:
    path, content = tmp_path / "clip.MP4", os.urandom(300_000)
    with TripIndex(tmp_path / "state", settings="a") as index:
        for size in (begun, len(content)):
            path.write_bytes(content[:size])
            (key,) = index.add([clip_at(path)])
            index.keep(key, found_on(1))
            assert list(index.known()) == [key]


def test_a_file_has_come_when_it_has_not_changed_for_a_while(tmp_path: Path) -> None:
    path, now_s = tmp_path / "clip.MP4", [0.0]
    arrivals = Arrivals(quiet_s=10, clock=lambda: now_s[0])

    def is_complete_at(second: float) -> bool:
        now_s[0] = second
        return path in arrivals.complete([path])

    assert not is_complete_at(0)
    path.write_bytes(b"a")
    assert not is_complete_at(1)
    assert not is_complete_at(10)
    path.write_bytes(b"ab")
    assert not is_complete_at(12)
    assert not is_complete_at(21)
    assert is_complete_at(22)
    path.write_bytes(b"abc")
    assert not is_complete_at(23)


def test_a_file_that_somebody_writes_has_not_come(tmp_path: Path) -> None:
    path = tmp_path / "clip.MP4"
    path.write_bytes(b"a")
    assert not is_being_written(path)
    with path.open("ab"):
        if not is_being_written(path):
            pytest.skip("this file system grants no leases")
        arrivals = Arrivals(quiet_s=0)
        assert arrivals.complete([path]) == set()
    assert arrivals.complete([path]) == {path}
    assert not is_being_written(tmp_path / "none")


def _looks(pace: Pace, seconds: float, fps: float = 30.0) -> list[float]:
    return [number / fps for number in range(round(seconds * fps)) if pace.takes(number / fps)]


def test_a_fast_car_is_looked_from_more_often() -> None:
    fixes = tuple(
        Fix(50, 10, media_s=float(second), speed_m_s=speed) for second, speed in ((0, 0), (10, 0), (11, 30), (20, 30))
    )
    looks = _looks(Pace(None, ClipGps(fixes, "gpmf", "container", Path("a"))), 20)
    standing = [one for one in looks if one < 10]
    driving = [one for one in looks if one >= 12]
    assert len(standing) == 20
    assert 8 * 14 < len(driving) <= 8 * 20


def test_the_pace_may_be_set_and_has_one_for_the_unknown() -> None:
    assert _looks(Pace(3, None), 1) == [number / 30 for number in range(0, 30, 3)]
    assert len(_looks(Pace(None, None), 1)) == 10
