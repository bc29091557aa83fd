"""Resizing along one axis as a matrix of few non-zeros: any part of the result can be had without the rest of it.

OpenCV resizes whole pictures only, has no antialiasing but for whole boxes, and its warps round the weights to 1/32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
Kernel = Literal["bilinear", "bicubic"]
"""What neighbours are weighed by: a triangle, or Keys' cubic with a = -0.5 (as Pillow's ``BICUBIC``)."""

_PILLOW_BITS = 22
_SUPPORTS: dict[Kernel, float] = {"bilinear": 1.0, "bicubic": 2.0}
"""Samples on each side of its middle that a kernel reaches where nothing is made smaller."""
_BLOCK_VALUES = 1 << 16
"""Values that are summed up at a time, so that they stay in the cache."""


class Window(NamedTuple):
    """A part of a picture, in its pixels."""

    left: int
    """First column."""
    top: int
    """First row."""
    right: int
    """One past the last column."""
    bottom: int
    """One past the last row."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """Each of ``target`` samples as a weighted sum of a few neighbours among ``source`` samples.

    It does without a matrix product: for matrices this thin those of numpy's library are no faster, and their threads
    would compete with the network's.
    """

    weight: NDArray[Any]
    """(target, taps) float32 or int32, the type of the sums; 0 behind the last neighbour."""
    first: NDArray[np.intp]
    """(target,) the first neighbour of each; never decreases."""
    end: NDArray[np.intp]
    """(target,) one past the last neighbour of each; never decreases."""

    @classmethod
    def of(cls, matrix: NDArray[Any]) -> LinearMap:
        """Return the map of a (target, source) matrix: each row has one run of non-zeros, and the runs move on."""
        used = matrix != 0
        # A cubic's outermost weight may be 0 in one row and not in the next, which begins at the same neighbour.
        first = np.minimum.accumulate(used.argmax(axis=1)[::-1])[::-1]
        end = np.maximum.accumulate(matrix.shape[1] - used[:, ::-1].argmax(axis=1))
        tap = first[:, None] + np.arange(int((end - first).max()))
        weight = np.take_along_axis(matrix, np.minimum(tap, matrix.shape[1] - 1), axis=1)
        return cls(np.where(tap < end[:, None], weight, 0).astype(matrix.dtype), first, end)

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return the part (first, end) of the source that targets ``start`` to ``stop`` need; ``stop > start``."""
        return int(self.first[start]), int(self.end[stop - 1])

    def rows(self, values: NDArray[Any], start: int, stop: int, *, offset: int) -> NDArray[Any]:
        """Return (stop - start, columns) targets from (n, columns) source rows, the first of them number ``offset``."""
        result = np.empty((stop - start, values.shape[1]), self.weight.dtype)
        step = max(_BLOCK_VALUES // values.shape[1], 1)
        for at in range(start, stop, step):
            to = min(at + step, stop)
            near, weight = self.first[at:to] - offset, self.weight[at:to]
            block = result[at - start : to - start]
            np.multiply(values[near], weight[:, :1], out=block)
            for tap in range(1, weight.shape[1]):
                block += values[np.minimum(near + tap, len(values) - 1)] * weight[:, tap : tap + 1]
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


def antialiased_weights(
    source: int, target: int, kernel: Kernel = "bilinear", *, start: int = 0, stop: int | None = None
) -> NDArray[np.int32]:
    """Return the (target, source) matrix of resizing by a kernel that widens with the reduction; or some of its rows.

    It is what Pillow's ``BILINEAR`` and ``BICUBIC`` do, and so torchvision's and ultralytics' transforms of pictures to
    classify. As there, the weights are whole numbers, 2^22 standing for 1: that decides where a level lies just between
    two.
    """
    scale = source / target
    widened = max(scale, 1.0)
    support = _SUPPORTS[kernel] * widened
    center = (np.arange(start, target if stop is None else stop)[:, None] + 0.5) * scale
    place = np.arange(source)[None, :]
    first = np.floor(np.maximum(center - support + 0.5, 0))
    end = np.floor(np.minimum(center + support + 0.5, source))
    distance = np.abs(place - center + 0.5) / widened
    heights = _cubic(distance) if kernel == "bicubic" else np.maximum(1 - distance, 0)
    weight = heights * ((place >= first) & (place < end))
    parts = weight / weight.sum(axis=1, keepdims=True) * (1 << _PILLOW_BITS)
    rounded: NDArray[np.int32] = np.trunc(parts + np.copysign(0.5, parts)).astype(np.int32)
    return rounded


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the heights of Keys' cubic (IEEE Trans. ASSP 29(6), 1981) with a = -0.5."""
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))


def antialiased(pixels: U8, width: int, height: int, window: Window, kernel: Kernel = "bilinear") -> U8:
    """Return a window of a picture after it was resized with antialiasing, to the bit as Pillow does it.

    Args:
        pixels: (H, W) or (H, W, channels) uint8.
        width: width of the whole picture after resizing.
        height: its height.
        window: the part of that which is wanted.
        kernel: what neighbours are weighed by.
    """
    columns, rows = window.right - window.left, window.bottom - window.top
    # The whole of a long picture whose middle is wanted may be far larger than the memory.
    across = _antialiasing(pixels.shape[1], width, kernel, window.left, window.right)
    down = _antialiasing(pixels.shape[0], height, kernel, window.top, window.bottom)
    overshoots = kernel == "bicubic"
    row, row_end = down.span(0, rows)
    column, column_end = across.span(0, columns)
    # Rows are summed up faster than columns, so the picture lies on its side at first.
    lying = cv2.transpose(pixels[row:row_end, column:column_end])
    narrow = _levels(across.rows(lying.reshape(len(lying), -1), 0, columns, offset=column), clip=overshoots)
    upright = cv2.transpose(narrow.reshape(len(narrow), *lying.shape[1:]))
    small = _levels(down.rows(upright.reshape(len(upright), -1), 0, rows, offset=row), clip=overshoots)
    return small.reshape(len(small), *upright.shape[1:])


def scaled(image: NDArray[Any], scale: float) -> NDArray[Any]:
    """Return the whole picture, uint8 or float32, smaller by the mean of areas or larger by interpolation."""
    height, width = image.shape[:2]
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    resized: Any = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return resized  # type: ignore[no-any-return]


def corner_sampled(pixels: U8, width: int, height: int) -> U8:
    """Return the picture stretched with the corners of pixels laid onto each other, to the bit as MediaPipe does it.

    There, sample i lies at i * source / target, which is half a pixel of difference from where others look. Source:
    https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/calculators/tensor/image_to_tensor_converter_opencv.cc

    Args:
        pixels: (H, W, channels) uint8.
        width: width of the result.
        height: its height.
    """
    matrix = cv2.getPerspectiveTransform(_corners(pixels.shape[1], pixels.shape[0]), _corners(width, height))
    stretched: Any = cv2.warpPerspective(
        pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return stretched  # type: ignore[no-any-return]


def _corners(width: int, height: int) -> Any:
    return np.array([[0, height], [0, 0], [width, 0], [width, height]], np.float32)


def _levels(sums: NDArray[np.int32], *, clip: bool) -> U8:
    """Return whole levels, as Pillow has them after each of the two passes: halves go up."""
    sums += 1 << (_PILLOW_BITS - 1)
    sums >>= _PILLOW_BITS
    if clip:
        np.clip(sums, 0, 255, out=sums)
    return sums.astype(np.uint8)


@lru_cache(maxsize=16)
def _antialiasing(source: int, target: int, kernel: Kernel, start: int, stop: int) -> LinearMap:
    return LinearMap.of(antialiased_weights(source, target, kernel, start=start, stop=stop))
