"""What a secondary model says of an object, as plain values that become its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.cuboid import NEAR_M, BoxedCuboid, Cuboid, Pinhole
from streamvision.core.detections import MIN_KEYPOINT_SCORE, class_name
from streamvision.core.stage_output import Outline
from streamvision.inference.model import Prediction

Attributes = dict[str, Any]
_MOST_PX = 1e6
"""Corners farther from the picture's are not drawn."""


def attributes_of(
    found: Prediction,
    *,
    names: tuple[str, ...],
    origin_px: tuple[int, int],
    box_xyxy_px: tuple[float, float, float, float],
    least_score: float,
) -> Attributes | None:
    """Return the attributes from one crop; ``None`` where nothing is sure enough.

    A cuboid gives ``{cuboid, score}`` as the crop shows it, which is placed in space by the object's box
    (:func:`placed`).
    Text gives ``{text, score}``, classes ``{class_name, score}``, objects ``{objects: [{class_name, score, box_xyxy,
    keypoints}]}`` in fractions of the object's own box, since that moves on (:func:`placed`); other models give their
    summary.

    Args:
        found: what the model says.
        names: its class names by class id.
        origin_px: where the crop begins in the picture: left and top.
        box_xyxy_px: the object's box in the picture.
        least_score: what scores lower is left out.
    """
    whole = found.image_result
    if whole is None:
        return _objects(found, names, _Place(origin_px, box_xyxy_px), least_score)
    if whole.cuboid is not None:
        score = round(whole.cuboid.score, 4)
        return {"cuboid": whole.cuboid, "score": score} if score >= least_score else None
    if whole.text is not None:
        score = round(whole.text_score or 0.0, 4)
        return {"text": whole.text, "score": score} if whole.text and score >= least_score else None
    summary = whole.summary(names)
    if whole.class_score is not None:
        best = int(whole.class_score.argmax())
        score = round(float(whole.class_score[best]), 4)
        if score < least_score:
            return None
        del summary["classes"]
        return {"class_name": class_name(best, names), "score": score, **summary}
    return summary or None


def placed(
    attributes: Attributes,
    box_xyxy_px: tuple[float, float, float, float],
    camera: Pinhole | None = None,
    *,
    ends_at_road: bool = True,
) -> Attributes:
    """Return attributes with their objects in pixels of a picture on which the object's box is here.

    A cuboid stands in space instead, as ``center_m``, ``size_lwh_m``, ``yaw_rad`` and ``distance_m``, with its
    ``corners_px``, the lower four first; these are left out where one is behind the camera or far beside it. Others
    have ``box_xyxy_px`` and, from pose models, ``keypoints`` as ``[x_px, y_px, score]``.

    >>> plate = {"class_name": "plate", "score": 0.9, "box_xyxy": [0.25, 0.5, 0.75, 1.0]}
    >>> placed({"objects": [plate]}, (100, 100, 300, 200))["objects"]
    [{'class_name': 'plate', 'score': 0.9, 'box_xyxy_px': [150.0, 150.0, 250.0, 200.0]}]
    """
    if camera is not None and isinstance(boxed := attributes.get("cuboid"), BoxedCuboid):
        return _in_space(boxed.place(box_xyxy_px, camera, ends_at_road=ends_at_road), camera)
    if "objects" not in attributes:
        return attributes
    left, top = box_xyxy_px[:2]
    width, height = box_xyxy_px[2] - left, box_xyxy_px[3] - top
    objects = []
    for one in attributes["objects"]:
        x0, y0, x1, y1 = one["box_xyxy"]
        corners = (left + x0 * width, top + y0 * height, left + x1 * width, top + y1 * height)
        there = {
            "class_name": one["class_name"],
            "score": one["score"],
            "box_xyxy_px": [round(at, 2) for at in corners],
        }
        if "keypoints" in one:
            there["keypoints"] = [
                [round(left + x * width, 2), round(top + y * height, 2), sure] for x, y, sure in one["keypoints"]
            ]
        objects.append(there)
    return {"objects": objects}


def parts_of(
    attributes: dict[str, Attributes] | None, skeletons: Mapping[str, tuple[tuple[int, int], ...]]
) -> list[Outline]:
    """Return the lines to draw for the objects and skeletons that second models found on an object.

    Args:
        attributes: what they found, as :func:`placed` gives it.
        skeletons: pairs of keypoints to join, by name of the model.
    """
    lines = []
    for name, own in (attributes or {}).items():
        if (corners := own.get("corners_px")) is not None:
            lines += _edges(corners)
        for one in own.get("objects", ()):
            points = one.get("keypoints")
            if points is None:
                left, top, right, bottom = one["box_xyxy_px"]
                lines.append(Outline(((left, top), (right, top), (right, bottom), (left, bottom))))
                continue
            for a, b in skeletons.get(name, ()):
                if max(a, b) < len(points) and min(points[a][2], points[b][2]) >= MIN_KEYPOINT_SCORE:
                    ends = (points[a][0], points[a][1]), (points[b][0], points[b][1])
                    lines.append(Outline(ends, closed=False))
    return lines


def _in_space(cuboid: Cuboid, camera: Pinhole) -> Attributes:
    found = cuboid.to_json()
    corners_px = camera.project(cuboid.corners_m)
    if cuboid.corners_m[:, 2].min() > NEAR_M and np.abs(corners_px).max() < _MOST_PX:
        found["corners_px"] = corners_px.round(1).tolist()
    return found


def _edges(corners_px: list[list[float]]) -> list[Outline]:
    """Return the lines of a cuboid, and one on the road from its middle to its front."""
    points = [(x, y) for x, y in corners_px]
    low, high = points[:4], points[4:]
    sides = [Outline((below, above), closed=False) for below, above in zip(low, high, strict=True)]
    middle, front = (_mean(points_px) for points_px in (low, low[:2]))
    return [Outline(tuple(low)), Outline(tuple(high)), *sides, Outline((middle, front), closed=False)]


def _mean(points_px: list[tuple[float, float]]) -> tuple[float, float]:
    x, y = zip(*points_px, strict=True)
    return sum(x) / len(x), sum(y) / len(y)


class _Place(NamedTuple):
    """Where a crop lies in the picture, and whose box it is of."""

    origin_px: tuple[int, int]
    box_xyxy_px: tuple[float, float, float, float]

    def fractions(self, xy_px: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return points (..., 2) of the crop as fractions of the object's box."""
        box = np.array(self.box_xyxy_px, np.float64)
        offset = np.array(self.origin_px, np.float64) - box[:2]
        shares: NDArray[np.float64] = ((xy_px + offset) / np.maximum(box[2:] - box[:2], 1e-6)).round(6)
        return shares


def _objects(found: Prediction, names: tuple[str, ...], place: _Place, least_score: float) -> Attributes | None:
    chosen = found.detections[np.flatnonzero(found.detections.score >= least_score)]
    if not len(chosen):
        return None
    boxes = place.fractions(chosen.box_xyxy_px.reshape(-1, 2, 2)).reshape(-1, 4).tolist()
    objects: list[dict[str, Any]] = [
        {"class_name": class_name(number, names), "score": round(score, 4), "box_xyxy": box}
        for number, score, box in zip(chosen.class_id.tolist(), chosen.score.tolist(), boxes, strict=True)
    ]
    if chosen.keypoint_xy_px is not None and chosen.keypoint_score is not None:
        scores = chosen.keypoint_score.astype(np.float64).round(4)[..., None]
        points = np.concatenate([place.fractions(chosen.keypoint_xy_px), scores], axis=2)
        for one, rows in zip(objects, points.tolist(), strict=True):
            one["keypoints"] = rows
    return {"objects": objects}
