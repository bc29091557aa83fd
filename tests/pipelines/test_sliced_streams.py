"""Streams whose large pictures the network is shown in tiles, too: real networks, whole pipelines, live changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.engine import Pipeline
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError
from support.changes import newest, status_of, until, until_frames
from support.fixed_networks import SIDE_PX, bright_cell_detector, brightness_depth

PICTURE_PX = 4 * SIDE_PX
FRAMES = 24
SMALL_PX = 8
"""A cell of the network in a tile of 4x4, and a sixteenth of one in the whole picture."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of bright cells, a network that measures distances, and a film of a small square on its way."""
    made = tmp_path_factory.mktemp("sliced")
    bright_cell_detector(made / "cells.onnx")
    brightness_depth(made / "depth.onnx")
    (made / "film").mkdir()
    for number in range(FRAMES):
        bgr = np.zeros((PICTURE_PX, PICTURE_PX, 3), np.uint8)
        x, y = place(number)
        bgr[y : y + SMALL_PX, x : x + SMALL_PX] = 255
        bgr[200 : 200 + SMALL_PX, 200 : 200 + SMALL_PX] = 255  # stays
        cv2.imwrite(str(made / "film" / f"{number:03d}.png"), bgr)
    return made


def place(number: int) -> tuple[int, int]:
    return SMALL_PX * number, 2 * SMALL_PX


def config_of(folder: Path, *streams: dict[str, Any], model: str = "cells.onnx", **more: Any) -> AppConfig:
    document = {"model": {"path": folder / model, "score": 0.5, "requests": 2}, "tracker": {"name": "none"}}
    document["streams"] = [{"source": str(folder / "film")} | stream for stream in streams]
    return parse_config(document | more, origin="test")


def found(folder: Path, out: Path, *streams: dict[str, Any], **more: Any) -> dict[str, list[list[list[float]]]]:
    """Run to the end and return the boxes of each frame, by stream."""
    with Pipeline(config_of(folder, *streams, outputs={"detections": out}, **more)) as pipeline:
        assert pipeline.wait(120)
        assert not pipeline.failures()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    return {
        name: [
            sorted(one["box_xyxy_px"] for one in line["objects"])
            for line in sorted(lines, key=lambda line: line["frame"])
            if line["stream"] == name
        ]
        for name in {line["stream"] for line in lines}
    }


def expected(number: int) -> list[list[float]]:
    return sorted(
        [[x, y, x + SMALL_PX, y + SMALL_PX] for x, y in (place(number), (200, 200))],
    )


SLICED = {"tiles": "4x4", "overlap": 0.0}


def test_each_stream_has_its_tiles(folder: Path, tmp_path: Path) -> None:
    by_stream = found(
        folder, tmp_path / "f.jsonl", {"id": "tiles", "slices": SLICED}, {"id": "whole"}, {"id": "off", "slices": False}
    )
    assert by_stream["tiles"] == [expected(number) for number in range(FRAMES)]
    assert by_stream["whole"] == by_stream["off"] == [[]] * FRAMES


def test_the_run_says_it_for_all(folder: Path, tmp_path: Path) -> None:
    by_stream = found(folder, tmp_path / "f.jsonl", {"id": "tiles"}, {"id": "off", "slices": "off"}, slices=SLICED)
    assert by_stream["tiles"][3] == expected(3) and by_stream["off"][3] == []


def test_adaptive_inference_shows_the_tiles_in_which_something_moves(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.jsonl"
    more = {"adaptive": {"mode": "adaptive", "refresh_s": 60}, "outputs": {"detections": out}}
    with Pipeline(config_of(folder, {"id": "gate", "slices": SLICED}, **more)) as pipeline:
        assert pipeline.wait(120)
        assert not pipeline.failures()
        adaptive = status_of(pipeline, "gate").adaptive
    lines = sorted(map(json.loads, out.read_text().splitlines()), key=lambda line: line["frame"])
    boxes = [sorted(one["box_xyxy_px"] for one in line["objects"]) for line in lines]
    assert boxes == [expected(number) for number in range(FRAMES)], "also of what stands still in another tile"
    assert adaptive is not None
    assert adaptive.plans["partial"] >= 10, "where it lies between two tiles, all are shown"
    assert adaptive.share < 0.6


def test_it_changes_while_the_stream_runs(folder: Path) -> None:
    stream = {"id": "gate", "policy": "live", "realtime": True, "loop": True}
    with Pipeline(config_of(folder, stream)) as pipeline:
        until_frames(pipeline, "gate")
        assert not newest(pipeline, "gate").result.detections
        changed = StreamConfig.model_validate({"source": str(folder / "film")} | stream | {"slices": SLICED})
        pipeline.replace_stream("gate", changed)
        until(lambda: len(newest(pipeline, "gate").result.detections) == 2, "the tiles are shown")


def test_what_a_model_says_of_whole_pictures_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="the model is for depth"):
        Pipeline(config_of(folder, {"id": "gate", "slices": "auto"}, model="depth.onnx")).close()
