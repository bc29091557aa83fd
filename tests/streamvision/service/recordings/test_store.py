"""Recorded files are kept as long as they are to be, and the index says what there is: on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import stat
import time
from pathlib import Path

import pytest

from pipelines.recording.segment_store import boxes_path
from streamvision.core.errors import OutputError
from streamvision.core.recordings import RecordedSpan, Recording
from streamvision.service.recordings.files import place_of
from streamvision.service.recordings.library import RecordingLibrary
from streamvision.state.events import insert_events
from streamvision.state.recordings import IndexedRecording, put_recordings
from support.recorded_segments import clip, files_below, indexed, record, recording_store, segment
from support.serving import until

EVER = (0.0, 1e11)
NOON = 1_777_636_800.0  # 2026-05-01 12:00 UTC
GB = 10**9


def test_a_file_is_named_for_its_moment_and_found_by_it(database_place: str, tmp_path: Path) -> None:
    with recording_store(database_place, tmp_path / "r") as store:
        store.start()
        path = record(store, "door", start_unix_s=NOON + 1800.25, kind="event", boxes='{"schema":1}\n')
        assert path == tmp_path / "r/door/2026-05-01/12/30-00.250Z.event.mp4"
        assert path.with_name("30-00.250Z.boxes.jsonl").exists()
        record(store, "yard", start_unix_s=NOON)
        library = RecordingLibrary(store)
        until(lambda: len(library.find(None, *EVER)) == 2, "both files are in the index")
        yard, door = library.find(None, *EVER)
        assert (yard.stream, door.stream, door.kind, door.codec, door.width_px) == ("yard", "door", "event", "h264", 64)
        assert (door.start_unix_s, door.end_unix_s) == (NOON + 1800.25, NOON + 1802.25)
        assert door.size_bytes == len(clip()) + len('{"schema":1}\n')
        assert library.find(frozenset({"door"}), NOON, NOON + 1800.25) == []
        assert library.find(frozenset({"door"}), NOON + 1802, NOON + 1900) == [door]
        assert library.recording(door.id) == door and library.file(door.id) == path
        assert library.recording(9999) is None and library.file(9999) is None
        for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        summary = library.summary()
        assert summary["kinds"]["event"]["files"] == 1 and summary["streams"]["yard"]["bytes"] == len(clip())
        assert summary["faults"] == [] and summary["free_bytes"] > 0


def test_two_files_of_one_moment_get_two_places(tmp_path: Path) -> None:
    with recording_store(str(tmp_path / "s"), tmp_path / "r") as store:
        paths = [record(store, start_unix_s=NOON) for _ in range(3)]
        begun = [store.begin("door", NOON, "continuous") for _ in range(2)]
        assert len({*paths, *begun}) == 5


def test_a_day_of_short_files_is_read_to_its_end(tmp_path: Path) -> None:
    length_s, count = 12.0, 24 * 3600 // 12
    with recording_store(str(tmp_path / "s"), tmp_path / "r") as store:
        day = [
            IndexedRecording(
                place_of("door", NOON + length_s * number),
                Recording(
                    0,
                    "door",
                    "continuous",
                    NOON + length_s * number,
                    NOON + length_s * (number + 1),
                    1,
                    "h264",
                    64,
                    48,
                    False,
                ),
            )
            for number in range(count)
        ]
        with store.index.database.begin() as connection:
            put_recordings(connection, day)
        files = RecordingLibrary(store).files(RecordedSpan("door", NOON, NOON + 86400))
        assert len(files) == count == 7200 and files[-1].recording.end_unix_s == NOON + 86400


def test_an_empty_file_leaves_nothing(tmp_path: Path) -> None:
    with recording_store(str(tmp_path / "s"), tmp_path / "r") as store:
        path = store.begin("door", NOON, "continuous")
        path.touch()
        store.end(segment(path, "door", NOON, pictures=0))
        store.flush()
        assert indexed(store) == {} and list((tmp_path / "r").iterdir()) == []


def test_a_day_never_passes_its_quota_by_more_than_a_file(database_place: str, tmp_path: Path) -> None:
    quota, largest, over = 300_000, 6000, 0
    dice = random.Random(7)
    folder = tmp_path / "r"
    with recording_store(database_place, folder, gb=quota / GB) as store:
        store.start()
        for minute in range(24 * 60):
            for stream, kind in (("door", "continuous"), ("yard", "event" if minute % 2 else "continuous")):
                if stream == "yard" and minute % 5:
                    continue
                record(
                    store,
                    stream,
                    start_unix_s=NOON + 60 * minute,
                    length_s=60,
                    kind=kind,  # type: ignore[arg-type]
                    data=bytes(dice.randrange(1000, largest)),
                )
            if minute % 10 == 0:
                over = max(over, sum(files_below(folder).values()) - quota)
        assert over <= largest
        store.flush()
        there = files_below(folder)
        assert indexed(store) == there
        assert sum(there.values()) > 0.8 * quota
        assert min(there) > "door/2026-05-02/10"  # what is left is the end of the day
        assert not (folder / "door/2026-05-01").exists()  # folders go with what was in them
        assert store.faults() == []


def test_a_clock_that_was_ahead_does_not_cost_what_is_recorded_after_it(database_place: str, tmp_path: Path) -> None:
    room, year_s = 6, 365 * 86400
    with recording_store(
        database_place, tmp_path / "r", gb=(room + 0.5) * len(clip()) / GB, continuous={"days": 1}
    ) as store:
        store.start()
        for number in range(room):
            record(store, start_unix_s=time.time() + 10 * year_s + 60 * number)
        store.flush()
        store.look_after()
        assert len(indexed(store)) == room, "as long as there is room it stays"
        for number in range(room):
            record(store, "yard", start_unix_s=time.time() - 600 + 60 * number)
            store.flush()
            store.look_after()
        left = [one.stream for one in RecordingLibrary(store).find(None, *EVER)]
        assert left.count("yard") == room
        record(store, start_unix_s=time.time() - 3 * 86400)
        record(store, start_unix_s=time.time() + 10 * year_s)
        store.flush()
        store.look_after()
        starts = [one.start_unix_s for one in RecordingLibrary(store).find(frozenset({"door"}), *EVER)]
        assert all(start > time.time() - 86400 for start in starts), "what is too old goes whatever is ahead"


def test_each_kind_has_bounds_of_its_own_and_what_is_kept_stays(database_place: str, tmp_path: Path) -> None:
    now_s, folder, size = time.time(), tmp_path / "r", len(clip())
    bounds = {"continuous": {"days": 3, "gb": 2.5 * size / GB}, "events": {"days": 14, "gb": None}}
    with recording_store(database_place, folder, **bounds) as store:
        days = {"continuous": (20, 4, 2, 1, 0.5, 0.1), "event": (15, 13, 4)}
        for kind, ages in days.items():
            for age in ages:
                record(store, kind, start_unix_s=now_s - age * 86400, kind=kind)  # type: ignore[arg-type]
        assert store.keep(RecordedSpan("event", now_s - 16 * 86400, now_s - 14 * 86400), kept=True) == 1
        store.look_after()
        left = {
            (one.stream, round((now_s - one.start_unix_s) / 86400, 1), one.kind)
            for one in RecordingLibrary(store).find(None, *EVER)
        }
        assert left == {
            ("continuous", 0.5, "continuous"),
            ("continuous", 0.1, "continuous"),
            ("event", 15.0, "kept"),
            ("event", 13.0, "event"),
            ("event", 4.0, "event"),
        }
        assert indexed(store) == files_below(folder)


def test_where_all_is_kept_for_good_nothing_more_begins_and_it_is_said(tmp_path: Path) -> None:
    size = len(clip())
    with recording_store(str(tmp_path / "s"), tmp_path / "r", gb=2.5 * size / GB) as store:
        for number in range(2):
            record(store, start_unix_s=NOON + number)
        assert store.keep(RecordedSpan("door", NOON - 1, NOON + 9), kept=True) == 2
        record(store, start_unix_s=NOON + 20)
        store.keep(RecordedSpan("door", NOON - 1, NOON + 99), kept=True)
        with pytest.raises(
            OutputError, match=r"may not be removed take all of the .* remove some, or raise recording.gb"
        ):
            store.begin("door", NOON + 30, "continuous")
        assert store.keep(RecordedSpan("door", NOON - 1, NOON + 2), kept=False) == 2
        record(store, start_unix_s=NOON + 40)
        assert store.remove(RecordedSpan("door", NOON + 20, NOON + 21)) == 1  # also what is kept for good
        store.flush()
        assert indexed(store) == files_below(tmp_path / "r")


def test_an_event_makes_event_files_of_what_is_there_what_is_written_and_what_comes(
    database_place: str, tmp_path: Path
) -> None:
    with recording_store(database_place, tmp_path / "r") as store:
        store.start()
        record(store, start_unix_s=NOON, length_s=10)
        record(store, start_unix_s=NOON + 10, length_s=10)
        written = store.begin("door", NOON + 20, "continuous")
        store.note_event("door", NOON + 15, NOON + 31)
        written.write_bytes(clip())
        store.end(segment(written, "door", NOON + 20, 10))
        record(store, start_unix_s=NOON + 30, length_s=10)
        record(store, start_unix_s=NOON + 40, length_s=10)
        record(store, "yard", start_unix_s=NOON + 20, length_s=10)
        library = RecordingLibrary(store)
        wanted = ["continuous", "event", "event", "event", "continuous"]
        door = frozenset({"door"})
        until(lambda: [one.kind for one in library.find(door, *EVER)] == wanted, "the kinds are as they should be")
        assert [one.kind for one in library.find(frozenset({"yard"}), *EVER)] == ["continuous"]
        assert indexed(store) == files_below(tmp_path / "r")


def test_the_next_start_finds_the_files_as_they_are(database_place: str, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    with recording_store(database_place, folder) as store:
        for number in range(4):
            record(store, start_unix_s=NOON + 10 * number, boxes="{}\n")
        store.flush()
        known = {one.start_unix_s: one.id for one in RecordingLibrary(store).find(None, *EVER)}
        open_file = store.begin("yard", NOON, "event")
    hour = folder / "door/2026-05-01/12"
    open_file.write_bytes(clip(4)[:-700])  # cut in its last fragment
    (hour / "00-00.000Z.continuous.mp4").unlink()
    (hour / "00-10.000Z.continuous.mp4").rename(hour / "00-10.000Z.kept.mp4")
    (hour / "00-50.000Z.continuous.mp4").write_bytes(b"")  # begun, and nothing more
    (hour / "00-55.000Z.boxes.jsonl").write_text("{}\n")
    with recording_store(database_place, folder) as store:
        store.start()
        library = RecordingLibrary(store)
        until(lambda: indexed(store) == files_below(folder), "the index is equal to the files")
        found = library.find(frozenset({"door"}), *EVER)
        assert [(one.start_unix_s, one.kind) for one in found] == [
            (NOON + 10, "kept"),
            (NOON + 20, "continuous"),
            (NOON + 30, "continuous"),
        ]
        assert all(known[one.start_unix_s] == one.id for one in found)
        (yard,) = library.find(frozenset({"yard"}), *EVER)
        assert (yard.codec, yard.width_px, yard.height_px, yard.kind) == ("h264", 64, 48, "event")
        assert yard.end_unix_s - yard.start_unix_s == pytest.approx(3, abs=0.5)
        assert sorted(path.name for path in hour.glob("*.jsonl")) == [
            f"00-{second}.000Z.boxes.jsonl" for second in (10, 20, 30)
        ]


def test_what_is_not_ours_is_neither_followed_nor_counted_nor_removed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "r", tmp_path / "elsewhere"
    theirs = elsewhere / "2026-05-01/12/00-00.000Z.continuous.mp4"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(clip())
    hour = folder / "door/2026-05-01/12"
    hour.mkdir(parents=True)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "door/2026-05-02").symlink_to(elsewhere / "2026-05-01")
    (hour / "00-01.000Z.continuous.mp4").symlink_to(theirs)
    (hour / "00-01.000Z.boxes.jsonl").symlink_to(theirs)
    (folder / "..data").mkdir()
    for name in ("notes.txt", "film.mp4", "00-02.000Z.other.mp4", "00-02.000Z.event.mp4.part", "99-99.000Z.event.mp4"):
        (hour / name).write_bytes(clip())
    (hour / "00-03.000Z.event.mp4").mkdir()
    before = sorted(folder.rglob("*"))
    with recording_store(str(tmp_path / "s"), folder, gb=1e-8, continuous={"days": 0.001}) as store:
        record(store, start_unix_s=NOON)
        record(store, start_unix_s=NOON + 5)
        store.rebuild()
        store.look_after()
        assert store.remove(RecordedSpan("linked", *EVER)) == 0
        store.remove(RecordedSpan("door", *EVER))
        assert not list(store.files.scan("linked")) and not list(store.files.scan("door"))
        assert store.files.streams() == ["door"]
        with pytest.raises(OutputError, match=r"give another recording\.folder"):
            store.files.prepare("linked/2026-05-01/12/00-00.000Z")
        assert not store.files.remove("linked/2026-05-01/12/00-00.000Z", "continuous")
        assert not store.files.remove("door/2026-05-01/12/00-01.000Z", "continuous")
    assert sorted(folder.rglob("*")) == before
    assert theirs.read_bytes() == clip()


def test_recording_goes_on_while_the_database_is_away(tmp_path: Path) -> None:
    folder, size = tmp_path / "r", len(clip())
    with recording_store(str(tmp_path / "s"), folder, gb=5.5 * size / GB) as store:
        store.start()
        for number in range(5):
            record(store, start_unix_s=NOON + number, length_s=1)
        until(lambda: len(indexed(store)) == 5, "all are in the index")
        store.look_after()
        with store.index.database.begin():  # holds SQLite's one pen, as a database that is away would
            for number in range(5, 8):
                record(store, start_unix_s=NOON + number, length_s=1)
            assert len(files_below(folder)) == 5
        until(lambda: indexed(store) == files_below(folder), "what waited is in the index")
        assert not store.faults()


def test_boxes_that_come_after_the_end_of_a_file_are_counted(database_place: str, tmp_path: Path) -> None:
    with recording_store(database_place, tmp_path / "r") as store:
        path = record(store, start_unix_s=NOON, boxes="{}\n")
        boxes_path(path).write_text("{}\n" * 100)
        store.flush()
        store.weigh()
        assert indexed(store) != files_below(tmp_path / "r")
        store.weigh(all_of_them=True)
        assert indexed(store) == files_below(tmp_path / "r")


def test_what_a_crash_cut_is_of_an_event_where_the_event_log_says_so(database_place: str, tmp_path: Path) -> None:
    with recording_store(database_place, tmp_path / "r") as store:
        for stream in ("door", "yard"):
            store.begin(stream, NOON, "continuous").write_bytes(clip())
        event = {
            "time_unix_s": NOON, "recorded_unix_s": NOON + 1, "stream": "door", "kind": "line", "region": "gate",
            "details": {},
        }  # fmt: skip
        with store.index.database.begin() as connection:
            insert_events(connection, [event])
    with recording_store(database_place, tmp_path / "r") as store:
        assert store.rebuild().added == 2
        assert set(indexed(store)) == set(files_below(tmp_path / "r"))
        assert [name.rsplit(".", 2)[1] for name in sorted(indexed(store))] == ["event", "continuous"]


def test_what_another_process_keeps_or_removes_is_taken_note_of(database_place: str, tmp_path: Path) -> None:
    folder, size = tmp_path / "r", len(clip())
    bounds = {"gb": 5.5 * size / GB}
    with recording_store(database_place, folder, **bounds) as service, recording_store(database_place, folder) as other:
        for number in range(5):
            record(service, start_unix_s=NOON + 10 * number)
        service.look_after()  # knows which are the oldest
        assert other.keep(RecordedSpan("door", NOON, NOON + 5), kept=True) == 1
        assert other.remove(RecordedSpan("door", NOON + 10, NOON + 15)) == 1
        for number in range(5, 12):
            record(service, start_unix_s=NOON + 10 * number)
        service.look_after()
        there = files_below(folder)
        assert indexed(service) == there and sum(there.values()) <= 5.5 * size
        assert "door/2026-05-01/12/00-00.000Z.kept.mp4" in there
