"""Counts against truth: cars counted by eye on a real video, and the drawn drive, whose truth is exact."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.engine import Pipeline
from pipelines.stages.analytics import Analytics
from streamvision.core.config.analytics import LineConfig
from streamvision.core.config.app import load_config, parse_analytics, parse_config
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.models import default_model_path
from streamvision.synthetic.drive import DriveScene

CARS_BY_EYE = (
    # (first frame with the car's middle past the middle of the picture's height, give or take 2; direction; colour)
    (79, "up", "white"),
    (206, "down", "silver"),
    (211, "up", "red"),
    (332, "down", "white"),
)
"""Counted on contact sheets of every second frame of car-detection.mp4 (377 frames, 768x432), camera straight above."""
BAND_FRAMES = 6
"""A car is told once it is past the line by a tenth of its length, which takes it up to so many frames."""


def run(config: dict[str, Any]) -> Pipeline:
    pipeline = Pipeline(parse_config(config, origin="test"))
    with pipeline:
        assert pipeline.wait(200)
    assert not pipeline.failures()
    return pipeline


@pytest.mark.slow
def test_the_cars_that_an_eye_counts_are_counted(data_dir: Path, project_root: Path, tmp_path: Path) -> None:
    config = load_config(project_root / "configs" / "traffic-count.yaml")
    config["model"]["path"] = data_dir / "models" / "yolox_nano.onnx"
    config["streams"] = [{"source": str(data_dir / "videos" / "car-detection.mp4"), "id": "cars"}]
    outputs = {"events": tmp_path / "events.jsonl", "event_pictures": tmp_path / "pictures"}
    pipeline = run({**config, "outputs": {**outputs, "heat_map": tmp_path / "heat.png"}})

    happened = [json.loads(line) for line in outputs["events"].read_text().splitlines()]
    crossed = [event for event in happened if event["kind"] == "line"]
    assert [event["direction"] for event in crossed] == [direction for _, direction, _ in CARS_BY_EYE]
    assert len({event["track_id"] for event in crossed}) == len(CARS_BY_EYE)
    for event, (frame, _, color) in zip(crossed, CARS_BY_EYE, strict=True):
        assert frame - 2 <= event["frame"] <= frame + BAND_FRAMES, color
        assert event["pts_s"] == pytest.approx(event["frame"] / 12.5)

    [status] = pipeline.statuses()
    road = status.analytics["lines"]["road"]
    assert {way: counts["total"] for way, counts in road.items()} == {"down": 2, "up": 2}
    lane = status.analytics["zones"]["left lane"]
    assert (lane["entered"], lane["left"], lane["inside"]) == (2, 2, 0), "the silver car and the second white one"
    assert lane["alarms"] == {"crowding": 0, "idle": 0, "wrong_way": 0}
    pictures = {path.name.rpartition("-")[2] for path in outputs["event_pictures"].iterdir()}
    assert pictures == {f"{event['frame']:08d}.jpg" for event in happened}
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")


ROADSIDES = (
    {"name": "right", "points": [[0.62, 0.1], [0.62, 0.9]], "directions": ["in", "out"], "anchor": "center"},
    {"name": "far right", "points": [[0.8, 0.1], [0.8, 0.9]], "directions": ["in", "out"], "anchor": "center"},
)
"""Signs move outward as the car passes them, so they cross from left to right: against a line that points down."""
NEAR = {"name": "near", "points": [[0.69, 0.05], [0.69, 0.95]], "directions": ["in", "out"], "anchor": "center"}
"""Where signs are large enough, some 45 px, that the network finds every one, and not so near yet that they leap."""


def crossings(tracks: dict[int, list[tuple[int, float]]], at: float) -> int:
    """Count, the plain way, the identities whose middle goes from left of a vertical line to right of it."""
    return sum(any(a < at <= b for (_, a), (_, b) in itertools.pairwise(t)) for t in tracks.values())


@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("every", [1, 3])
def test_signs_of_the_drive_are_counted_as_its_truth_has_them(seed: int, every: int) -> None:
    width_px, height_px, fps = 640, 360, 15.0
    scene = DriveScene(width_px, height_px, fps, seed)
    lines = [{**line, "band": 0.0} for line in ROADSIDES]
    subject = Analytics(parse_analytics({"lines": lines}, origin="test"), scene.names, memory_s=2.0)
    blank = BgrPicture(np.zeros((height_px, width_px, 3), np.uint8))
    tracks: dict[int, list[tuple[int, float]]] = {}
    for index in range(0, 600, every):
        truth = scene.objects_at(index)
        subject.update(Result(Frame("drive", index, index / fps, 0.0, blank), truth))
        for identity, box in zip(truth.identities(), truth.box_xyxy_px, strict=True):
            assert identity is not None
            tracks.setdefault(identity, []).append((index, float(box[0] + box[2]) / 2 / width_px))
    counted = subject.report()["lines"]
    for line in lines:
        expected = crossings(tracks, LineConfig.model_validate(line).points[0][0])
        assert expected >= 3, "the scene has something to count"
        assert counted[line["name"]]["out"]["total"] == expected
        assert counted[line["name"]]["in"]["total"] == 0


@pytest.mark.slow
def test_signs_that_the_default_model_finds_are_counted(tmp_path: Path) -> None:
    source = "synthetic:drive?fps=10&size=960x540&seed=1&frames=76&realtime=0"
    pipeline = run(
        {
            "model": {"path": default_model_path(), "score": 0.3},
            "streams": [{"source": source, "id": "drive", "policy": "file"}],
            "analytics": {"lines": [NEAR]},
            "outputs": {"events": tmp_path / "events.csv"},
        }
    )
    scene = DriveScene(960, 540, 10.0, 1)
    tracks: dict[int, list[tuple[int, float]]] = {}
    for index in range(76):
        truth = scene.objects_at(index)
        for identity, box in zip(truth.identities(), truth.box_xyxy_px, strict=True):
            assert identity is not None
            tracks.setdefault(identity, []).append((index, float(box[0] + box[2]) / 2 / 960))
    expected = crossings(tracks, NEAR["points"][0][0])
    assert expected == 2
    [status] = pipeline.statuses()
    assert status.analytics["lines"]["near"]["out"]["total"] == expected
    rows = (tmp_path / "events.csv").read_text().splitlines()
    assert rows[0].startswith("schema,id,kind,stream,")
    assert len(rows) == 1 + expected
