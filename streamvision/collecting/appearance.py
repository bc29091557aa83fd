"""How far a picture is from all that was kept so far.

Keeping what is farthest covers what there is with few pictures: the greedy k-centre of Gonzalez (1985), as a core set
for learning in Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018.
A picture is described by an embedding model or, without one, by the colours and edges of sixteen cells: the layout that
tells scenes apart (after Oliva and Torralba, "Modeling the Shape of the Scene", IJCV 2001).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

MAX_KNOWN = 4096
"""Most pictures that are compared; of more the newest."""
GRID = 4
DIRECTIONS = 8
SIDE_PX = 64
"""Pictures are described at this width and height."""
LAYOUT_SCALE = 0.35
"""Distance of layouts that counts as wholly new; that of two unrelated photographs is about 0.5."""
EMBEDDING_SCALE = 0.6
"""Distance of embeddings (one minus cosine similarity) that counts as wholly new."""


def layout(rgb: NDArray[np.uint8]) -> F32:
    """Return (176,) float32 of length 1 that describes colours and edges of (height, width, 3) uint8 RGB."""
    small = (
        rgb
        if rgb.shape[:2] == (SIDE_PX, SIDE_PX)
        else cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    )
    lab = cv2.cvtColor(np.asarray(small, np.uint8), cv2.COLOR_RGB2LAB).astype(np.float32)
    colour = cv2.resize(lab, (GRID, GRID), interpolation=cv2.INTER_AREA).reshape(-1) / 255 - 0.5
    light: Any = lab[..., 0]
    across, down = (cv2.Sobel(light, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    strength, angle = cv2.cartToPolar(across, down)
    direction = np.minimum((angle % np.pi) * (DIRECTIONS / np.pi), DIRECTIONS - 1).astype(np.intp)
    cell = np.arange(SIDE_PX) * GRID // SIDE_PX
    place = (cell[:, None] * GRID + cell[None]) * DIRECTIONS + direction
    edges = np.bincount(place.ravel(), weights=strength.ravel(), minlength=GRID * GRID * DIRECTIONS)
    parts = [part / max(float(np.linalg.norm(part)), 1e-6) for part in (colour, np.sqrt(edges))]
    return np.asarray(np.concatenate(parts) / np.sqrt(2), np.float32)


class Coverage:
    """What was kept so far, as descriptions of length 1; used by one thread at a time.

    Args:
        scale: distance that counts as wholly new.
    """

    def __init__(self, *, scale: float) -> None:
        self._scale = scale
        self._known: F32 | None = None
        self._count = 0

    def add(self, description: F32) -> None:
        """Count a picture among those that are kept."""
        if self._known is None or self._known.shape[1] != len(description):
            self._known, self._count = np.zeros((MAX_KNOWN, len(description)), np.float32), 0
        self._known[self._count % MAX_KNOWN] = description
        self._count += 1

    def novelty(self, description: F32) -> float | None:
        """Return how far a picture is from the nearest that is kept, 0 to 1; ``None`` where nothing is kept yet."""
        if self._known is None or self._known.shape[1] != len(description):
            return None
        nearest = float((self._known[: min(self._count, MAX_KNOWN)] @ description).max())
        return min(max((1.0 - nearest) / self._scale, 0.0), 1.0)
