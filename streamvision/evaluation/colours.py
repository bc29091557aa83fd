"""How well a network paints maps of classes, where each class has a colour, as pix2pix makes them of pictures.

Each pixel that the network makes counts as the colour that is nearest to it, of those that the true maps have; then
they are compared as maps of classes are. Beside them stands the naive answer, the commonest colour everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError
from streamvision.evaluation.predictions import rounded
from streamvision.evaluation.semantic import intersection_over_union

U8 = NDArray[np.uint8]
MOST_COLOURS = 64


class ColourMaps:
    """Counts which colours were made where which were true.

    Args:
        truths: (H, W, 3) maps, all that are measured; their colours are the classes.

    Raises:
        ConfigError: when they have more than :data:`MOST_COLOURS` colours, as pictures have.
    """

    def __init__(self, truths: Iterable[U8]) -> None:
        self.colours: NDArray[np.int64] = np.zeros((0, 3), np.int64)
        for truth in truths:
            seen = np.concatenate([self.colours, np.unique(truth.reshape(-1, 3), axis=0).astype(np.int64)])
            self.colours = np.unique(seen, axis=0)
            if len(self.colours) > MOST_COLOURS:
                raise ConfigError(
                    f"what the network should make has more than {MOST_COLOURS} colours, so that it is no map of "
                    "classes; leave --nearest-colour out"
                )
        count = len(self.colours)
        self.confusion: NDArray[np.int64] = np.zeros((count, count), np.int64)

    def add(self, made: U8, truth: U8) -> None:
        """Count the pixels of a picture; (H, W, 3) BGR levels of one size."""
        pair = self._nearest(truth) * len(self.colours) + self._nearest(made)
        self.confusion += np.bincount(pair, minlength=self.confusion.size).reshape(self.confusion.shape)

    def to_json(self) -> dict[str, Any]:
        """Return share of right pixels and mean IoU, and those of the commonest colour."""
        commonest = np.zeros_like(self.confusion)
        marked = self.confusion.sum(axis=1)
        commonest[:, int(marked.argmax())] = marked
        return {
            "colours": len(self.colours),
            **{
                f"{which}{key}": rounded(value)
                for which, counted in (("", self.confusion), ("commonest_", commonest))
                for key, value in _figures(counted).items()
            },
        }

    def _nearest(self, picture: U8) -> NDArray[np.int64]:
        """Return (H * W,) the index of the nearest colour of each pixel."""
        pixels = picture.reshape(-1, 3).astype(np.int32)
        least = np.full(len(pixels), np.iinfo(np.int32).max, np.int32)
        nearest: NDArray[np.int64] = np.zeros(len(pixels), np.int64)
        # One colour after the other, so that memory does not grow with their number.
        for index, colour in enumerate(self.colours.astype(np.int32)):
            apart = np.square(pixels - colour).sum(axis=1, dtype=np.int32)
            nearest[apart < least] = index
            np.minimum(least, apart, out=least)
        return nearest


def _figures(confusion: NDArray[np.int64]) -> dict[str, float]:
    return {
        "pixel_accuracy": float(np.diag(confusion).sum() / max(int(confusion.sum()), 1)),
        "mean_iou": float(np.nanmean(intersection_over_union(confusion))),
    }
