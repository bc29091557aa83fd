"""How the camera itself moved between two frames, from the flow of a few hundred corners.

As in BoT-SORT (Aharon et al., 2022, https://arxiv.org/abs/2206.14651, section 3.2): corners (Shi and Tomasi, 1994) are
followed from frame to frame (Lucas and Kanade, pyramidal), and a similarity is fitted to them that leaves outliers out
(RANSAC). It runs on a small grey picture.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.stages.tracking.kalman import P00, P01, P11, POSITION, VELOCITY, Float
from streamvision.core.picture import Picture

SIDE_PX = 480
"""Longer side of the small picture."""
CORNERS = 300
MIN_CORNERS = 12
"""With fewer that could be followed, nothing is said about the camera."""
REDRAW_BELOW = 150
"""New corners are looked for when fewer than this are left."""


class CameraMotion:
    """Follows the camera of one stream."""

    def __init__(self) -> None:
        self._grey: Any = None
        self._corners: Any = None

    def update(self, picture: Picture) -> NDArray[np.float64] | None:
        """Return the (2, 3) similarity from the previous picture's pixels to this one's; ``None`` where unknown."""
        scale = min(SIDE_PX / max(picture.width_px, picture.height_px), 1.0)
        size = max(round(picture.width_px * scale), 1), max(round(picture.height_px * scale), 1)
        grey: Any = cv2.cvtColor(picture.resize_rgb(*size), cv2.COLOR_RGB2GRAY)
        before, corners = self._grey, self._corners
        self._grey, self._corners = grey, None
        if before is None or before.shape != grey.shape:
            self._corners = _corners(grey)
            return None
        if corners is None or len(corners) < MIN_CORNERS:
            self._corners = _corners(grey)
            return None
        moved, followed, _ = cv2.calcOpticalFlowPyrLK(before, grey, corners, None)
        good = followed.ravel() == 1
        old, new = corners[good], moved[good]
        self._corners = new if len(new) >= REDRAW_BELOW else _corners(grey)
        if len(new) < MIN_CORNERS:
            return None
        motion, _ = cv2.estimateAffinePartial2D(old, new, method=cv2.RANSAC, ransacReprojThreshold=1.5)
        if motion is None:
            return None
        motion[:, 2] /= scale
        return np.asarray(motion, np.float64)

    def reset(self) -> None:
        """Forget the previous picture, as after a reconnect."""
        self._grey = self._corners = None


def carry_along(state: Float, motion: NDArray[np.float64]) -> None:
    """Move the filter's tracks as the camera's motion moves what stands still, in place.

    Args:
        state: (5, T, 4) of :class:`pipelines.stages.tracking.kalman.BoxFilter`.
        motion: (2, 3) similarity in pixels.
    """
    turn, shift = motion[:, :2], motion[:, 2]
    scale = float(np.sqrt(abs(np.linalg.det(turn))))
    state[POSITION, :, :2] = state[POSITION, :, :2] @ turn.T + shift
    state[VELOCITY, :, :2] = state[VELOCITY, :, :2] @ turn.T
    state[: VELOCITY + 1, :, 2:] *= scale
    state[[P00, P01, P11]] *= scale**2


def _corners(grey: Any) -> Any:
    return cv2.goodFeaturesToTrack(grey, maxCorners=CORNERS, qualityLevel=0.01, minDistance=8, blockSize=3)
