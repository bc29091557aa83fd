from __future__ import annotations

import json
import os
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.outputs.outputs import check_outputs, open_sinks
from pipelines.outputs.sink import SinkContext
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import OutputError
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame

NAMES = ("person", "car")


def annotated(stream_id: str, index: int) -> RenderedFrame:
    picture = BgrPicture(np.full((90, 160, 3), 99, np.uint8))
    detections = Detections(
        np.array([[1, 2, 30, 40]], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int32),
        np.ma.array([5], mask=[False], dtype=np.int64),
    )
    result = Result(Frame(stream_id, index, index / 25, 0.0, picture), detections)
    return RenderedFrame(result, draw=picture.to_canvas, encode=lambda canvas: b"")


def contexts(**live: bool) -> list[SinkContext]:
    return [SinkContext(name, one, NAMES) for name, one in live.items()]


def test_one_stream_writes_exactly_the_named_files(tmp_path: Path) -> None:
    config = OutputsConfig(detections=tmp_path / "d.jsonl", mot=tmp_path / "m.txt", record=tmp_path / "v.mp4")
    sinks = open_sinks(config, contexts(gate=False))
    for index in range(10):
        for sink in sinks["gate"]:
            sink.write(annotated("gate", index))
    for sink in sinks["gate"]:
        sink.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.jsonl", "m.txt", "v.mp4"]
    assert len((tmp_path / "d.jsonl").read_text().splitlines()) == 10
    assert len((tmp_path / "m.txt").read_text().splitlines()) == 10
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert len(list(container.decode(video=0))) == 10


def test_several_streams_share_the_json_lines_and_have_files_of_their_own_otherwise(tmp_path: Path) -> None:
    config = OutputsConfig(detections=tmp_path / "d.jsonl", mot=tmp_path / "m.txt", record=tmp_path / "v.mp4")
    sinks = open_sinks(config, contexts(a=True, b=False))
    for name, own in sinks.items():
        for sink in own:
            sink.write(annotated(name, 0))
            sink.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.jsonl", "m.a.txt", "m.b.txt", "v.a.mp4", "v.b.mp4"]
    streams = [json.loads(line)["stream"] for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    assert streams == ["a", "b"]


def test_nothing_wanted_nothing_opened() -> None:
    assert open_sinks(OutputsConfig(), contexts(a=True)) == {"a": []}


def test_checking_touches_no_file_and_opening_keeps_it(tmp_path: Path) -> None:
    old = tmp_path / "d.jsonl"
    old.write_text("of yesterday\n")
    config = OutputsConfig(detections=old, mot=tmp_path / "new.txt")
    check_outputs(config, stream_ids=["a"])
    assert old.read_text() == "of yesterday\n"
    assert not (tmp_path / "new.txt").exists()
    for sink in open_sinks(config, contexts(a=True))["a"]:
        sink.close()
    assert old.read_text() == "of yesterday\n"


def test_a_bad_output_leaves_the_good_ones_as_they_were(tmp_path: Path) -> None:
    old = tmp_path / "d.jsonl"
    old.write_text("of yesterday\n")
    with pytest.raises(OutputError, match="there is no folder"):
        open_sinks(OutputsConfig(detections=old, record=tmp_path / "missing" / "v.mp4"), contexts(a=True))
    assert old.read_text() == "of yesterday\n"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("missing/d.jsonl", r"there is no folder .*missing; create it with mkdir -p"),
        ("", "is a folder"),
        (f"{'x' * 400}.jsonl", "File name too long"),
    ],
)
def test_an_impossible_file_is_refused_with_a_sentence(tmp_path: Path, file: str, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        check_outputs(OutputsConfig(mot=tmp_path / file), stream_ids=["a"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="not writable"):
        check_outputs(OutputsConfig(mot=locked / "m.txt"), stream_ids=["a"])


def test_two_outputs_cannot_be_one_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="same file"):
        check_outputs(OutputsConfig(mot=tmp_path / "x", detections=tmp_path / "x"), stream_ids=["a"])


def test_one_file_under_two_names_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    (tmp_path / "link").symlink_to(tmp_path / "x")
    for name in ("link", f"../{tmp_path.name}/x"):
        with pytest.raises(OutputError, match="same file"):
            check_outputs(OutputsConfig(mot=tmp_path / name, detections=tmp_path / "x"), stream_ids=["a"])
    with pytest.raises(OutputError, match="same file"):
        check_outputs(OutputsConfig(mot=tmp_path / "new", detections=tmp_path / "." / "new"), stream_ids=["a"])


def test_a_recording_is_named_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"give a name that ends in \.mp4"):
        check_outputs(OutputsConfig(record=tmp_path / "v.txt"), stream_ids=["a"])
    check_outputs(OutputsConfig(record=tmp_path / "v.MP4"), stream_ids=["a"])


def test_a_source_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "tour.mp4"
    source.write_bytes(b"precious")
    with pytest.raises(OutputError, match="overwrite its own source"):
        check_outputs(OutputsConfig(record=source), stream_ids=["a"], inputs=[source])
    check_outputs(OutputsConfig(record=source), stream_ids=["a"], inputs=[tmp_path / "other"])
