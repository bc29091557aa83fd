"""Nothing that was recorded is destroyed: what the next run does with the files of the one before."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.outputs.existing import set_aside
from pipelines.outputs.line_file import LineFile
from pipelines.outputs.mot import used_numbers
from pipelines.outputs.outputs import open_sinks, prepare_shared_files
from pipelines.outputs.sink import SinkContext
from pipelines.outputs.table import COLUMNS
from streamvision.core.analysis import Analysis, AnalyticsEvent
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import OutputError
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame

NAMES = ("person", "car")
EVENT = AnalyticsEvent(
    kind="line", stream="gate", frame=1, pts_s=0.04, time_unix_s=1790000000.25, track_id=5, class_name="person",
    region="door", direction="in",
)  # fmt: skip


def rendered(index: int) -> RenderedFrame:
    picture = BgrPicture(np.full((90, 160, 3), 99, np.uint8))
    detections = Detections(
        np.array([[1, 2, 30, 40]], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int32),
        np.ma.array([5], mask=[False], dtype=np.int64),
    )
    frame = Frame("gate", index, index / 25, 0.0, picture)
    result = Result(frame, detections, analysis=Analysis([EVENT] if index == 1 else []))
    return RenderedFrame(result, draw=picture.to_canvas, encode=lambda canvas: b"")


def run(folder: Path, *, live: bool, frames: int = 5, overwrite: bool = False) -> None:
    config = OutputsConfig(
        detections=folder / "d.jsonl",
        mot=folder / "m.txt",
        record=folder / "v.mp4",
        events=folder / "e.csv",
        heat_map=folder / "h.png",
        overwrite=overwrite,
    )
    context = SinkContext("gate", live, NAMES, heat_map_png=lambda: b"PNG")
    outputs = open_sinks(config, [context])["gate"]
    for index in range(frames):
        for output in outputs:
            output.write(rendered(index))
    for output in outputs:
        output.close()
        assert not output.failures


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(list(container.decode(video=0)))


def test_a_live_run_goes_on_in_the_lines_and_begins_a_new_video(tmp_path: Path) -> None:
    run(tmp_path, live=True)
    before = (tmp_path / "v.mp4").read_bytes()
    run(tmp_path, live=True, frames=3)
    assert [json.loads(line)["frame"] for line in (tmp_path / "d.jsonl").read_text().splitlines()] == [
        *range(5),
        *range(3),
    ]
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    assert [row["region"] for row in rows] == ["door", "door"], "one header, two events"
    videos = sorted(tmp_path.glob("v*.mp4"))
    assert [frames_in(video) for video in videos] == [5, 3]
    assert videos[0].read_bytes() == before
    assert len(list(tmp_path.glob("h*.png"))) == 2


def test_a_table_of_a_version_with_other_columns_is_set_aside_and_not_continued(tmp_path: Path) -> None:
    old = "kind,stream,place\nline,gate,door\n"
    (tmp_path / "e.csv").write_text(old)
    run(tmp_path, live=True)
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    assert [(row["region"], row["id"]) for row in rows] == [("door", EVENT.id)]
    assert [path.read_text() for path in tmp_path.glob("e.*.csv")] == [old]


OLD_TABLE = "stream,class_name,track_id\ngate,person,3\n"


def test_identities_of_a_version_with_fewer_columns_are_set_aside_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(OLD_TABLE)
    for _ in range(2):
        outputs = open_sinks(OutputsConfig(table=table), [SinkContext(name, True, NAMES) for name in ("gate", "yard")])
        for output in (one for opened in outputs.values() for one in opened):
            output.write(rendered(1))
            output.close()
            assert not output.failures
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 4 and all(set(row) == set(COLUMNS) for row in rows), "the second run goes on in the new file"
    assert [path.read_text() for path in tmp_path.glob("t.*.csv")] == [OLD_TABLE]
    assert caplog.text.count("has other columns than this version writes; it is now") == 1


def test_columns_of_a_file_of_several_processes_are_looked_at_before_these_begin(tmp_path: Path) -> None:
    table, events = tmp_path / "t.csv", tmp_path / "e.csv"
    for file in (table, events):
        file.write_text(OLD_TABLE)
    config = OutputsConfig(table=table, events=events)
    prepare_shared_files(config, live=True)
    assert sorted(path.read_text() for path in tmp_path.glob("?.2*.csv")) == [OLD_TABLE] * 2
    for stream in ("gate", "yard"):  # each of a process of its own
        for output in open_sinks(config, [SinkContext(stream, True, NAMES)], shared=True)[stream]:
            output.write(rendered(1))
            output.close()
            assert not output.failures
    assert [row["stream"] for row in csv.DictReader(table.read_text().splitlines())] == ["gate", "yard"]
    assert [row["region"] for row in csv.DictReader(events.read_text().splitlines())] == ["door", "door"]


def test_numbers_of_a_continued_mot_file_do_not_come_twice(tmp_path: Path) -> None:
    for _ in range(3):
        run(tmp_path, live=True)
    rows = [line.split(",")[:2] for line in (tmp_path / "m.txt").read_text().splitlines()]
    assert [int(frame) for frame, _ in rows] == list(range(1, 16))
    assert [int(identity) for _, identity in rows] == [5] * 5 + [10] * 5 + [15] * 5
    assert used_numbers(tmp_path / "m.txt") == (15, 15)


def test_a_run_on_files_writes_exactly_the_named_ones_and_keeps_the_old(tmp_path: Path) -> None:
    run(tmp_path, live=False)
    old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    run(tmp_path, live=False, frames=3)
    assert len((tmp_path / "d.jsonl").read_text().splitlines()) == 3
    assert len((tmp_path / "m.txt").read_text().splitlines()) == 3
    assert frames_in(tmp_path / "v.mp4") == 3
    kept = [path for path in tmp_path.iterdir() if path.name not in old]
    assert sorted(path.read_bytes() for path in kept) == sorted(old.values())


@pytest.mark.parametrize("live", [True, False])
def test_overwriting_is_asked_for_by_name(tmp_path: Path, live: bool) -> None:
    run(tmp_path, live=live)
    run(tmp_path, live=live, frames=3, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.jsonl", "e.csv", "h.png", "m.txt", "v.mp4"]
    assert len((tmp_path / "d.jsonl").read_text().splitlines()) == 3
    assert frames_in(tmp_path / "v.mp4") == 3


def test_a_run_that_sees_nothing_keeps_the_old_video_where_it_is(tmp_path: Path) -> None:
    run(tmp_path, live=True)
    before = (tmp_path / "v.mp4").read_bytes()
    run(tmp_path, live=True, frames=0)
    assert (tmp_path / "v.mp4").read_bytes() == before
    assert len(list(tmp_path.glob("v*.mp4"))) == 1


def test_half_a_line_of_a_power_cut_spoils_no_new_one(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"whole": 1}\n{"ha')
    file = LineFile(tmp_path / "d.jsonl", existing="continue")
    file.append("new\n")
    file.append("newer\n")
    assert (tmp_path / "d.jsonl").read_text() == '{"whole": 1}\n{"ha\nnew\nnewer\n'


def test_dated_names_are_never_taken_twice(tmp_path: Path) -> None:
    for text in "abc":
        (tmp_path / "v.mp4").write_text(text)
        os.utime(tmp_path / "v.mp4", (1790000000, 1790000000))
        assert set_aside(tmp_path / "v.mp4") is not None
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["a", "b", "c"]
    assert (tmp_path / "v.20260921T141320.000Z.mp4").read_text() == "a"
    assert set_aside(tmp_path / "v.mp4") is None
    assert set_aside(Path("/dev/null")) is None


@pytest.mark.parametrize("live", [True, False])
def test_files_of_several_processes_are_prepared_once(tmp_path: Path, live: bool) -> None:
    (tmp_path / "d.jsonl").write_text("old\n")
    prepare_shared_files(OutputsConfig(detections=tmp_path / "d.jsonl", mot=tmp_path / "m.txt"), live=live)
    assert (tmp_path / "d.jsonl").read_text() == ("old\n" if live else "")
    assert [path.read_text() for path in tmp_path.glob("d.2*.jsonl")] == ([] if live else ["old\n"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("x")
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="--overwrite"):
        set_aside(tmp_path / "v.mp4")
