"""How far keypoints lie from where they are marked: in pixels, and as a share of the object's size.

- The normalised mean error of faces is that of 300-W (Sagonas et al. 2016): the mean distance of a face's points from
  the marked ones, by the distance between the outer corners of its eyes. Objects without these are measured by the
  square root of their box's area instead (Bulat and Tzimiropoulos 2017).
- Failures are objects that were not found, or whose error is more than a tenth (as in WFLW, Wu et al. 2018).
- PCK is the share of the keypoints of found objects that lie within a fifth of the longer side of their object's box
  (Yang and Ramanan 2013).

An object is found where a detection of its class overlaps its box by half; of several the surest counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import overlaps
from streamvision.core.detections import Detections
from streamvision.datasets.dataset import LabelledBox
from streamvision.evaluation.matching import HIT_IOU
from streamvision.evaluation.predictions import Predictions, rounded

FAILED = 0.1
"""Normalised error from which on an object's keypoints count as not found."""
PCK_SHARE = 0.2
"""Of the longer side of the box within which a keypoint is right."""
_EYE_CORNERS = {68: (36, 45), 98: (60, 72)}
"""The outer corners of the eyes by the number of points: those of 300-W and of WFLW."""


@dataclass(frozen=True, eq=False)
class KeypointErrors:
    """How far the keypoints of found objects lie from the marked ones. Figures are ``None`` where nothing was found."""

    names: tuple[str, ...]
    """What the keypoints are called."""
    by_eyes: bool
    """Whether errors are shares of the distance between the eyes' outer corners, and not of the box."""
    objects: int
    """How many objects have marked keypoints, the corners of the eyes among them where errors go by these."""
    found: int
    """How many of them were found."""
    error_px: float | None
    """Mean over the found objects of the mean distance of their keypoints, in pixels of the picture."""
    nme: float | None
    """Mean over the found objects of that distance as a share of their size: the normalised mean error."""
    failure_rate: float
    """Share of all objects that were not found, or whose own error is more than a tenth."""
    pck: float | None
    """Share of the keypoints of found objects that lie within a fifth of the longer side of the box."""
    keypoint_px: tuple[float | None, ...]
    """Mean distance of each keypoint, in pixels."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "error_px": rounded(self.error_px),
            "nme": rounded(self.nme),
            "normalised_by": "eye_distance" if self.by_eyes else "box",
            "failure_rate": rounded(self.failure_rate),
            "pck_0.2": rounded(self.pck),
            "objects": self.objects,
            "found": self.found,
            "per_keypoint_px": {name: rounded(value) for name, value in zip(self.names, self.keypoint_px, strict=True)},
        }

    def sentences(self) -> list[str]:
        """Return the figures in words."""
        said = f"Found were {self.found} of {self.objects} objects with keypoints"
        if self.error_px is None or self.nme is None or self.pck is None:
            return [f"{said}, so that no keypoint can be compared."]
        share = "the distance between the outer corners of the eyes" if self.by_eyes else "the root of the box's area"
        worst = sorted((-value, name) for name, value in zip(self.names, self.keypoint_px, strict=True) if value)
        shown = ", ".join(f"{name} {-value:.1f} px" for value, name in worst[:3])
        return [
            f"{said}; their keypoints lie {self.error_px:.2f} px off, {self.nme:.2%} of {share} (normalised mean "
            f"error); {self.failure_rate:.1%} of all objects fail (not found, or more than {FAILED:.0%}).",
            f"PCK@{PCK_SHARE} (of the box's longer side): {self.pck:.3f}. Farthest off: {shown}.",
        ]


def keypoint_errors(predictions: Predictions, names: Sequence[str]) -> KeypointErrors:
    """Return how far the keypoints that were found lie from the marked ones.

    Args:
        predictions: what was found, with keypoints, and what is marked.
        names: of the keypoints, by which eyes are known.
    """
    corners = eye_corners(names)
    total, distances, sizes, sides, marked = 0, [], [], [], []
    for found, image in zip(predictions.found, predictions.images, strict=True):
        for box in image.boxes:
            truth = np.array(box.shape.keypoints if box.shape else (), np.float64).reshape(-1, 3)
            if box.ignore or not (truth[:, 2] > 0).any():
                continue
            left, top, right, bottom = box.box_xyxy_px
            size = float(np.sqrt((right - left) * (bottom - top)))
            if corners is not None:
                first, second = truth[list(corners)]
                if not (first[2] and second[2]) or np.allclose(first[:2], second[:2]):
                    continue  # nothing to measure it by
                size = float(np.linalg.norm(first[:2] - second[:2]))
            total += 1
            if (points := _points_of(found, box)) is None:
                continue
            distances.append(np.linalg.norm(points - truth[:, :2], axis=1))
            marked.append(truth[:, 2] > 0)
            sizes.append(size)
            sides.append(max(right - left, bottom - top))
    return _summed(tuple(names), corners is not None, total, distances, marked, np.array(sizes), np.array(sides))


def eye_corners(names: Sequence[str]) -> tuple[int, int] | None:
    """Return which keypoints are the outer corners of the eyes, by their names or number; ``None`` without."""
    named = [index for index, name in enumerate(names) if "eye" in name.lower() and "outer" in name.lower()]
    if len(named) == len(("left", "right")):
        return named[0], named[1]
    return _EYE_CORNERS.get(len(names))


def _points_of(found: Detections, box: LabelledBox) -> NDArray[np.float64] | None:
    """Return the (K, 2) keypoints of the surest detection of an object; ``None`` where there is none."""
    if not len(found) or found.keypoint_xy_px is None:
        return None
    boxes, marked = found.box_xyxy_px.astype(np.float64), np.array([box.box_xyxy_px], np.float64)
    hits = np.flatnonzero((found.class_id == box.class_id) & (overlaps(boxes, marked)[:, 0] >= HIT_IOU))
    if not len(hits):
        return None
    points: NDArray[np.float64] = found.keypoint_xy_px[hits[np.argmax(found.score[hits])]].astype(np.float64)
    return points


def _summed(
    names: tuple[str, ...],
    by_eyes: bool,
    total: int,
    distances: list[NDArray[np.float64]],
    marked: list[NDArray[np.bool_]],
    sizes: NDArray[np.float64],
    sides: NDArray[np.float64],
) -> KeypointErrors:
    if not distances:
        nothing = (None,) * len(names)
        return KeypointErrors(names, by_eyes, total, 0, None, None, float(total > 0), None, nothing)
    off = np.ma.masked_array(np.stack(distances), ~np.stack(marked))
    own = np.asarray(off.mean(axis=1), np.float64)
    shares = own / sizes
    each = off.mean(axis=0)
    return KeypointErrors(
        names=names,
        by_eyes=by_eyes,
        objects=total,
        found=len(own),
        error_px=float(own.mean()),
        nme=float(shares.mean()),
        failure_rate=(total - int((shares <= FAILED).sum())) / total,
        pck=float((off <= PCK_SHARE * sides[:, None]).mean()),
        keypoint_px=tuple(None if np.ma.is_masked(value) else float(value) for value in each),
    )
