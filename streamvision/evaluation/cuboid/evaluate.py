"""Runs a model over the marked boxes of pictures whose objects have places in space, and measures what it says.

Boxes are the marked ones, so that the figures are those of the placing alone, as in the tables of Mousavian et al.
Beside them stand those of the simplest way that needs no network: the mean size of the class, the distance at which the
box's lower edge meets a flat road, and a yaw along the camera's axis. It is given the true class, the means of the very
objects that are measured, and their camera's height above the road.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from streamvision.core.crops import crop_edges, cut
from streamvision.core.cuboid import Cuboid
from streamvision.core.detections import class_index
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import CuboidPicture, LabelledCuboid, PictureSet
from streamvision.evaluation.cuboid.kitti import LEVELS, PictureMatch, average_precision
from streamvision.evaluation.cuboid.overlap import cuboid_overlaps
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
IOUS = (0.5, 0.7)
"""From which overlap on an object counts as found; KITTI's for cars is 0.7."""
RANGES_M = ((0.0, 20.0), (20.0, 40.0), (40.0, math.inf))
_FARTHEST_M = 500.0
Precisions = dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class CuboidFigures:
    """How well objects are placed."""

    iou_3d: float
    """Mean intersection over union in space."""
    iou_bev: float
    """Mean intersection over union seen from above."""
    distance_error: float
    """Mean error of the distance, as a share of it."""
    distance_error_m: float
    """Mean error of the distance of the middle, ahead of the camera."""
    distance_error_by_range_m: dict[str, float | None]
    """The same for objects by how far they are."""
    yaw_error_deg: float
    """Median error of the yaw."""
    wrong_way_share: float
    """Share of the objects whose yaw is wrong by more than a quarter turn."""
    size_error_m: float
    """Mean error of length, width and height."""
    ap_3d: dict[str, Precisions]
    """Average precision in space by class, least overlap and KITTI's level."""
    ap_bev: dict[str, Precisions]
    """The same seen from above."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        plain = {name: rounded(value) for name, value in vars(self).items() if isinstance(value, float)}
        by_range = {name: rounded(value) for name, value in self.distance_error_by_range_m.items()}
        precisions = {
            name: {
                kind: {iou: {level: rounded(ap) for level, ap in levels.items()} for iou, levels in by_iou.items()}
                for kind, by_iou in getattr(self, name).items()
            }
            for name in ("ap_3d", "ap_bev")
        }
        return {**plain, "distance_error_by_range_m": by_range, **precisions}


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
    """Of the model."""
    baseline: CuboidFigures
    """Of mean sizes on a flat road."""
    placed: tuple[PlacedCuboid, ...]
    """Each measured object, and where the model put it."""
    baseline_placed: tuple[PlacedCuboid, ...]
    """The same objects where the baseline put them."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            **self.found.to_json(),
            "baseline": self.baseline.to_json(),
            "objects": self.objects,
            "images": self.images,
            **self.about_json(self.names),
        }


@dataclass(frozen=True, eq=False)
class PlacedCuboid:
    """One marked object, and where it was put."""

    image: CuboidPicture
    """The picture, with its camera."""
    marked: LabelledCuboid
    """What is marked."""
    cuboid: Cuboid
    """Where it was put."""
    score: float
    """How sure that is, 0..1."""

    @property
    def range_m(self) -> float:
        """How far ahead of the camera the marked object is."""
        return self.marked.cuboid.center_m[2]

    @property
    def distance_error_m(self) -> float:
        """How much farther it was put, ahead of the camera."""
        return self.cuboid.center_m[2] - self.range_m

    @property
    def yaw_error_deg(self) -> float:
        """Angle between its yaw and the marked one, 0..180."""
        return math.degrees(abs(math.remainder(self.marked.cuboid.yaw_rad - self.cuboid.yaw_rad, 2 * math.pi)))

    @cached_property
    def ious(self) -> tuple[float, float]:
        """Intersection over union with the marked one, in space and seen from above."""
        in_space, above = cuboid_overlaps([self.marked.cuboid], [self.cuboid])
        return float(in_space[0, 0]), float(above[0, 0])


def measurable(one: LabelledCuboid) -> bool:
    """Say whether an object is large enough, mostly in the picture, and ahead of the camera."""
    height_px = one.box_xyxy_px[3] - one.box_xyxy_px[1]
    seen = one.truncated <= MOST_TRUNCATED and one.occluded <= MOST_OCCLUDED
    return seen and height_px >= LEAST_HEIGHT_PX and one.cuboid.center_m[2] > 1


def evaluate_cuboids(
    model: Model,
    pictures: PictureSet[CuboidPicture],
    *,
    camera_height_m: float | None = None,
    pitch_deg: float = PITCH_DEG,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> CuboidEvaluation:
    """Measure a model on the marked boxes of pictures, of these classes or of all.

    Args:
        model: what is measured.
        pictures: with their cameras.
        camera_height_m: of the cameras above a flat road, if the model's distances are to be joined with where boxes
            end on it.
        pitch_deg: how far the cameras pitch, a standard deviation.
        classes: names of what is measured; empty: all.
        notes: what is to be said of the measurement.
        on_progress: called with how many pictures are done.

    Raises:
        ConfigError: when the model is for another task, or nothing can be measured.
        SourceError: when a picture cannot be read.
        ModelError: when the model fails.
    """
    require_task(model, "cuboid")
    only = {_class_id(name, pictures.names) for name in classes}
    by_path: dict[Any, list[tuple[CuboidPicture, LabelledCuboid]]] = {}
    for image in pictures.images:
        chosen = [one for one in image.objects if measurable(one) and (not only or one.class_id in only)]
        by_path.setdefault(image.path, []).extend((image, one) for one in chosen)
    work = {path: pairs for path, pairs in by_path.items() if pairs}
    if not work:
        raise ConfigError(
            f"no object{_of(classes)} is at least {LEAST_HEIGHT_PX:g} px high and mostly in its picture, so there is "
            "nothing to measure"
        )
    placed: list[PlacedCuboid] = []
    begin_s = time.monotonic()
    for done, (path, pairs) in enumerate(work.items(), 1):
        picture = BgrPicture(read_bgr(path))
        boxes = np.array([one.box_xyxy_px for _, one in pairs], np.float32)
        edges = crop_edges(boxes, picture_px=(picture.width_px, picture.height_px), margin=MARGIN)
        results = model.find([cut(picture, *row) for row in edges.tolist()])
        for (image, one), result in zip(pairs, results, strict=True):
            assert result.image_result is not None and result.image_result.cuboid is not None
            camera = replace(image.camera, height_m=camera_height_m, pitch_spread_rad=math.radians(pitch_deg))
            whole = one.box_xyxy_px[3] < image.height_px * (1 - EDGE_SHARE)
            cuboid = result.image_result.cuboid.place(one.box_xyxy_px, camera, ends_at_road=whole)
            placed.append(PlacedCuboid(image, one, cuboid, cuboid.score))
        on_progress(done, len(work))
    seconds = time.monotonic() - begin_s
    baseline = _on_flat_road(placed, camera_height_m)
    return CuboidEvaluation(
        model=model.describe(),
        names=pictures.names,
        images=len(work),
        objects=len(placed),
        found=_figures(placed, pictures.names),
        baseline=_figures(baseline, pictures.names),
        placed=tuple(placed),
        baseline_placed=tuple(baseline),
        seconds=seconds,
        notes=(*notes, *model.card.assumed),
        problems=pictures.problems,
    )


def _class_id(name: str, names: tuple[str, ...]) -> int:
    if (found := class_index(name, names)) is None:
        raise ConfigError(f"{name!r} is no class of the data set; it has {', '.join(names)}")
    return found


def _of(classes: Sequence[str]) -> str:
    return f" of {', '.join(classes)}" if classes else ""


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


def _figures(placed: Sequence[PlacedCuboid], names: tuple[str, ...]) -> CuboidFigures:
    overlaps = np.array([one.ious for one in placed])
    range_m = np.array([one.range_m for one in placed])
    error_m = np.abs([one.distance_error_m for one in placed])
    yaw_deg = np.array([one.yaw_error_deg for one in placed])
    by_range: dict[str, float | None] = {}
    for least_m, most_m in RANGES_M:
        inside = (range_m >= least_m) & (range_m < most_m)
        name = f"{least_m:g}-{most_m:g}" if math.isfinite(most_m) else f"{least_m:g}-"
        by_range[name] = float(error_m[inside].mean()) if inside.any() else None
    size_m = np.abs([np.subtract(one.marked.cuboid.size_lwh_m, one.cuboid.size_lwh_m) for one in placed])
    above, in_space = (_precisions(placed, names, from_above=from_above) for from_above in (True, False))
    return CuboidFigures(
        iou_3d=float(overlaps[:, 0].mean()),
        iou_bev=float(overlaps[:, 1].mean()),
        distance_error=float((error_m / range_m).mean()),
        distance_error_m=float(error_m.mean()),
        distance_error_by_range_m=by_range,
        yaw_error_deg=float(np.median(yaw_deg)),
        wrong_way_share=float((yaw_deg > 90).mean()),
        size_error_m=float(size_m.mean()),
        ap_3d=in_space,
        ap_bev=above,
    )


def _precisions(placed: Sequence[PlacedCuboid], names: tuple[str, ...], *, from_above: bool) -> dict[str, Precisions]:
    found: dict[str, Precisions] = {}
    for class_id, name in enumerate(names):
        own = [one for one in placed if one.marked.class_id == class_id]
        by_path: dict[Any, list[PlacedCuboid]] = {}
        for one in own:
            by_path.setdefault(one.image.path, []).append(one)
        matches = [_match(group, from_above=from_above) for group in by_path.values()]
        if matches:
            found[name] = {
                f"{least_iou:g}": {
                    level.name: average_precision(matches, level, least_iou=least_iou) for level in LEVELS
                }
                for least_iou in IOUS
            }
    return found


def _match(group: Sequence[PlacedCuboid], *, from_above: bool) -> PictureMatch:
    marked = [one.marked for one in group]
    in_space, above = cuboid_overlaps([one.cuboid for one in group], [one.cuboid for one in marked])
    boxes = np.array([one.box_xyxy_px for one in marked])
    score = np.array([one.score for one in group])
    return PictureMatch(marked, score, boxes[:, 3] - boxes[:, 1], above if from_above else in_space)
