"""Events as JSON lines and CSV, and pictures of them, bounded in number."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from pipelines.outputs.event_pictures import EventPictureSink
from pipelines.outputs.events import CSV_COLUMNS, open_events
from pipelines.outputs.outputs import check_outputs, open_sinks
from pipelines.outputs.sink import SinkContext
from pipelines.rendering.renderer import JpegEncoder
from streamvision.core.analysis import Analysis, AnalyticsEvent
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import OutputError
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame

CROSSED = AnalyticsEvent(
    kind="line",
    stream="gate",
    frame=7,
    pts_s=0.28,
    time_unix_s=1.75e9,
    track_id=3,
    class_name="car",
    region="Straße, 1",
    direction="in",
    values={"speed_kmh": 41.5},
)
CROWDED = replace(
    CROSSED,
    kind="crowding",
    track_id=None,
    class_name=None,
    direction=None,
    region="=HYPERLINK()",
    values={"inside": 4},
)


def annotated(index: int, *events: AnalyticsEvent, stream: str = "gate") -> RenderedFrame:
    picture = BgrPicture(np.full((60, 80, 3), 90, np.uint8))
    result = Result(Frame(stream, index, index / 25, 0.0, picture), Detections.empty(), analysis=Analysis(events))
    return RenderedFrame(result, draw=picture.to_canvas, encode=JpegEncoder(80))


def write(path: Path, *frames: RenderedFrame) -> str:
    sink = open_events(SinkContext("gate", False, ("car",), path=path))
    for frame in frames:
        sink.write(frame)
    sink.close()
    sink.close()
    return path.read_text(encoding="utf-8")


def test_json_lines_carry_every_field_with_null_for_what_is_not_there(tmp_path: Path) -> None:
    lines = write(tmp_path / "e.jsonl", annotated(6), annotated(7, CROSSED, CROWDED)).splitlines()
    assert [json.loads(line) for line in lines] == [CROSSED.to_json(), CROWDED.to_json()]
    assert json.loads(lines[1])["track_id"] is None


def test_csv_has_a_header_quotes_what_needs_it_and_arms_no_spreadsheet(tmp_path: Path) -> None:
    text = write(tmp_path / "e.csv", annotated(7, CROSSED, CROWDED))
    first, second = csv.DictReader(text.splitlines())
    assert tuple(first) == CSV_COLUMNS
    assert (first["region"], first["values"], first["track_id"]) == ("Straße, 1", "speed_kmh=41.5", "3")
    assert (second["region"], second["track_id"], second["direction"]) == ("'=HYPERLINK()", "", "")


def test_a_run_without_events_leaves_an_empty_file(tmp_path: Path) -> None:
    assert write(tmp_path / "e.jsonl", annotated(1)) == ""
    assert write(tmp_path / "e.csv", annotated(1)) == ",".join(CSV_COLUMNS) + "\n"


def test_pictures_are_of_frames_with_events_and_the_oldest_go(tmp_path: Path) -> None:
    for first in (0, 12):  # two runs
        sink = EventPictureSink(tmp_path, stream_id="gate", kept=3, lossless=True)
        for index in range(12):
            at = replace(CROSSED, time_unix_s=1790000000.25 + first + index)
            sink.write(annotated(index, *([at] if index % 2 else [])))
        sink.close()
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == [f"gate-20260921T1413{20 + first + i}.250Z-{i:08d}.jpg" for i in (7, 9, 11)]
    assert simplejpeg.decode_jpeg_header((tmp_path / names[-1]).read_bytes())[:2] == (60, 80)


def test_pictures_of_two_runs_lie_side_by_side(tmp_path: Path) -> None:
    for run in (0, 60):
        sink = EventPictureSink(tmp_path, stream_id="gate", kept=3, lossless=True)
        sink.write(annotated(7, replace(CROSSED, time_unix_s=1790000000.25 + run)))
        sink.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_vanishes_ends_the_pictures_with_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    sink = EventPictureSink(folder, stream_id="gate", kept=3, lossless=True)
    folder.rmdir()
    sink.write(annotated(1, CROSSED))
    with pytest.raises(OutputError, match=r"cannot write .*pictures.*gate-.*Z-00000001.jpg: No such file"):
        sink.close()


def test_all_streams_share_the_events_and_have_heat_maps_of_their_own(tmp_path: Path) -> None:
    config = OutputsConfig(
        events=tmp_path / "e.jsonl", event_pictures=tmp_path / "pictures", heat_map=tmp_path / "heat.png"
    )
    maps = {"a": lambda: b"PNG of a", "b": lambda: None}
    live = {"a": False, "b": True}
    sinks = open_sinks(
        config, [SinkContext(name, one, ("car",), heat_map_png=maps[name]) for name, one in live.items()]
    )
    for name, opened in sinks.items():
        for sink in opened:
            sink.write(annotated(1, replace(CROSSED, stream=name), stream=name))
            sink.close()
    assert [json.loads(line)["stream"] for line in config.events.read_text().splitlines()] == ["a", "b"]
    assert [path.name[0] + path.name[-13:] for path in sorted(tmp_path.rglob("*.jpg"))] == [
        "a-00000001.jpg",
        "b-00000001.jpg",
    ]
    assert (tmp_path / "heat.a.png").read_bytes() == b"PNG of a"
    assert not (tmp_path / "heat.b.png").exists(), "without a map there is no file"


@pytest.mark.parametrize(
    ("field", "reason"), [("event_pictures", "it is a file; give a folder"), ("events", "is a folder")]
)
def test_what_cannot_be_written_is_said_before_anything_begins(tmp_path: Path, field: str, reason: str) -> None:
    (tmp_path / "taken").touch()
    path = tmp_path / "taken" if field == "event_pictures" else tmp_path
    with pytest.raises(OutputError, match=reason):
        check_outputs(OutputsConfig.model_validate({field: path}), stream_ids=["a"])
    missing = tmp_path / "no" / "where"
    with pytest.raises(OutputError, match="there is no folder"):
        check_outputs(OutputsConfig.model_validate({field: missing}), stream_ids=["a"])
