"""How well objects are found by how tall they are, which says more about far and near than COCO's three areas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamvision.evaluation.matching import ImageMatch

EDGES_PX = (0, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class HeightBand:
    """Objects of about the same height."""

    low_px: int
    """Least height."""
    high_px: int | None
    """Heights are below this; ``None`` for the last band, which has no end."""
    objects: int
    """How many objects there are."""
    found: int
    """How many of them were found."""

    @property
    def label(self) -> str:
        """The band in words."""
        return f"{self.low_px}-{self.high_px} px" if self.high_px else f"{self.low_px} px and more"


def by_height(matches: Sequence[ImageMatch]) -> tuple[HeightBand, ...]:
    """Return objects and found objects by height, leaving out the empty bands at both ends."""
    height = np.concatenate([_heights(match) for match in matches])
    found = np.concatenate([match.found[~match.truth.ignore] for match in matches])
    place = np.searchsorted(EDGES_PX, height, side="right") - 1
    bands = [
        HeightBand(low, high, int((place == index).sum()), int(found[place == index].sum()))
        for index, (low, high) in enumerate(zip(EDGES_PX, (*EDGES_PX[1:], None), strict=True))
    ]
    filled = [index for index, band in enumerate(bands) if band.objects]
    return tuple(bands[filled[0] : filled[-1] + 1]) if filled else ()


def _heights(match: ImageMatch) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    boxes = match.truth.box_xyxy_px[~match.truth.ignore]
    return (boxes[:, 3] - boxes[:, 1]).reshape(-1)
