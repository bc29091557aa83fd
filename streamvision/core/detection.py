"""One object on one picture, as plain values: what a loop over :class:`streamvision.Detections` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from streamvision.core.masks import BoxMask


@dataclass(frozen=True, eq=False, kw_only=True)
class Detection:
    """An object. What the model or the tracker does not give is ``None``."""

    class_name: str
    """Name of its class; its number where no name is known."""
    class_id: int
    """Index into the model's class names."""
    score: float
    """Confidence, 0..1."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right and bottom in the picture's own pixels."""
    track_id: int | None = None
    """Its identity, once a tracker has confirmed one."""
    global_id: int | None = None
    """The identity that it has in all cameras, where `across_cameras` gives one."""
    mask: BoxMask | None = None
    """Which pixels of its box are the object."""
    keypoint_xy_px: NDArray[np.float32] | None = None
    """(K, 2) float32 keypoints in the picture's own pixels."""
    keypoint_score: NDArray[np.float32] | None = None
    """(K,) float32 how sure each keypoint is, 0..1."""
    obb_cxcywhr_px: NDArray[np.float32] | None = None
    """(5,) float32 oriented box: centre, width and height in pixels, rotation in radians."""
    embedding: NDArray[np.float32] | None = None
    """(D,) float32 of length 1, what it looks like."""
    attributes: dict[str, Any] | None = None
    """By the name of a second model, what that found on it."""

    def __repr__(self) -> str:
        identity = "" if self.track_id is None else f" {self.track_id}"
        edges = ", ".join(f"{edge:.1f}" for edge in self.box_xyxy_px)
        return f"Detection({self.class_name}{identity}, {self.score:.2f}, [{edges}])"
