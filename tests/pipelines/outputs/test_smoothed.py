"""Files of whole trajectories, written at the end of a recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.capture.registry import parse_source
from pipelines.outputs.outputs import open_sinks
from pipelines.outputs.sink import SinkContext
from pipelines.run_outputs import RunOutputs
from streamvision.core.config.app import parse_config
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.frame import Frame, Result
from streamvision.core.masks import BoxMask
from streamvision.core.picture import BgrPicture, Canvas
from streamvision.core.rendered_frame import RenderedFrame

FPS = 25


def unused() -> Canvas:
    raise AssertionError("text needs no picture")


def rendered(index: int, detections: Detections, *, segment: int = 0) -> RenderedFrame:
    frame = Frame("gate", index, index / FPS, 0.0, BgrPicture(np.zeros((200, 200, 3), np.uint8)), segment)
    return RenderedFrame(Result(frame, detections), draw=unused, encode=bytes)


def walker(index: int, identity: int | None) -> Detections:
    return Detections(
        np.array([[index, 50, index + 40, 150]], np.float32),
        np.array([0.9], np.float32),
        np.array([1], np.int32),
        np.ma.array([identity or 0], mask=[identity is None], dtype=np.int64),
    )


def written(folder: Path, frames: list[RenderedFrame]) -> tuple[list[dict[str, Any]], list[list[float]]]:
    config = OutputsConfig(detections=folder / "f.jsonl", mot=folder / "f.txt", smooth=True)
    outputs = open_sinks(config, [SinkContext("gate", live=False, names=("car", "person"))])["gate"]
    for one in frames:
        for output in outputs:
            output.write(one)
    held = frames[0].result.frame.segment == frames[-1].result.frame.segment
    assert (not (folder / "f.jsonl").read_text()) == held
    for output in outputs:
        output.close()
        assert not output.failures
    records = [json.loads(line) for line in (folder / "f.jsonl").read_text().splitlines()]
    rows = [[float(cell) for cell in line.split(",")] for line in (folder / "f.txt").read_text().splitlines()]
    assert sorted(path.name for path in folder.iterdir()) == ["f.jsonl", "f.txt"]
    return records, rows


def test_an_object_that_was_lost_for_a_while_is_one_in_both_files(tmp_path: Path) -> None:
    seen = [walker(index, None if index == 0 else 2 if index < 20 else 5) for index in range(50)]
    frames = [rendered(i, Detections.empty() if 20 <= i < 25 else one) for i, one in enumerate(seen)]
    records, rows = written(tmp_path, frames)
    assert [record["frame"] for record in records] == list(range(50))
    assert [[found["track_id"] for found in record["objects"]] for record in records] == [[None], *[[2]] * 49]
    assert [i for i, record in enumerate(records) if "interpolated" in record["objects"][0]] == [20, 21, 22, 23, 24]
    assert records[22]["objects"][0] == {
        "track_id": 2,
        "class_id": 1,
        "class_name": "person",
        "score": 0.9,
        "box_xyxy_px": pytest.approx([22, 50, 62, 150], abs=0.1),
        "interpolated": True,
    }
    assert [row[:2] for row in rows] == [[number, 2] for number in range(2, 51)]
    left_px = [record["objects"][0]["box_xyxy_px"][0] for record in records[1:]]
    assert [row[2] for row in rows] == pytest.approx(left_px, abs=0.01)


def test_boxes_end_at_the_edges_of_the_picture(tmp_path: Path) -> None:
    """One comes in from the left, and the network's boxes begin at the edge; a straight path goes on beyond it."""
    coming = [walker(index, 1) for index in range(30)]
    boxes = [np.array([[max(8 * i - 60, 0), 50, 8 * i + 4, 200]], np.float32).clip(0, 200) for i in range(30)]
    frames = [rendered(i, replace(one, box_xyxy_px=boxes[i])) for i, one in enumerate(coming)]
    records, rows = written(tmp_path, frames)
    corners = np.array([record["objects"][0]["box_xyxy_px"] for record in records])
    assert corners.min() == 0 and corners.max() == 200
    assert min(row[2] for row in rows) >= 0
    assert max(row[2] + row[4] for row in rows) <= 200 and max(row[3] + row[5] for row in rows) <= 200


def test_a_box_around_a_mask_stays_where_the_mask_is(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    frames, boxes = [], []
    for index in range(30):
        found = walker(index, 1)
        found = replace(found, box_xyxy_px=found.box_xyxy_px + draw.normal(size=(1, 4)).astype(np.float32).round(2))
        left, top, right, bottom = found.box_xyxy_px[0].astype(int).tolist()
        mask = np.empty(1, object)
        mask[0] = BoxMask(left, top, np.ones((bottom - top, right - left), bool))
        boxes.append(found.box_xyxy_px[0].tolist())
        frames.append(rendered(index, replace(found, mask=mask)))
    records, rows = written(tmp_path, frames)
    assert [record["objects"][0]["box_xyxy_px"] for record in records] == [pytest.approx(b, abs=0.01) for b in boxes]
    assert (
        np.abs(np.diff([row[2] for row in rows], n=2)).mean() < np.abs(np.diff([b[0] for b in boxes], n=2)).mean() / 2
    )


def test_nothing_is_joined_across_a_change_of_the_pictures_size(tmp_path: Path) -> None:
    frames = [rendered(i, walker(i, 2 if i < 20 else 5), segment=i // 20) for i in range(40)]
    records, _ = written(tmp_path, frames)
    assert [record["objects"][0]["track_id"] for record in records] == [2] * 20 + [5] * 20


@pytest.mark.parametrize(
    ("source", "given", "reason"),
    [
        ("rtsp://user:secret@camera/stream", {"detections": "f.jsonl"}, "camera/stream is live"),
        ("gate.mp4", {"detections": "f.jsonl", "table": "t.csv"}, "leave out --table"),
        ("gate.mp4", {}, "--detections and --mot"),
    ],
)
def test_what_has_no_whole_trajectories_is_refused(
    tmp_path: Path, source: str, given: dict[str, str], reason: str
) -> None:
    (tmp_path / "gate.mp4").touch()
    where = {name: str(tmp_path / file) for name, file in given.items()}
    text = source if "://" in source else str(tmp_path / source)
    settings = {"model": {"path": "m.onnx"}, "streams": [{"source": text}], "outputs": {"smooth": True, **where}}
    outputs = RunOutputs(parse_config(settings, origin="test"), further=(), several=False, shared=False)
    with pytest.raises(ConfigError) as refused:
        outputs.check(["gate"], [parse_source(text)])
    assert reason in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_file_that_begins_again_is_refused(tmp_path: Path) -> None:
    streams = [{"source": "gate.mp4", "loop": True}]
    outputs = {"smooth": True, "mot": str(tmp_path / "f.txt")}
    config = parse_config({"model": {"path": "m.onnx"}, "streams": streams, "outputs": outputs}, origin="test")
    with pytest.raises(ConfigError, match="leave out --loop or --smooth"):
        RunOutputs(config, further=(), several=False, shared=False).check(["gate"], [])
