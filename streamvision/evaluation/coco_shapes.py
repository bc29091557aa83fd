"""Masks, keypoints and oriented boxes in COCO's forms, for figures that compare objects by them.

Results carry no box beside a mask or keypoints: the library would take their size from it, and COCO takes it from the
mask, or from the rectangle around the keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import oriented_overlaps
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.masks import encode_rle
from streamvision.datasets.dataset import LabelledBox, LabelledImage, LabelledShape
from streamvision.evaluation.predictions import Predictions

Likeness = Literal["box", "mask", "boundary", "keypoints", "oriented"]
"""What of two objects is compared: the overlap of boxes, masks or oriented boxes, the likeness of keypoints, or for
``boundary`` the smaller of two overlaps, of masks and of the bands along their edges
(:mod:`streamvision.evaluation.boundaries`)."""
OF_MASKS = ("mask", "boundary")

BOX_SHARE = 0.53
"""Share of its box that a person fills, where the labels state no area, as ultralytics has it."""
DECIMALS = 3


def is_marked(box: LabelledBox, by: Likeness) -> bool:
    """Say whether what is to be compared is marked on an object."""
    shape = box.shape or LabelledShape()
    if by in OF_MASKS:
        return bool(shape.polygons_px) or shape.rle_counts is not None
    if by == "keypoints":
        return any(visible for *_, visible in shape.keypoints)
    return by == "box" or bool(shape.polygons_px)


def shape_annotation(box: LabelledBox, image: LabelledImage, by: Likeness) -> dict[str, Any]:
    """Return what a COCO annotation says of an object beyond its box.

    An object without an outline is taken for a crowd that fills its box. One without keypoints is not counted, by
    COCO's own rule.
    """
    shape = box.shape or LabelledShape()
    left, top, right, bottom = box.box_xyxy_px
    area = shape.area_px
    if by == "box":
        return {}
    if by == "keypoints":
        points = [value for point in shape.keypoints for value in point]
        marked = sum(visible > 0 for *_, visible in shape.keypoints)
        area = BOX_SHARE * (right - left) * (bottom - top) if area is None else area
        return {"keypoints": points, "num_keypoints": marked, "area": area}
    if not is_marked(box, by):
        outline = [[left, top, right, top, right, bottom, left, bottom]]
        return {"iscrowd": 1, "segmentation": outline, "obb": oriented_box(outline)}
    if by == "oriented":
        obb = oriented_box(shape.polygons_px)
        return {"obb": obb, "area": obb[2] * obb[3]}
    if shape.rle_counts is not None:
        counts = shape.rle_counts if isinstance(shape.rle_counts, str) else list(shape.rle_counts)
        area = _run_area(counts, box) if area is None else area
        return {"segmentation": {"size": [image.height_px, image.width_px], "counts": counts}, "area": area}
    area = sum(map(_polygon_area, shape.polygons_px)) if area is None else area
    return {"segmentation": [list(polygon) for polygon in shape.polygons_px], "area": area}


def oriented_box(polygons: Sequence[Sequence[float]]) -> list[float]:
    """Return the smallest oriented box around an outline: centre, width, height in pixels, rotation in radians."""
    corners = np.concatenate([np.asarray(polygon, np.float32).reshape(-1, 2) for polygon in polygons])
    (center_x, center_y), (width, height), angle = cv2.minAreaRect(corners)
    return [center_x, center_y, width, height, float(np.radians(angle))]


def shaped_results(predictions: Predictions, by: Likeness) -> list[list[dict[str, Any]]]:
    """Return what was found on each picture in COCO's results form, with what is compared.

    Raises:
        ConfigError: when the model does not give that.
    """
    results = predictions.coco_results()
    if by == "box":
        return results
    for rows, found, image in zip(results, predictions.found, predictions.images, strict=True):
        for row, shape in zip(rows, _shapes(found, image, by), strict=True):
            if by in (*OF_MASKS, "keypoints"):
                del row["bbox"]
            row.update(shape)
    return results


def oriented_evaluator(library: Any) -> type[Any]:
    """Return the library's evaluator with the exact overlap of oriented boxes in place of that of upright ones."""

    class OrientedEvaluator(library.COCOeval_faster):  # type: ignore[misc]
        """Objects carry ``obb``."""

        def computeIoU(self, imgId: int, catId: int) -> NDArray[np.float64] | list[float]:  # noqa: N802, N803
            """Return (found, marked) overlaps of one class on one picture, the best score first."""
            marked, found = self.gt_dataset.get(imgId, catId), self.dt_dataset.get(imgId, catId)
            order = np.argsort([-one["score"] for one in found], kind="mergesort")[: self.params.maxDets[-1]]
            if not marked or not found:
                return []
            boxes = [np.array([one["obb"] for one in rows], np.float32) for rows in ([found[i] for i in order], marked)]
            return oriented_overlaps(boxes[0], boxes[1], np.ones((len(order), len(marked)), np.bool_))

    return OrientedEvaluator


def _shapes(found: Detections, image: LabelledImage, by: Likeness) -> list[dict[str, Any]]:
    if not len(found):
        return []
    if by in OF_MASKS and found.mask is not None:
        size = {"width_px": image.width_px, "height_px": image.height_px}
        return [{"segmentation": encode_rle(mask, **size)} for mask in found.mask]
    if by == "keypoints" and found.keypoint_xy_px is not None and found.keypoint_score is not None:
        values = np.concatenate([found.keypoint_xy_px, found.keypoint_score[..., None]], axis=2)
        flat = values.astype(np.float64).round(DECIMALS).reshape(len(found), -1)
        return [{"keypoints": row} for row in flat.tolist()]
    if by == "oriented" and found.obb_cxcywhr_px is not None:
        return [{"obb": row} for row in found.obb_cxcywhr_px.astype(np.float64).tolist()]
    raise ConfigError(f"the model gives no {by}, which is to be measured; give a model for it, or use eval detect")


def _polygon_area(polygon: Sequence[float]) -> float:
    x, y = np.asarray(polygon[::2]), np.asarray(polygon[1::2])
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _run_area(counts: list[int] | str, box: LabelledBox) -> float:
    """Return the area of run lengths; of compressed ones, which the labels of COCO always state, that of the box."""
    left, top, right, bottom = box.box_xyxy_px
    return (right - left) * (bottom - top) if isinstance(counts, str) else float(sum(counts[1::2]))
