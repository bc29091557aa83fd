"""People at random places of a 4K picture, at seams too, and in random sizes: how well they are found.

    python -m benchmarks.slicing.walking --video one-by-one-person-detection.mp4 --model yolo.onnx [--frames 60]

Frames of the video are shown at 0.3 to 1.2 of their size on a grey 4K picture, each at a place of its own. The truth is
that of benchmarks/adaptive.py: what differs from the empty scene, which is of one class, 0. mAP50-95.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import click
import cv2
import numpy as np

from benchmarks.slicing.moving import EMPTY, GREY
from benchmarks.slicing.tried import PICTURE_PX, SHOWN_SCORE, Pixels, Seen, figures, see
from benchmarks.still_truth import still_truth
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.detections import Detections
from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.inference.model import Model
from streamvision.inference.slicing.merging import merged
from streamvision.inference.slicing.seams import whole_first

SCALES = (0.3, 1.2)
SCORES = (0.001, SHOWN_SCORE)
MOST = 1000


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--frames", default=60, show_default=True)
def walking(video: Path, model: Path, frames: int) -> None:
    """Print a row for each way of merging."""
    config = ModelConfig(
        path=model, requests=1, threads=1, score=SCORES[0], iou=0.7, max_detections=MOST, classes=("0",)
    )
    how = SlicesConfig(tiles="auto")
    images, seen = [], []
    with Model.open(config, every_class=True) as detector:
        for pixels, image in _pictures(video, frames):
            images.append(image)
            seen.append(see(detector, [pixels], how))
        names, input_px = detector.names, max(detector.card.input.width_px, detector.card.input.height_px)
    sahi = how.model_copy(update={"merge": "greedy_nmm", "match_threshold": 0.5})
    ways = [("whole", None, False), ("auto", how, True), ("auto, no seams", how, False), ("by sahi", sahi, False)]
    click.echo("| from a score of | " + " | ".join(f"{score:g}" for score in SCORES) + " |\n|---|---|---|")
    for name, rule, seams in ways:
        cells = []
        for score in SCORES:
            found = [_found(one.above(score), rule, seams=seams) for one in seen]
            cells.append(f"{figures(found, images, names, input_px=input_px).all:.3f}")
        click.echo(f"| {name} | {' | '.join(cells)} |")


def _pictures(video: Path, frames: int) -> Iterator[tuple[Pixels, LabelledImage]]:
    truth = still_truth(video, empty=EMPTY).truth
    random = np.random.default_rng(3)
    wanted = set(random.choice(np.unique(truth[:, 0]).astype(int) - 1, frames, replace=False).tolist())
    with av.open(str(video)) as file:
        for number, frame in enumerate(file.decode(video=0)):
            if number not in wanted:
                continue
            scale = float(random.uniform(*SCALES))
            small = cv2.resize(frame.to_ndarray(format="bgr24"), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            at = (random.random(2) * (np.array(PICTURE_PX) - small.shape[1::-1])).astype(int)
            canvas = np.full((PICTURE_PX[1], PICTURE_PX[0], 3), GREY, np.uint8)
            canvas[at[1] : at[1] + len(small), at[0] : at[0] + small.shape[1]] = small
            box = truth[truth[:, 0] == number + 1][:, 2:6] * scale
            box[:, :2] += at
            box[:, 2:] += box[:, :2]
            boxes = tuple(LabelledBox(0, (left, top, right, bottom)) for left, top, right, bottom in box.tolist())
            yield canvas, LabelledImage(Path(f"{number}.png"), *PICTURE_PX, boxes)


def _found(seen: Seen, rule: SlicesConfig | None, *, seams: bool) -> Detections:
    (parts,) = seen.parts
    if rule is None:
        return parts[0]
    if seams:
        everything = whole_first(parts, seen.windows, picture_px=PICTURE_PX, agnostic=False)
    else:
        everything = Detections.concatenate([part for part in parts if len(part)] or [Detections.empty()])
    return merged(everything, rule, agnostic=False, max_detections=MOST)


if __name__ == "__main__":
    walking()
