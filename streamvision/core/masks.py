"""Masks of single objects, cut to the object's box, and COCO's compressed run lengths of them.

A full-picture array for each object would be megabytes of zeros. The run lengths equal pycocotools' to the byte: they
go down the columns of the picture and begin with zeros; each length, from the fourth on less the one two before it, is
written in groups of five bits, the lowest first, as a printable character. Source: ``rleEncode`` and ``rleToString`` in
https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_MOST_GROUPS = 8
"""Groups of five bits that hold the length of any run in a picture of up to 2^38 pixels."""
_ASCII_ZERO = 48


@dataclass(frozen=True, eq=False)
class BoxMask:
    """The pixels of one object.

    Raises:
        ValueError: when the bits are no two-dimensional array of bool.
    """

    left_px: int
    """Column of the picture at which the bits begin."""
    top_px: int
    """Row of the picture at which the bits begin."""
    bits: NDArray[np.bool_]
    """(h, w) bool, true where the object is; one element a pixel of the picture."""

    def __post_init__(self) -> None:
        if self.bits.ndim != 2 or self.bits.dtype != np.bool_:
            raise ValueError(f"bits must be (h, w) bool, not {self.bits.shape} {self.bits.dtype}")

    @property
    def area_px(self) -> int:
        """How many pixels the object has."""
        return int(np.count_nonzero(self.bits))

    def shifted(self, right_px: int, down_px: int, *, picture_px: tuple[int, int]) -> BoxMask:
        """Return the mask at another place, cut at the edges of a picture of this width and height."""
        left, top = self.left_px + right_px, self.top_px + down_px
        first_column, first_row = max(-left, 0), max(-top, 0)
        end_column, end_row = max(picture_px[0] - left, 0), max(picture_px[1] - top, 0)
        return BoxMask(left + first_column, top + first_row, self.bits[first_row:end_row, first_column:end_column])

    def __repr__(self) -> str:
        height, width = self.bits.shape
        return f"BoxMask({width}x{height} at {self.left_px}, {self.top_px})"


def joined_masks(masks: Sequence[BoxMask]) -> BoxMask:
    """Return the pixels that any of one or more masks has."""
    left, top = min(one.left_px for one in masks), min(one.top_px for one in masks)
    right = max(one.left_px + one.bits.shape[1] for one in masks)
    bottom = max(one.top_px + one.bits.shape[0] for one in masks)
    bits = np.zeros((bottom - top, right - left), np.bool_)
    for one in masks:
        rows, columns = one.bits.shape
        y, x = one.top_px - top, one.left_px - left
        bits[y : y + rows, x : x + columns] |= one.bits
    return BoxMask(left, top, bits)


def encode_rle(mask: BoxMask, *, width_px: int, height_px: int) -> dict[str, Any]:
    """Return ``{"size": [height, width], "counts": text}`` of a mask on a picture of this size.

    Raises:
        ValueError: when the mask reaches beyond the picture.
    """
    rows, columns = mask.bits.shape
    inside = mask.left_px >= 0 and mask.top_px >= 0
    if mask.bits.size and not (inside and mask.left_px + columns <= width_px and mask.top_px + rows <= height_px):
        raise ValueError(f"{mask} does not lie on a picture of {width_px}x{height_px}")
    return {"size": [height_px, width_px], "counts": _text(_run_lengths(mask, width_px, height_px))}


def decode_rle(counts: str | Sequence[int], *, width_px: int, height_px: int) -> NDArray[np.bool_]:
    """Return (height, width) bool of COCO's run lengths, compressed to a text or as numbers.

    Raises:
        ValueError: when they are no run lengths of a picture of this size.
    """
    lengths = _lengths_of(counts) if isinstance(counts, str) else [int(length) for length in counts]
    if min(lengths, default=0) < 0 or sum(lengths) != width_px * height_px:
        raise ValueError(f"these run lengths are not those of a picture of {width_px}x{height_px} px")
    values = np.arange(len(lengths)) % 2 == 1
    bits: NDArray[np.bool_] = np.repeat(values, lengths).reshape(width_px, height_px).T
    return bits


def outlines(mask: BoxMask, *, tolerance_px: float) -> list[list[int]]:
    """Return the outlines of a mask and of its holes, each as x and y of one point after the other.

    They go through the centres of the outermost pixels, in the picture's own, and leave out what shifts them by less
    than the tolerance (Douglas and Peucker, 1973).
    """
    found, _ = cv2.findContours(
        mask.bits.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(mask.left_px, mask.top_px)
    )
    return [cv2.approxPolyDP(ring, tolerance_px, True).reshape(-1).tolist() for ring in found]


def _run_lengths(mask: BoxMask, width_px: int, height_px: int) -> NDArray[np.int64]:
    """Return the lengths of the runs, zeros first, down the columns of the whole picture."""
    if not mask.bits.size:
        return np.array([width_px * height_px], np.int64)
    rows, columns = mask.bits.shape
    # A zero before and after each column keeps the columns apart.
    framed = np.zeros((columns, rows + 2), np.uint8)
    framed[:, 1:-1] = cv2.transpose(mask.bits.view(np.uint8))
    flat = framed.reshape(-1)
    column, row = np.divmod(np.flatnonzero(flat[1:] != flat[:-1]), rows + 2)
    edges = (mask.left_px + column) * height_px + mask.top_px + row
    if rows == height_px:
        # A run that reaches the bottom goes on at the top of the next column: two equal edges are none.
        same = np.flatnonzero(edges[1:] == edges[:-1])
        edges = np.delete(edges, np.concatenate([same, same + 1]))
    lengths = np.diff(edges, prepend=0, append=width_px * height_px)
    # The picture may end with a run of ones; its beginning always counts as one of zeros.
    return lengths[:-1] if lengths[-1] == 0 and len(lengths) > 1 else lengths


def _lengths_of(text: str) -> list[int]:
    lengths: list[int] = []
    value = group = 0
    for character in text:
        bits = ord(character) - _ASCII_ZERO
        if not 0 <= bits < 64 or group >= _MOST_GROUPS:
            raise ValueError(f"{character!r} is not of compressed run lengths")
        value |= (bits & 0x1F) << (5 * group)
        group += 1
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << (5 * group)
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = group = 0
    if group:
        raise ValueError("compressed run lengths end within one of them")
    return lengths


def _text(lengths: NDArray[np.int64]) -> str:
    values = lengths.copy()
    values[3:] -= lengths[1:-2]
    group = np.arange(_MOST_GROUPS)
    shifted = values[:, None] >> (5 * group)
    rest = shifted >> 5
    # A group is the last when what follows only repeats its sign, bit 4.
    sign = np.where(shifted & 0x10, -1, 0)
    more = rest != sign
    characters = (shifted & 0x1F) + np.where(more, 0x20, 0) + _ASCII_ZERO
    used = np.cumprod(np.column_stack([np.ones(len(values), np.bool_), more[:, :-1]]), axis=1).astype(np.bool_)
    return bytes(characters[used].astype(np.uint8)).decode("ascii")
