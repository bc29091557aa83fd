"""Resizing along one axis as a matrix of few non-zeros: any part of the result can be had without the rest of it.

OpenCV resizes whole pictures only, has no antialiasing but for whole boxes, and its warps round the weights to 1/32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

_BLOCK = 64
"""Results that one product gives: the matrix has few non-zeros, and small blocks keep most zeros out."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """Each of ``target`` samples as a weighted sum of neighbours among ``source`` samples."""

    weight: F32
    """(target, source) float32; each row has one run of non-zeros, and the runs move on with the rows."""
    first: NDArray[np.intp]
    """(target,) where each row's run begins."""
    end: NDArray[np.intp]
    """(target,) one past where each row's run ends."""

    @classmethod
    def of(cls, weight: NDArray[np.float64]) -> LinearMap:
        """Return the map of a (target, source) matrix whose rows have a non-zero each."""
        used = weight != 0
        first = used.argmax(axis=1)
        end = weight.shape[1] - used[:, ::-1].argmax(axis=1)
        return cls(weight.astype(np.float32), first, end)

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return the part (first, end) of the source that targets ``start`` to ``stop`` need; ``stop > start``."""
        return int(self.first[start:stop].min()), int(self.end[start:stop].max())

    def columns(self, values: F32, start: int, stop: int, *, offset: int = 0) -> F32:
        """Return (rows, stop - start) targets from (rows, n) source columns, the first of them number ``offset``."""
        result = np.empty((len(values), stop - start), np.float32)
        for at in range(start, stop, _BLOCK):
            to = min(at + _BLOCK, stop)
            first, end = self.span(at, to)
            np.matmul(
                values[:, first - offset : end - offset],
                self.weight[at:to, first:end].T,
                out=result[:, at - start : to - start],
            )
        return result

    def rows(self, values: F32, start: int, stop: int, *, offset: int = 0) -> F32:
        """Return (stop - start, columns) targets from (n, columns) source rows, the first of them number ``offset``."""
        result = np.empty((stop - start, values.shape[1]), np.float32)
        for at in range(start, stop, _BLOCK):
            to = min(at + _BLOCK, stop)
            first, end = self.span(at, to)
            np.matmul(
                self.weight[at:to, first:end],
                values[first - offset : end - offset],
                out=result[at - start : to - start],
            )
        return result


def bilinear_weights(source: int, target: int) -> NDArray[np.float64]:
    """Return the (target, source) matrix of bilinear interpolation with pixel centres at halves and clamped edges.

    It is what ``torch.nn.functional.interpolate(align_corners=False)`` and ``cv2.INTER_LINEAR`` do.
    """
    position = np.maximum((np.arange(target) + 0.5) * (source / target) - 0.5, 0)
    low = np.minimum(position.astype(np.intp), source - 1)
    share = position - low
    weight = np.zeros((target, source))
    rows = np.arange(target)
    weight[rows, low] = 1 - share
    weight[rows, np.minimum(low + 1, source - 1)] += share
    return weight


def antialiased_weights(source: int, target: int) -> NDArray[np.float64]:
    """Return the (target, source) matrix of bilinear resizing whose triangle widens with the reduction.

    It is what Pillow's ``BILINEAR`` does, and so torchvision's and ultralytics' classification transforms.
    """
    scale = source / target
    support = max(scale, 1.0)
    center = (np.arange(target)[:, None] + 0.5) * scale
    place = np.arange(source)[None, :]
    first = np.floor(np.maximum(center - support + 0.5, 0))
    end = np.floor(np.minimum(center + support + 0.5, source))
    weight = np.maximum(1 - np.abs(place - center + 0.5) / support, 0) * ((place >= first) & (place < end))
    normalised: NDArray[np.float64] = weight / weight.sum(axis=1, keepdims=True)
    return normalised
