"""A camera of 4K of which a small part moves: tracking and processor time whole, sliced, and sliced adaptively.

    python -m benchmarks.slicing.moving --video one-by-one-person-detection.mp4 --model yolo.onnx --class person

The video is shown smaller than it is, on a grey 4K picture. The truth is that of benchmarks/adaptive.py: what differs
from the empty scene. One JSON document on stdout.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np

from benchmarks.adaptive import run
from benchmarks.still_truth import still_truth
from streamvision.bench.usage import machine
from streamvision.evaluation.tracks.mot_files import MotSequence

SIZE_PX = (3840, 2160)
AT_PX = (2300, 1100)
"""Where the scene begins, neither in the middle of a tile nor at its edge."""
WAYS: dict[str, dict[str, Any]] = {
    "whole": {},
    "auto": {"slices": "auto"},
    "auto, adaptive": {"slices": "auto", "adaptive": {"mode": "adaptive"}},
}
EMPTY = (5, 26)
"""Frames of the video with nothing but the scene."""
GREY = 114


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--class", "classes", multiple=True, metavar="NAME", help="Classes that count; default: all.")
@click.option("--first", default=50, show_default=True, help="First frame, from 0.")
@click.option("--frames", default=100, show_default=True)
@click.option("--scale", default=0.5, show_default=True, help="How much smaller than it is the video is shown.")
def moving(video: Path, model: Path, classes: tuple[str, ...], first: int, frames: int, scale: float) -> None:
    """Run all ways in turn and tell what came out."""
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.mp4"
        truth = _film(video, large, first=first, frames=frames, scale=scale)
        network = {"path": str(model), "classes": list(classes) or None}
        ways = {name: run(large, network, more, truth, watched=False) for name, more in WAYS.items()}
    click.echo(
        json.dumps({"machine": machine(), "video": video.name, "objects": len(truth.truth), "ways": ways}, indent=1)
    )


def _film(video: Path, large: Path, *, first: int, frames: int, scale: float) -> MotSequence:
    """Write a part of a video onto a 4K picture, and return the truth about it."""
    found = still_truth(video, empty=EMPTY)
    canvas = np.full((SIZE_PX[1], SIZE_PX[0], 3), GREY, np.uint8)
    with av.open(str(video)) as source, av.open(str(large), "w") as wide:
        stream = source.streams.video[0]
        rate = Fraction(stream.average_rate or 25)
        output: Any = wide.add_stream("libx264", rate=rate, options={"crf": "16", "preset": "veryfast"})
        output.width, output.height, output.pix_fmt = *SIZE_PX, "yuv420p"
        for frame in islice(source.decode(stream), first, first + frames):
            small = frame.to_ndarray(format="bgr24")
            small = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            canvas[AT_PX[1] : AT_PX[1] + len(small), AT_PX[0] : AT_PX[0] + small.shape[1]] = small
            wide.mux(output.encode(av.VideoFrame.from_ndarray(canvas, format="bgr24")))
        wide.mux(output.encode(None))
    number = found.truth[:, 0]
    table = found.truth[(number > first) & (number <= first + frames)].copy()
    table[:, 0] -= first
    table[:, 2:6] *= scale
    table[:, 2:4] += AT_PX
    shown = np.arange(1, frames + 1)
    return replace(found, name=large.stem, folder=large.parent, size_px=SIZE_PX, truth=table, number=shown)


if __name__ == "__main__":
    moving()
