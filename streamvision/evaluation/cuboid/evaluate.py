"""Runs a model over the boxes of pictures whose objects have places in space, and measures what it says.

Boxes are the marked ones, so that the figures are those of the placing alone, as in the tables of Mousavian et al.;
those that a detector finds are measured beside them, as the whole chain runs on a stream. Beside both stand the figures
of the simplest way that needs no network: the mean size of the class, the distance at which the marked box's lower edge
meets a flat road, and a yaw along the camera's axis. It is given the true class, the means of the very objects that are
measured, and their camera's height above the road.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.core.boxes import overlaps
from streamvision.core.crops import crop_edges, cut
from streamvision.core.cuboid import Corners, Cuboid, Pinhole
from streamvision.core.detections import Detections, class_index
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import CuboidPicture, LabelledCuboid, PictureSet
from streamvision.evaluation.class_names import ClassMatch, match_names, translate
from streamvision.evaluation.cuboid.figures import (
    CuboidFigures,
    PlacedBox,
    PlacedCuboid,
    PlacedPicture,
    figures_of,
)
from streamvision.evaluation.model import require_task
from streamvision.evaluation.predictions import Measurement, OnProgress, read_bgr, rounded
from streamvision.inference.model import Model

MARGIN = 0.05
"""How far crops reach beyond their boxes, as those of secondary models do."""
LEAST_HEIGHT_PX = 16.0
"""Lower objects are not measured."""
MOST_TRUNCATED, MOST_OCCLUDED = 0.5, 2
"""Nor are those of which more is beyond the picture, or of which it is not known how far they are hidden."""
EDGE_SHARE = 0.02
"""Boxes that end as near to the picture's lower edge may be cut off by it."""
PITCH_DEG = 0.2
"""How far a car pitches, unless it is said."""
LEAST_SCORE, FOUND_SCORE = 0.05, 0.25
"""Boxes of a detector are placed down to the first, for average precision; an object counts as found from the second
on, with which detectors run."""
LEAST_BOX_IOU = 0.5
"""A box is of the object that it overlaps so far."""
_FARTHEST_M = 500.0


@dataclass(frozen=True, eq=False)
class DetectedFigures:
    """How well objects are placed by the boxes of a detector."""

    detector: str
    """It in words: file, head, size, runtime."""
    recall: float
    """Share of the measured objects on which a box lies."""
    found: CuboidFigures
    """Errors of those that were found; average precision of all."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {"detector": self.detector, "recall": rounded(self.recall), **self.found.to_json()}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CuboidEvaluation(Measurement):
    """How good a model is on a data set."""

    names: tuple[str, ...]
    """Class names of the data set."""
    images: int
    """How many pictures have objects that were measured."""
    objects: int
    """How many objects were measured."""
    found: CuboidFigures
    """Of the model, by the marked boxes."""
    baseline: CuboidFigures
    """Of mean sizes on a flat road."""
    placed: tuple[PlacedCuboid, ...]
    """Each measured object, and where the model put it by its marked box."""
    baseline_placed: tuple[PlacedCuboid, ...]
    """The same objects where the baseline put them."""
    detected: DetectedFigures | None = None
    """Of the model by the boxes of a detector, where there is one."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            **self.found.to_json(),
            **({} if self.detected is None else {"detected": self.detected.to_json()}),
            "baseline": self.baseline.to_json(),
            "objects": self.objects,
            "images": self.images,
            **self.about_json(self.names),
        }


@dataclass(frozen=True)
class _FoundBox:
    """A box of a detector."""

    class_id: int
    box_xyxy_px: Corners
    score: float
    marked: LabelledCuboid | None
    """The object that it is of; ``None`` where it is of none."""


def measurable(one: LabelledCuboid) -> bool:
    """Say whether an object is large enough, mostly in the picture, and ahead of the camera."""
    height_px = one.box_xyxy_px[3] - one.box_xyxy_px[1]
    seen = one.truncated <= MOST_TRUNCATED and one.occluded <= MOST_OCCLUDED
    return seen and height_px >= LEAST_HEIGHT_PX and one.cuboid.center_m[2] > 1


def evaluate_cuboids(
    model: Model,
    pictures: PictureSet[CuboidPicture],
    *,
    detector: Model | None = None,
    camera_height_m: float | None = None,
    pitch_deg: float | None = None,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> CuboidEvaluation:
    """Measure a model on the marked boxes of pictures, of these classes or of all, and on those of a detector.

    Args:
        model: what is measured.
        pictures: with their cameras.
        detector: finds the objects, by the names of their classes; ``None``: only marked boxes are placed.
        camera_height_m: of the cameras above a flat road, if the model's distances are to be joined with where boxes
            end on it.
        pitch_deg: how far the cameras pitch, a standard deviation; ``None`` for :data:`PITCH_DEG`.
        classes: names of what is measured; empty: all.
        notes: what is to be said of the measurement.
        on_progress: called with how many pictures are done.

    Raises:
        ConfigError: when a model is for another task, a pitch is given without a height, the detector does not know a
            class or finds nothing, or nothing can be measured.
        SourceError: when a picture cannot be read.
        ModelError: when a model fails.
    """
    require_task(model, "cuboid")
    if pitch_deg is not None and camera_height_m is None:
        raise ConfigError(
            "pitch_deg says how far the road under a camera is to be trusted, which needs its height; give "
            "camera_height_m, too, or leave it out"
        )
    pitch_rad = math.radians(PITCH_DEG if pitch_deg is None else pitch_deg)
    match = None if detector is None else _matched(detector, pictures, classes)
    only = {_class_id(name, pictures.names) for name in classes}
    by_path: dict[Path, list[tuple[CuboidPicture, LabelledCuboid]]] = {}
    for image in pictures.images:
        chosen = [one for one in image.objects if measurable(one) and (not only or one.class_id in only)]
        by_path.setdefault(image.path, []).extend((image, one) for one in chosen)
    images = {image.path: image for image in pictures.images if by_path[image.path] or detector}
    if not any(by_path.values()):
        raise ConfigError(
            f"no object{_of(classes)} is at least {LEAST_HEIGHT_PX:g} px high and mostly in its picture, so there is "
            "nothing to measure"
        )
    placed: list[PlacedCuboid] = []
    found = _Found([], [])
    begin_s = time.monotonic()
    for done, (path, image) in enumerate(images.items(), 1):
        picture, own = BgrPicture(read_bgr(path)), by_path[path]
        camera = replace(image.camera, height_m=camera_height_m, pitch_spread_rad=pitch_rad)
        cuboids = _place(model, picture, [one.box_xyxy_px for _, one in own], camera)
        placed += [PlacedCuboid(*pair, cuboid, cuboid.score) for pair, cuboid in zip(own, cuboids, strict=True)]
        if detector is not None and match is not None:
            boxes = _boxes_of(detector.find([picture])[0].detections, match, [one for _, one in own])
            marked = tuple(one for one in image.objects if not only or one.class_id in only)
            found.add(image, boxes, _place(model, picture, [one.box_xyxy_px for one in boxes], camera), marked)
        on_progress(done, len(images))
    seconds = time.monotonic() - begin_s
    baseline = _on_flat_road(placed, camera_height_m)
    return CuboidEvaluation(
        model=model.describe(),
        names=pictures.names,
        images=sum(map(bool, by_path.values())),
        objects=len(placed),
        found=figures_of(placed, pictures.names),
        baseline=figures_of(baseline, pictures.names),
        placed=tuple(placed),
        baseline_placed=tuple(baseline),
        detected=None if detector is None else found.figures(detector, pictures.names, len(placed)),
        seconds=seconds,
        notes=(*notes, *(match.notes if match else ()), *model.card.assumed),
        problems=pictures.problems,
    )


def _matched(detector: Model, pictures: PictureSet[CuboidPicture], classes: Sequence[str]) -> ClassMatch:
    require_task(detector, "detect")
    used = {one.class_id for image in pictures.images for one in image.objects if measurable(one)}
    return match_names(pictures.names, used, detector.names, only=classes, called="detector")


def _class_id(name: str, names: tuple[str, ...]) -> int:
    if (found := class_index(name, names)) is None:
        raise ConfigError(f"{name!r} is no class of the data set; it has {', '.join(names)}")
    return found


def _of(classes: Sequence[str]) -> str:
    return f" of {', '.join(classes)}" if classes else ""


def _place(model: Model, picture: BgrPicture, boxes: Sequence[Corners], camera: Pinhole) -> list[Cuboid]:
    """Return what the model says of boxes on a picture."""
    if not boxes:
        return []
    size_px = picture.width_px, picture.height_px
    edges = crop_edges(np.array(boxes, np.float32), picture_px=size_px, margin=MARGIN)
    cuboids = []
    for box, result in zip(boxes, model.find([cut(picture, *row) for row in edges.tolist()]), strict=True):
        assert result.image_result is not None and result.image_result.cuboid is not None
        whole = box[3] < picture.height_px * (1 - EDGE_SHARE)
        cuboids.append(result.image_result.cuboid.place(box, camera, ends_at_road=whole))
    return cuboids


def _boxes_of(found: Detections, match: ClassMatch, marked: Sequence[LabelledCuboid]) -> list[_FoundBox]:
    """Return the boxes of a detector, each with the marked object that it is of; no object has two."""
    kept, class_ids = translate(found.class_id, match)
    corners, scores = found.box_xyxy_px[kept].astype(np.float64), found.score[kept].astype(np.float64)
    iou = overlaps(corners, np.array([one.box_xyxy_px for one in marked], np.float64).reshape(-1, 4))
    boxes = []
    for row in np.argsort(-scores, kind="stable").tolist():
        if scores[row] < LEAST_SCORE:
            break
        own = None
        if marked and scores[row] >= FOUND_SCORE and iou[row].max() >= LEAST_BOX_IOU:
            at = int(iou[row].argmax())
            own, iou[:, at] = marked[at], 0.0
        left, top, right, bottom = corners[row].tolist()
        boxes.append(_FoundBox(int(class_ids[row]), (left, top, right, bottom), float(scores[row]), own))
    return boxes


@dataclass(frozen=True, eq=False)
class _Found:
    """What is placed by the boxes of a detector."""

    placed: list[PlacedCuboid]
    pictures: list[PlacedPicture]

    def add(
        self,
        image: CuboidPicture,
        boxes: Sequence[_FoundBox],
        cuboids: Sequence[Cuboid],
        marked: tuple[LabelledCuboid, ...],
    ) -> None:
        """Take in a picture; of its objects, those of no level have to be known, lest boxes of them count as wrong."""
        pairs = list(zip(boxes, cuboids, strict=True))
        self.placed.extend(
            PlacedCuboid(image, box.marked, cuboid, cuboid.score) for box, cuboid in pairs if box.marked is not None
        )
        told = tuple(PlacedBox(box.class_id, box.box_xyxy_px, one, box.score * one.score) for box, one in pairs)
        self.pictures.append(PlacedPicture(marked, told))

    def figures(self, detector: Model, names: tuple[str, ...], objects: int) -> DetectedFigures:
        """Return the figures.

        Raises:
            ConfigError: when nothing was found.
        """
        if not self.placed:
            raise ConfigError(
                f"{detector.describe()} finds none of the {objects} objects, so there is nothing to place; give a "
                "detector of their classes"
            )
        recall = len(self.placed) / objects
        return DetectedFigures(detector.describe(), recall, figures_of(self.placed, names, self.pictures))


def _on_flat_road(placed: Sequence[PlacedCuboid], height_m: float | None) -> list[PlacedCuboid]:
    marked = [one.marked for one in placed]
    if height_m is None:
        height_m = float(np.median([one.cuboid.center_m[1] + one.cuboid.size_lwh_m[2] / 2 for one in marked]))
    sizes = {
        class_id: np.mean([one.cuboid.size_lwh_m for one in marked if one.class_id == class_id], axis=0).tolist()
        for class_id in {one.class_id for one in marked}
    }
    found = []
    for one in placed:
        camera, (left, _, right, bottom) = one.image.camera, one.marked.box_xyxy_px
        length, width, height = sizes[one.marked.class_id]
        z_m = min(replace(camera, height_m=height_m).road_m(bottom) + length / 2, _FARTHEST_M)
        x_m = ((left + right) / 2 - camera.center_x_px) * z_m / camera.focal_px
        cuboid = Cuboid((x_m, height_m - height / 2, z_m), (length, width, height), 0.0)
        found.append(PlacedCuboid(one.image, one.marked, cuboid, 1 / (1 + z_m)))
    return found
