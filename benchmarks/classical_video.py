"""How well steps of OpenCV find what moves on real video, before a camera that stands and one that pans.

    python -m benchmarks.classical_video --video cars.mp4 --fps 12.5 --model yolox_nano.onnx [--class person] \
        [--step mog2 --step contours:min_area=0.002]

The truth is what a network sees (``benchmarks/network_truth.py``). Precision, recall and AP are of what moves, at an
IoU of 0.5, from frame 50 on; an object that stands still counts neither way. IDF1 and HOTA are of all objects, whether
they move or not. The camera that pans is a window of three quarters of the picture that swings across the video, one
period in four seconds: its pictures are real, its motion is that of a camera that turns, without parallax. Time is
processor time of one thread for a frame, the median. Without ``--step``, each step that marks motion is measured with
its defaults; only the camera is told.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

import streamvision
from benchmarks.network_truth import Seen, network_truth
from streamvision.core.config.classical import StepConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.matching import match_predictions
from streamvision.evaluation.predictions import Predictions
from streamvision.evaluation.tracks.metrics import count, match_sequence
from streamvision.evaluation.tracks.mot_files import MotSequence
from streamvision.inference.classical.detector import Detector

BEGIN = 50
"""First frame that counts: before, backgrounds are learned."""
WINDOW = 0.75
"""Of the picture's width and height, that the panning camera sees."""
PERIOD_S = 4.0
STANDING = ("mog2", "knn", "absdiff", "farneback", "dis", "lucas_kanade")
TURNING = ("mog2", "farneback:camera=moving", "dis:camera=moving", "lucas_kanade:camera=moving")
Film = tuple[list[NDArray[np.uint8]], list[list[Seen]]]


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fps", required=True, type=float)
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--class", "classes", multiple=True)
@click.option("--score", default=0.3, show_default=True, help="Least of what the network sees.")
@click.option("--step", "steps", multiple=True, help="Steps of one detector, in the place of all.")
@click.option("--camera", type=click.Choice(["still", "pans", "both"]), default="both", show_default=True)
def main(
    video: Path, fps: float, model: Path, classes: Sequence[str], score: float, steps: Sequence[str], camera: str
) -> None:
    """Print a row for each detector."""
    cv2.setNumThreads(1)
    film = network_truth(video, model, classes=classes or None, score=score, fps=fps)
    click.echo(
        "| camera | steps | precision | recall | AP50 | IDF1 | HOTA | ms a frame |\n|---|---|---|---|---|---|---|---|"
    )
    for name, seen, defaults in (("still", film, STANDING), ("pans", panned(film, fps), TURNING)):
        if camera in (name, "both"):
            for told in [list(steps)] if steps else [[one] for one in defaults]:
                figures = [f"{value:.2f}" for value in quality(seen, told)]
                click.echo(f"| {name} | {' '.join(told)} | {' | '.join(figures)} | {cost_ms(seen, told):.1f} |")


def panned(film: Film, fps: float) -> Film:
    """Return what a window sees that swings across a film; objects of which it sees less than half are left out."""
    pictures, truth = film
    rows, columns = pictures[0].shape[:2]
    height, width = round(rows * WINDOW), round(columns * WINDOW)
    shown, seen = [], []
    for index, (picture, objects) in enumerate(zip(pictures, truth, strict=True)):
        angle = 2 * np.pi * index / (PERIOD_S * fps)
        left = round((columns - width) * (1 + np.sin(angle)) / 2)
        top = round((rows - height) * (1 + np.cos(angle)) / 2)
        shown.append(np.ascontiguousarray(picture[top : top + height, left : left + width]))
        inside = []
        for one in objects:
            box = np.clip(one.box_xyxy_px - [left, top, left, top], 0, [width, height, width, height])
            if 2 * np.prod(box[2:] - box[:2]) >= np.prod(one.box_xyxy_px[2:] - one.box_xyxy_px[:2]):
                inside.append(Seen(one.identity, box, one.moves))
        seen.append(inside)
    return shown, seen


def quality(film: Film, steps: Sequence[str]) -> list[float]:
    """Return precision, recall, AP50, IDF1 and HOTA."""
    pictures, truth = film
    rows, columns = pictures[0].shape[:2]
    images, found = [], []
    known_rows: list[list[float]] = []
    given_rows: list[list[float]] = []
    for result in streamvision.stream(pictures, model="none", steps=list(steps)):
        index = result.frame.index
        if index < BEGIN:
            continue
        boxes = tuple(LabelledBox(0, tuple(one.box_xyxy_px), ignore=not one.moves) for one in truth[index])
        images.append(LabelledImage(Path(f"{index}.png"), columns, rows, boxes))
        objects = result.detections
        found.append(Detections(objects.box_xyxy_px, objects.score, np.zeros(len(objects), np.int32)))
        number = index - BEGIN + 1
        known_rows += [_row(number, one.identity, one.box_xyxy_px) for one in truth[index]]
        named = zip(objects.identities(), objects.box_xyxy_px.astype(np.float64), strict=True)
        given_rows += [_row(number, identity, box) for identity, box in named if identity is not None]
    predictions = Predictions(("moving",), tuple(images), tuple(found))
    matches = match_predictions(predictions)
    right, wrong, missed = (int(sum(getattr(one, key).sum() for one in matches)) for key in ("hit", "false", "unfound"))
    truth_table, given_table = (np.array(one, np.float64).reshape(-1, 10) for one in (known_rows, given_rows))
    number_of_frames = np.arange(1, len(images) + 1)
    sequence = MotSequence("video", Path(), number_of_frames, 25.0, (columns, rows), truth_table, None)
    tracks: dict[str, Any] = count(match_sequence(sequence, given_table)).figures()
    average = coco_figures(predictions).map50
    return [
        right / max(right + wrong, 1),
        right / (right + missed),
        average,
        tracks["IDF1"] / 100,
        tracks["HOTA"] / 100,
    ]


def cost_ms(film: Film, steps: Sequence[str], frames: int = 60) -> float:
    """Return the median milliseconds of processor time for a frame."""
    detector = Detector(ModelConfig(path=Path("none"), steps=tuple(map(StepConfig.model_validate, steps))))
    times = []
    for picture in film[0][BEGIN : BEGIN + frames]:
        given = BgrPicture(picture)
        begin_s = time.process_time()
        detector.find(given)
        times.append(time.process_time() - begin_s)
    return 1e3 * float(np.median(times[2:]))


def _row(frame: int, identity: int, box: NDArray[np.float64]) -> list[float]:
    left, top, right, bottom = box.tolist()
    return [frame, identity, left, top, right - left, bottom - top, 1, -1, -1, -1]


if __name__ == "__main__":
    main()
