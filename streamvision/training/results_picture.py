"""One picture of a run's results: its curves, and what the best epoch says of held-out pictures."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from streamvision.core.crops import crop_edges, cut
from streamvision.core.cuboid import EDGES
from streamvision.core.detections import Detections
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import (
    AnsweredPicture,
    CaptionedPicture,
    CuboidPicture,
    LabelledImage,
    MappedPicture,
    NamedPicture,
    PairedPicture,
)
from streamvision.evaluation.cuboid.evaluate import MARGIN
from streamvision.evaluation.images import made_of
from streamvision.evaluation.model import open_model
from streamvision.evaluation.picture_pairs import read_pair, resized
from streamvision.evaluation.predictions import read_bgr
from streamvision.inference.model import Model
from streamvision.training.data import TrainingData
from streamvision.training.report import CurveFile

SAMPLES, COLUMNS = 8, 4
LEAST_SCORE = 0.25
MOST_OBJECTS = 30
"""Drawn on a picture, the surest first."""
LINE_CHARACTERS = 44
MARKED, FOUND = "#2ca02c", "#d62728"


def draw_results(
    path: Path,
    curves: CurveFile,
    data: TrainingData[Any],
    weights: Path,
    *,
    trusted: bool,
    samples: Path | None = None,
) -> None:
    """Draw the curves, and below them held-out pictures with what is marked (green) and what was found (red).

    Pictures that become others are shown in threes: what the network is given, what it makes of it, and the truth.
    Where the same pictures are learnt and held out, which is a trial, these are shown.

    Args:
        path: PNG to write.
        curves: of the run.
        data: what was learnt from.
        weights: checkpoint of the best epoch.
        trusted: whether it may run its author's code.
        samples: picture of what the network draws, which is shown where it takes no pictures.
    """
    from matplotlib.figure import Figure

    if samples is not None:
        _draw_with_samples(path, curves, samples)
        return
    step = max(len(data.val) // SAMPLES, 1)
    shown = data.val[::step][:SAMPLES]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(14, 3.6 + 3.4 * rows), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[3.6, 3.4 * rows])
    above, below = parts
    curves.draw_on(above)
    kind = "Learnt" if data.train == data.val else "Held-out"
    below.suptitle(f"{kind} pictures: {_said_of(shown[0])}", fontsize=10)
    axes = below.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    with open_model(weights, trust_checkpoint=trusted) as model:
        for axis, image in zip(axes, shown, strict=False):
            if isinstance(image, PairedPicture):
                axis.imshow(_triple(model, image))
                continue
            bgr = read_bgr(image.path)
            axis.imshow(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
            axis.autoscale(False)  # what is drawn on a picture leaves it whole
            if isinstance(image, CuboidPicture):
                _draw_cuboids(axis, image, bgr, model)
                continue
            (found,) = model.find([BgrPicture(bgr)])
            if isinstance(image, LabelledImage):
                for box in image.boxes:
                    _draw_box(axis, box.box_xyxy_px, MARKED)
                    points = [(x, y) for x, y, visible in (box.shape.keypoints if box.shape else ()) if visible]
                    if points:
                        axis.scatter(*zip(*points, strict=True), s=6, color=MARKED)
            _draw_objects(axis, found.detections, data.names)
            if found.image_result is not None:
                _draw_whole(axis, image, found.image_result, data.names, bgr.shape[:2])
    figure.savefig(path, dpi=90)


def _draw_with_samples(path: Path, curves: CurveFile, samples: Path) -> None:
    from matplotlib.figure import Figure

    rgb = cv2.cvtColor(read_bgr(samples), cv2.COLOR_BGR2RGB)
    height = 14 * rgb.shape[0] / rgb.shape[1] + 0.4
    figure = Figure(figsize=(14, 3.6 + height), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[3.6, height])
    curves.draw_on(parts[0])
    parts[1].suptitle("Held-out pictures, drawn ones, and ways between two of these", fontsize=10)
    axis = parts[1].subplots()
    axis.axis("off")
    axis.imshow(rgb)
    figure.savefig(path, dpi=90)


def _said_of(image: Any) -> str:
    """Return what is to be seen on pictures of a kind."""
    if isinstance(image, PairedPicture):
        return f"given, made by the best epoch{', truth' if image.has_truth else ''}"
    if isinstance(image, MappedPicture):
        return "the class of each pixel by the best epoch, a colour each"
    return "marked in green, found by the best epoch in red"


def _triple(model: Model, image: PairedPicture) -> Any:
    """Return (H, W, 3) RGB what the network is given, what it makes of it, and any truth, along the shorter side."""
    given, truth = read_pair(image)
    size_px = (truth.shape[1], truth.shape[0])
    three = [resized(given, size_px), resized(made_of(model, given), size_px), *([truth] if image.has_truth else [])]
    return cv2.cvtColor(np.concatenate(three, axis=int(size_px[0] < size_px[1])), cv2.COLOR_BGR2RGB)


def _draw_cuboids(axis: Any, image: CuboidPicture, bgr: Any, model: Model) -> None:
    """Draw the cuboids of a picture, and what is around them."""
    for one in image.objects:
        (edges,) = crop_edges(
            np.array([one.box_xyxy_px], np.float32), picture_px=(image.width_px, image.height_px), margin=MARGIN
        ).tolist()
        (found,) = model.find([cut(BgrPicture(bgr), *edges)])
        assert found.image_result is not None and found.image_result.cuboid is not None
        placed = found.image_result.cuboid.place(one.box_xyxy_px, image.camera)
        for cuboid, colour in ((one.cuboid, MARKED), (placed, FOUND)):
            corners = image.camera.project(cuboid.corners_m)
            for pair in EDGES:
                axis.plot(*corners[list(pair)].T, color=colour, linewidth=1.0)
        axis.set_title(f"{one.cuboid.distance_m:.0f} m, found at {placed.distance_m:.0f} m", fontsize=9)
        reach_px = 1.5 * max(one.box_xyxy_px[2] - one.box_xyxy_px[0], one.box_xyxy_px[3] - one.box_xyxy_px[1])
        middle_x, middle_y = np.add(one.box_xyxy_px[:2], one.box_xyxy_px[2:]) / 2
        axis.set_xlim(max(middle_x - reach_px, 0), min(middle_x + reach_px, image.width_px))
        axis.set_ylim(min(middle_y + reach_px, image.height_px), max(middle_y - reach_px, 0))


def _draw_objects(axis: Any, found: Detections, names: tuple[str, ...]) -> None:
    sure = np.flatnonzero(found.score >= LEAST_SCORE)
    for index in sure[np.argsort(-found.score[sure])][:MOST_OBJECTS]:
        box = found.box_xyxy_px[index]
        if found.obb_cxcywhr_px is None:
            _draw_box(axis, box, FOUND)
        else:
            centre_x, centre_y, width, height, radians = (float(v) for v in found.obb_cxcywhr_px[index])
            corners = cv2.boxPoints(((centre_x, centre_y), (width, height), float(np.degrees(radians))))
            axis.plot(*np.vstack([corners, corners[:1]]).T, color=FOUND, linewidth=1.2)
        axis.text(
            box[0], box[1] - 2, f"{names[found.class_id[index]]} {found.score[index]:.2f}", color=FOUND, fontsize=7
        )
        if found.keypoint_xy_px is not None:
            axis.scatter(*found.keypoint_xy_px[index].T, s=6, color=FOUND)
        if found.mask is not None:
            mask = found.mask[index]
            height_px, width_px = mask.bits.shape
            extent = (mask.left_px, mask.left_px + width_px, mask.top_px + height_px, mask.top_px)
            axis.imshow(np.ma.masked_equal(mask.bits.astype(float), 0), extent=extent, cmap="autumn", alpha=0.45)


def _draw_whole(axis: Any, image: Any, found: ImageResult, names: tuple[str, ...], size: tuple[int, int]) -> None:
    """Write the class of a picture, or lay the classes of its pixels over it."""
    if isinstance(image, AnsweredPicture):
        known = dict(zip(found.values or {}, image.numbers, strict=False))
        marked = [f"{value:.4g}" for value in known.values() if value is not None]
        said = found.number_texts()
        right = True
        if found.class_score is not None and image.class_id is not None:
            best = int(found.class_score.argmax())
            right, said, marked = best == image.class_id, [names[best], *said], [names[image.class_id], *marked]
        written = (", ".join(said), f"is {', '.join(marked) or 'not known'}")
        axis.set_title("\n".join(map(_wrapped, written)), color=MARKED if right else FOUND, fontsize=8)
    elif found.class_score is not None:
        best = int(found.class_score.argmax())
        right = isinstance(image, NamedPicture) and image.class_id == best
        wrong = f", is {names[image.class_id]}" if isinstance(image, NamedPicture) and not right else ""
        title = f"{names[best]} {found.class_score[best]:.2f}{wrong}"
        axis.set_title(title, color=MARKED if right else FOUND, fontsize=9)
    elif isinstance(image, CaptionedPicture) and found.text is not None:
        axis.set_title(_wrapped(image.captions[0]), color=MARKED, fontsize=8)
        axis.text(
            0.5, -0.03, _wrapped(found.text), color=FOUND, fontsize=8, ha="center", va="top", transform=axis.transAxes
        )
    elif found.picture is not None:
        axis.set_title("what was made of it", fontsize=8)
        axis.imshow(cv2.cvtColor(found.picture.to_bgr(), cv2.COLOR_BGR2RGB))
    elif found.class_map is not None:
        extent = (0, size[1], size[0], 0)
        axis.imshow(found.class_map, extent=extent, cmap="tab20", vmin=0, vmax=max(len(names), 2), alpha=0.5)


def _wrapped(sentence: str) -> str:
    return "\n".join(textwrap.wrap(sentence, LINE_CHARACTERS))


def _draw_box(axis: Any, box_xyxy_px: Any, colour: str) -> None:
    left, top, right, bottom = (float(value) for value in box_xyxy_px)
    axis.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color=colour, linewidth=1.2)
