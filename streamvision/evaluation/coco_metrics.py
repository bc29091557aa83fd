"""Average precision as COCO defines it, computed by faster-coco-eval, whose figures equal those of pycocotools.

See https://cocodataset.org/#detection-eval: ten overlaps from 0.50 to 0.95, 101 recall levels, at most 100 objects a
class and picture; 20 where objects are compared by keypoints. Sizes go by the area of the box, of the mask, or as the
labels state it: small below 32x32 px, large from 96x96 px.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.install import install_command
from streamvision.evaluation.boundaries import BAND_SHARE
from streamvision.evaluation.coco_shapes import (
    Likeness,
    is_marked,
    oriented_evaluator,
    shape_annotation,
    shaped_results,
)
from streamvision.evaluation.predictions import Predictions, Truth

INSTALL = install_command("eval")
RECALL_LEVELS: NDArray[np.float64] = np.linspace(0, 1, 101)
"""The recall levels at which precision is read off."""
_LIBRARY_WORDS: dict[Likeness, str] = {
    "box": "bbox",
    "mask": "segm",
    "boundary": "boundary",
    "keypoints": "keypoints",
    "oriented": "bbox",
}
_ALL_SIZES, _MOST_OBJECTS, _IOU_50, _IOU_75 = 0, -1, 0, 5


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """How well one class is found. Figures are ``None`` where no object of the class is marked."""

    map50_95: float | None
    """Average precision, mean over the overlaps 0.50 to 0.95."""
    map50: float | None
    """Average precision at the overlap 0.50."""
    map75: float | None
    """Average precision at the overlap 0.75."""
    recall50: float | None
    """Share of the objects that is found at the overlap 0.50, whatever the score."""
    objects: int
    """How many objects are marked and count."""
    images: int
    """On how many pictures they are."""
    precision50: NDArray[np.float64] | None
    """(101,) precision at :data:`RECALL_LEVELS`, at the overlap 0.50."""


@dataclass(frozen=True, eq=False)
class CocoFigures:
    """COCO's figures of a whole data set: means over the classes that have objects."""

    map50_95: float
    """Mean over classes and overlaps from 0.50 to 0.95."""
    map50: float
    """Mean over classes at the overlap 0.50."""
    map75: float
    """Mean over classes at the overlap 0.75."""
    by_size: dict[str, float | None]
    """``map50_95`` of small, medium and large objects; ``None`` where there are none. COCO compares no keypoints of
    small objects."""
    objects_by_size: dict[str, int]
    """How many objects of each size are marked."""
    per_class: dict[str, ClassFigures]
    """By class name, in the data set's order."""


def coco_figures(predictions: Predictions, *, by: Likeness = "box", sigmas: Sequence[float] = ()) -> CocoFigures:
    """Return COCO's figures of what was found.

    Args:
        predictions: what was found, and what is marked.
        by: what of two objects is compared.
        sigmas: for keypoints: the spread of each, as COCO defines it.

    Raises:
        ConfigError: when no object is marked, so that there is nothing to measure.
        MissingDependencyError: when faster-coco-eval is not installed.
    """
    truths = [Truth.of(image) for image in predictions.images]
    counted = [
        truth.class_id[~truth.ignore & np.array([is_marked(box, by) for box in image.boxes], bool)]
        for truth, image in zip(truths, predictions.images, strict=True)
    ]
    if not sum(map(len, counted)):
        raise ConfigError("no object is marked on any picture, so there is nothing to measure; give labelled pictures")
    truth = coco_truth(predictions, truths, by=by)
    evaluation = _evaluate(predictions, truth, by, sigmas)
    sizes: list[str] = evaluation.params.areaRngLbl[1:]
    precision: NDArray[np.float64] = evaluation.eval["precision"]  # overlap, recall, class, size, most objects
    recall: NDArray[np.float64] = evaluation.eval["recall"]
    per_class = {
        name: ClassFigures(
            map50_95=_mean(precision[:, :, class_id, _ALL_SIZES, _MOST_OBJECTS]),
            map50=_mean(precision[_IOU_50, :, class_id, _ALL_SIZES, _MOST_OBJECTS]),
            map75=_mean(precision[_IOU_75, :, class_id, _ALL_SIZES, _MOST_OBJECTS]),
            recall50=_mean(recall[_IOU_50, class_id, _ALL_SIZES, _MOST_OBJECTS]),
            objects=sum(int((ids == class_id).sum()) for ids in counted),
            images=sum(bool((ids == class_id).any()) for ids in counted),
            precision50=_curve(precision[_IOU_50, :, class_id, _ALL_SIZES, _MOST_OBJECTS]),
        )
        for class_id, name in enumerate(predictions.names)
    }
    all_sizes = precision[..., _ALL_SIZES, _MOST_OBJECTS]
    return CocoFigures(
        map50_95=_mean(all_sizes) or 0.0,
        map50=_mean(all_sizes[_IOU_50]) or 0.0,
        map75=_mean(all_sizes[_IOU_75]) or 0.0,
        by_size={name: _mean(precision[..., 1 + at, _MOST_OBJECTS]) for at, name in enumerate(sizes)},
        objects_by_size=_objects_by_size(truth["annotations"], by),
        per_class=per_class,
    )


def _evaluate(predictions: Predictions, given: dict[str, Any], by: Likeness, sigmas: Sequence[float]) -> Any:
    library = _library()
    truth = library.COCO(given)
    rows = [
        row | {"image_id": image_id}
        for image_id, of_image in enumerate(shaped_results(predictions, by), 1)
        for row in of_image
    ]
    evaluator = oriented_evaluator(library) if by == "oriented" else library.COCOeval_faster
    more: dict[str, Any] = {"kpt_oks_sigmas": list(sigmas)} if by == "keypoints" else {}
    if by == "boundary":
        more = {"boundary_dilation_ratio": BAND_SHARE}
    evaluation = evaluator(truth, truth.loadRes(rows), iouType=_LIBRARY_WORDS[by], **more)
    evaluation.params.catIds = list(range(len(predictions.names)))  # for keypoints it would leave out some
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def coco_truth(predictions: Predictions, truths: list[Truth], *, by: Likeness = "box") -> dict[str, Any]:
    """Return what is marked in COCO's annotation form; pictures are numbered from 1, classes from 0."""
    annotations: list[dict[str, Any]] = []
    for image_id, (truth, image) in enumerate(zip(truths, predictions.images, strict=True), 1):
        for marked, box, class_id, ignore in zip(
            image.boxes, truth.box_xyxy_px, truth.class_id, truth.ignore, strict=True
        ):
            left, top, right, bottom = box.tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "iscrowd": int(ignore),
                }
                | shape_annotation(marked, image, by)
            )
    return {
        "images": [
            {"id": image_id, "file_name": image.path.name, "width": image.width_px, "height": image.height_px}
            for image_id, image in enumerate(predictions.images, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": class_id, "name": name} for class_id, name in enumerate(predictions.names)],
    }


def _objects_by_size(annotations: list[dict[str, Any]], by: Likeness) -> dict[str, int]:
    counted = [one for one in annotations if not one["iscrowd"] and (by != "keypoints" or one["num_keypoints"])]
    area = np.array([one["area"] for one in counted])
    small, large = area < 32**2, area >= 96**2
    return {"small": int(small.sum()), "medium": int((~small & ~large).sum()), "large": int(large.sum())}


def _mean(values: NDArray[np.float64]) -> float | None:
    """Return the mean of the figures that exist; the library marks the others with -1."""
    valid = values[values > -1]
    return float(valid.mean()) if valid.size else None


def _curve(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return values if (values > -1).all() else None


def _library() -> Any:
    try:
        import faster_coco_eval
    except ImportError as error:
        raise MissingDependencyError(f"COCO's figures need faster-coco-eval: {INSTALL}") from error
    return faster_coco_eval
