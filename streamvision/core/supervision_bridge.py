"""Detections for the supervision library (https://supervision.roboflow.com) and back; arrays are shared, not copied.

supervision has no way to say that an object has no identity yet, and counters would take a stand-in number for one
object. As its own trackers do, such objects are left out of what is tracked unless they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections, class_name
from streamvision.core.errors import MissingDependencyError
from streamvision.core.install import install_command
from streamvision.core.masks import BoxMask

if TYPE_CHECKING:
    import supervision

_CARRIED = ("keypoint_xy_px", "keypoint_score", "obb_cxcywhr_px", "embedding")
"""Fields that travel in supervision's ``data`` under their own names."""
_TRACK_ID = "track_id"
"""Key of identities of which some are missing: a masked array, which supervision itself does not look at."""


def to_supervision(
    detections: Detections,
    *,
    names: tuple[str, ...] | None,
    picture_px: tuple[int, int] | None,
    unconfirmed: bool,
) -> supervision.Detections:
    """Return the objects as ``supervision.Detections``; see :meth:`streamvision.Detections.to_supervision`."""
    library = _library()
    identity = detections.track_id
    missing = identity is not None and bool(np.ma.getmaskarray(identity).any())
    if identity is not None and missing and not unconfirmed:
        detections = detections[~np.ma.getmaskarray(identity)]
        identity, missing = detections.track_id, False
    data: dict[str, Any] = {}
    if names is not None:
        data["class_name"] = np.array([class_name(number, names) for number in detections.class_id.tolist()], np.str_)
    data |= {name: value for name in _CARRIED if (value := getattr(detections, name)) is not None}
    if missing:
        data[_TRACK_ID] = identity
    converted: supervision.Detections = library.Detections(
        xyxy=detections.box_xyxy_px,
        mask=None if picture_px is None else _full_masks(detections, picture_px),
        confidence=detections.score,
        class_id=detections.class_id,
        tracker_id=None if identity is None or missing else identity.data,
        data=data,
    )
    return converted


def from_supervision(found: supervision.Detections) -> Detections:
    """Return ``supervision.Detections`` as ours; see :meth:`streamvision.Detections.from_supervision`."""
    _library()
    count = len(found)
    carried: dict[str, Any] = {
        name: np.asarray(found.data[name], np.float32) for name in _CARRIED if name in found.data
    }
    return Detections(
        np.asarray(found.xyxy, np.float32).reshape(count, 4),
        np.ones(count, np.float32) if found.confidence is None else np.asarray(found.confidence, np.float32),
        np.zeros(count, np.int32) if found.class_id is None else np.asarray(found.class_id, np.int32),
        _identities(found),
        _box_masks(found),
        **carried,
    )


def _library() -> Any:
    try:
        import supervision as library
    except ImportError as error:
        raise MissingDependencyError(
            "supervision's Detections need the package supervision; install it with " + install_command("supervision")
        ) from error
    return library


def _identities(found: supervision.Detections) -> np.ma.MaskedArray[Any, np.dtype[np.int64]] | None:
    if found.tracker_id is not None:
        return np.ma.array(np.asarray(found.tracker_id, np.int64), copy=False)
    given = found.data.get(_TRACK_ID)
    return given if isinstance(given, np.ma.MaskedArray) else None


def _full_masks(detections: Detections, picture_px: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return (N, H, W) bool; supervision knows no smaller form that all of its parts take."""
    if detections.mask is None:
        return None
    width_px, height_px = picture_px
    full = np.zeros((len(detections), height_px, width_px), np.bool_)
    for plane, mask in zip(full, detections.mask, strict=True):
        left, top = max(mask.left_px, 0), max(mask.top_px, 0)
        bits = mask.bits[top - mask.top_px : height_px - mask.top_px, left - mask.left_px : width_px - mask.left_px]
        plane[top : top + bits.shape[0], left : left + bits.shape[1]] = bits
    return full


def _box_masks(found: supervision.Detections) -> NDArray[np.object_] | None:
    """Return views of the masks, each cut to its object's box."""
    if found.mask is None:
        return None
    planes = np.asarray(found.mask, np.bool_)
    height_px, width_px = planes.shape[1:]
    low = np.floor(found.xyxy[:, :2]).clip(0, [width_px, height_px]).astype(int).tolist()
    high = np.ceil(found.xyxy[:, 2:]).clip(0, [width_px, height_px]).astype(int).tolist()
    masks = np.empty(len(planes), np.object_)
    for index, (plane, (left, top), (right, bottom)) in enumerate(zip(planes, low, high, strict=True)):
        masks[index] = BoxMask(left, top, plane[top:bottom, left:right])
    return masks
