"""Letterbox and bilinear resizing as ONNX nodes, to the bit what the runtime's host does.

Where a picture lies follows :class:`streamvision.inference.letterbox.Letterbox`. The kernel is that of OpenCV's
``INTER_LINEAR`` on bytes: weights of 11 bits, sums across shifted down by 4 bits, products with a row's weight by 16,
and both rows' sum, rounded, by 2. Source: ``HResizeLinear`` and ``VResizeLinear`` in
https://github.com/opencv/opencv/blob/4.x/modules/imgproc/src/resize.cpp
All numbers have fewer than 24 digits in binary, so that float32 holds them exactly, in every runtime and order of sums.
They stay below 2^15, so that a device that takes half precision against the file's types loses digits and no more.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporters.graph.nodes import FLOAT, INT, NodeWriter
from streamvision.inference.model_card import InputCard

RESIZES = ("letterbox_center", "letterbox_top_left", "stretch")
"""Resize rules that can be put inside."""
_ONE = 2048
"""Steps of weights from 0 to 1."""
_SUM_PARTS = 128
"""Parts of a level in which sums across are kept."""
_PART = 32
"""Weights are multiplied in two parts, the lower one of so many steps, as a product of 15 and 11 bits needs 26."""

_LONGEST_PX = 8192
"""Longest side of pictures for which float64's rounding is known to the graph."""
_STEPS = 1 << 16
"""Steps of mantissas from 1 to 2, more than whole lengths have."""
_NEVER = 4
"""A mantissa that no number has."""


class Extent(NamedTuple):
    """Along one axis, where the picture lies in the network's input; names of int64 tensors of shape (1,)."""

    picture: str
    """Length of the picture, in its own pixels."""
    content: str
    """Length of the picture within the input."""
    offset: str
    """Length of the border before it."""


class Sampling(NamedTuple):
    """Along one axis, which two samples each sample of the network's input is made of, and their weights."""

    first: str
    """(n,) int64."""
    second: str
    """(n,) int64."""
    first_weight: str
    """(n,) float32 of 0 to 1, in steps of 1 / 2048."""
    second_weight: str
    """(n,) float32, what is missing to 1."""


def extents(write: NodeWriter, card: InputCard, width: str, height: str) -> tuple[Extent, Extent]:
    """Return where a picture lies, across and down.

    Args:
        write: gets the nodes.
        card: of the network's input.
        width: the picture's width, int64 of shape (1,).
        height: its height.
    """
    sides = write.constant([card.width_px]), write.constant([card.height_px])
    zero = write.constant([0])
    if card.resize == "stretch":
        return Extent(width, sides[0], zero), Extent(height, sides[1], zero)
    if card.resize == "letterbox_top_left":
        content = _cut_off(write, card, width, height)
        return Extent(width, content[0], zero), Extent(height, content[1], zero)
    content = _rounded(write, sides, width, height)
    two = write.constant([2])
    across, down = (
        write.op("Div", write.op("Sub", side, length), two) for side, length in zip(sides, content, strict=True)
    )
    return Extent(width, content[0], across), Extent(height, content[1], down)


def _rounded(write: NodeWriter, sides: tuple[str, str], width: str, height: str) -> tuple[str, str]:
    """Return width and height of the content, rounded to the nearest, halves to even.

    By whole numbers, since some runtimes compute float64 in float32. In 640 x 640 that gives what the host's float64
    gives for all pictures of up to 4096 x 4096.
    """
    _, side, length = _fitted(write, sides, width, height)
    one, two = write.constant([1]), write.constant([2])
    divisor = write.op("Mul", length, two)
    rounded = []
    for own in (width, height):
        dividend = write.op("Add", write.op("Mul", write.op("Mul", own, side), two), length)
        up = write.op("Div", dividend, divisor)
        rest = write.op("Sub", dividend, write.op("Mul", up, divisor))
        is_half = write.op("Equal", rest, write.constant([0]))
        odd = write.op("Sub", up, write.op("Mul", write.op("Div", up, two), two))
        even = write.op("Sub", up, write.op("Where", is_half, odd, write.constant([0])))
        rounded.append(write.op("Max", even, one))
    return rounded[0], rounded[1]


def _cut_off(write: NodeWriter, card: InputCard, width: str, height: str) -> tuple[str, str]:
    """Return width and height of the content, its fraction cut off, in float64 as the rule's own library has it.

    By whole numbers and tables, since TensorRT has no float64 and OpenVINO computes it in float32. Float64 only differs
    from them where a length comes out whole: it may then fall just below, and lose one.
    """
    sides = write.constant([card.width_px]), write.constant([card.height_px])
    is_wide, side, length = _fitted(write, sides, width, height)
    most = write.constant([_LONGEST_PX])
    limits = [
        write.op("Gather", write.constant(_whole_up_to(side_px), np.float32), write.op("Min", own, most))
        for side_px, own in ((card.width_px, width), (card.height_px, height))
    ]
    limit = write.op("Where", is_wide, *limits)
    mantissas = write.constant(_mantissas(max(card.width_px, card.height_px)), np.float32)
    whole = []
    for own in (width, height):
        dividend = write.op("Mul", own, side)
        quotient = write.op("Div", dividend, length)
        is_whole = write.op("Equal", write.op("Mul", quotient, length), dividend)
        falls = write.op("And", is_whole, write.op("Greater", write.op("Gather", mantissas, quotient), limit))
        cut = write.op("Sub", quotient, write.cast(falls, INT))
        whole.append(write.op("Max", cut, write.constant([1])))
    return whole[0], whole[1]


def _fitted(write: NodeWriter, sides: tuple[str, str], width: str, height: str) -> tuple[str, str, str]:
    """Return whether the width decides the scale, the input's side that does, and the picture's."""
    is_wide = write.op("LessOrEqual", write.op("Mul", sides[0], height), write.op("Mul", sides[1], width))
    return is_wide, write.op("Where", is_wide, *sides), write.op("Where", is_wide, width, height)


@lru_cache(maxsize=8)
def _whole_up_to(side_px: int) -> tuple[float, ...]:
    """Return by a picture's length the mantissa, 1..2, up to which whole products with its scale stay whole.

    The scale, ``side_px / length``, is rounded to 53 bits; where that was down by a share of ``e``, a whole number of
    mantissa ``m`` is still rounded back to while ``m * e <= 2^-53``.
    """
    limits = [float(_NEVER)] * (_LONGEST_PX + 1)
    for length in range(1, _LONGEST_PX):
        lost = 1 - Fraction(side_px / length) * length / side_px
        if lost > 0:
            limits[length] = min(_NEVER, float((_STEPS / (lost * (1 << 53))).__floor__() / _STEPS))
    return tuple(limits)


def _mantissas(most: int) -> NDArray[np.float64]:
    """Return the mantissas of 0..most; 2 for powers of two, as numbers below them lie twice as dense."""
    numbers = np.arange(most + 1)
    mantissas, _ = np.frexp(numbers)
    return np.where(mantissas == 0.5, 2, 2 * mantissas)


def sampling(write: NodeWriter, extent: Extent, samples: int, *, across: bool) -> Sampling:
    """Return what each of the network's samples along an axis is made of; those of the border repeat the edges.

    Args:
        write: gets the nodes.
        extent: where the picture lies; its ``picture`` is how many samples there are to read.
        samples: of the network's input.
        across: whether samples beyond the edges take the edge's whole weight, as OpenCV has it for columns; rows share
            it between two times the same.
    """
    one, two, zero = write.constant([1]), write.constant([2]), write.constant([0])
    last = write.op("Sub", extent.content, one)
    target = write.op("Sub", write.constant(np.arange(samples)), extent.offset)
    target = write.within(target, zero, last)
    doubled = write.op("Add", write.op("Mul", target, two), one)
    divisor = write.op("Mul", extent.content, two)
    # Moved by one, since places before the first sample are negative and integers are divided towards zero.
    dividend = write.op("Add", write.op("Mul", doubled, extent.picture), extent.content)
    moved = write.op("Div", dividend, divisor)
    rest = write.op("Sub", dividend, write.op("Mul", moved, divisor))
    low = write.op("Sub", moved, one)
    end = write.op("Sub", extent.picture, one)
    share = _share(write, low, write.cast(rest, FLOAT), write.cast(divisor, FLOAT))
    if across:
        is_outside = write.op("Or", write.op("Less", low, zero), write.op("GreaterOrEqual", low, end))
        share = write.op("Where", is_outside, write.number(0), share)
    first = write.within(low, zero, end)
    second = write.within(moved, zero, end)
    weights = [
        write.op("Mul", write.op("Round", write.op("Mul", part, write.number(_ONE))), write.number(1 / _ONE))
        for part in (write.op("Sub", write.number(1), share), share)
    ]
    return Sampling(first, second, weights[0], weights[1])


def _share(write: NodeWriter, whole: str, rest: str, divisor: str) -> str:
    """Return how much of its weight a sample gives to the next one: a place's fraction, as float32 holds the place.

    OpenVINO multiplies by a rounded reciprocal, which tips the rounding of weights that lie halfway. What is left over
    is exact in parts of 11 bits, and corrects it.
    """
    rough = write.op("Div", rest, divisor)
    high = write.op("Mul", write.op("Floor", write.op("Mul", rough, write.number(_ONE))), write.number(1 / _ONE))
    left = write.op("Sub", rest, write.op("Mul", high, divisor))
    left = write.op("Sub", left, write.op("Mul", write.op("Sub", rough, high), divisor))
    share = write.op("Add", rough, write.op("Div", left, divisor))
    start = write.cast(whole, FLOAT)
    held = write.op("Sub", write.op("Add", start, share), start)
    return write.op("Clip", held, write.number(0), write.number(1))


def resized(write: NodeWriter, pixels: str, columns: Sampling, rows: Sampling, *, axis: int, channels: bool) -> str:
    """Return resized bytes as float32 of whole levels 0..255.

    Args:
        write: gets the nodes.
        pixels: uint8 tensor.
        columns: samples across.
        rows: samples down.
        axis: which axis of the tensor are its rows; the next one are its columns.
        channels: whether the channels follow the columns.
    """
    behind = (1,) * channels
    column_weights = [write.shaped(w, -1, *behind) for w in (columns.first_weight, columns.second_weight)]
    parts = [
        _weighed_row(
            write,
            _row_sums(write, write.op("Gather", pixels, row, axis=axis), columns, column_weights, axis=axis + 1),
            write.shaped(weight, -1, 1, *behind),
        )
        for row, weight in ((rows.first, rows.first_weight), (rows.second, rows.second_weight))
    ]
    total = write.op("Add", write.op("Add", *parts), write.number(2))
    return write.op("Floor", write.op("Mul", total, write.number(1 / 4)))


def _row_sums(write: NodeWriter, lines: str, columns: Sampling, weights: list[str], *, axis: int) -> str:
    """Return the weighed sums across in whole parts of 1 / 128 of a level."""
    near, far = (
        write.op("Mul", write.cast(write.op("Gather", lines, column, axis=axis), FLOAT), weight)
        for column, weight in zip((columns.first, columns.second), weights, strict=True)
    )
    return write.op("Floor", write.op("Mul", write.op("Add", near, far), write.number(_SUM_PARTS)))


def _weighed_row(write: NodeWriter, sums: str, weight: str) -> str:
    """Return the sums times a row's weight, in whole quarters of a level."""
    parts = write.op("Mul", weight, write.number(_ONE / _PART))
    high = write.op("Floor", parts)
    low = write.op("Floor", write.op("Mul", sums, write.op("Sub", parts, high)))
    # Of the 26 bits of the product, the upper part is at most 1020, and the lower one less than 16.
    upper = write.op("Mul", sums, write.op("Mul", high, write.number(1 / _ONE)))
    return write.op("Floor", write.op("Add", upper, write.op("Mul", low, write.number(1 / _ONE))))


def inside(write: NodeWriter, extent: Extent, samples: int) -> str:
    """Return (n,) bool, true where the network's samples along an axis show the picture."""
    place = write.op("Sub", write.constant(np.arange(samples)), extent.offset)
    after_start = write.op("GreaterOrEqual", place, write.constant([0]))
    return write.op("And", after_start, write.op("Less", place, extent.content))
