"""A film of a red box that wanders over grey, and detectors that find it: each in its own size, classes and order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from streamvision.inference.model_card import InputCard, ModelCard
from support.red_box_networks import RedBox

SIDE_PX = 128
BOX_PX = 32


def red_box_film(path: Path, *, frames: int, fps: int = 25) -> Path:
    """Write the film, 128x128; the box never leaves the picture."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=fps)
        stream.width = stream.height = SIDE_PX
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for number in range(frames):
            picture = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
            left, top = (round(48 + 40 * turn(number / 40)) for turn in (np.sin, np.cos))
            picture[top : top + BOX_PX, left : left + BOX_PX] = (255, 0, 0)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))
    return path


def red_box_detector(
    path: Path,
    *,
    names: Sequence[str] = ("cat", "dog", "fox"),
    found: str = "fox",
    side_px: int = 64,
    score: float = 0.9,
    task_names: Sequence[str] | None = None,
) -> Path:
    """Write a detector in YOLOv8's layout that finds the red box as an object of one of its classes."""
    graph = RedBox(side_px=side_px)
    row = np.zeros((1, len(names)), np.float32)
    row[0, list(names).index(found)] = score
    scores = graph.times(graph.found, row)
    cells = sum((side_px // stride) ** 2 for stride in (8, 16, 32))
    rows = graph.row_of(cells, *graph.centre(), scores, fill=[0.0] * (4 + len(names)))
    output = graph.node("Transpose", rows, perm=[0, 2, 1])
    card = ModelCard(
        head="yolo_v8",
        names=tuple(task_names or names),
        input=InputCard(width_px=side_px, height_px=side_px, resize="stretch"),
    )
    return graph.save(path, {"output0": (output, [1, 4 + len(names), cells], "float32")}, metadata=card.to_metadata())
