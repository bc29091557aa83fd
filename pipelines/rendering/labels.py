"""Where labels go: beside their box, inside the picture, and not on each other while there is room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

Rect = tuple[int, int, int, int]
_BAND_PX = 64
"""Height of the bands by which labels are looked up: in a crowd each label meets only those near it."""


def place_labels(
    boxes_xyxy_px: Sequence[Rect],
    sizes_px: Sequence[tuple[int, int]],
    *,
    picture_px: tuple[int, int],
    taken: Sequence[Rect],
    gap_px: int,
) -> list[Rect]:
    """Return the place (left, top, right, bottom) of each label.

    Each label takes the first of these places that is free, or else the one that covers least: above its box, below
    it, inside at the top, inside at the bottom, above flush right.

    Args:
        boxes_xyxy_px: boxes within the picture, the most important first.
        sizes_px: width and height of the labels.
        picture_px: width and height of the picture.
        taken: places that are in use already.
        gap_px: how far a box's line reaches beyond the box.
    """
    in_use: defaultdict[int, list[Rect]] = defaultdict(list)
    for rect in taken:
        _occupy(in_use, rect)
    places = []
    for box, size_px in zip(boxes_xyxy_px, sizes_px, strict=True):
        best, least = (0, 0, 0, 0), -1
        for place in _candidates(box, size_px, picture_px, gap_px):
            covered = _covered_px(in_use, place)
            if least < 0 or covered < least:
                best, least = place, covered
            if not covered:
                break
        places.append(best)
        _occupy(in_use, best)
    return places


def _candidates(box: Rect, size_px: tuple[int, int], picture_px: tuple[int, int], gap_px: int) -> Iterator[Rect]:
    """Yield the places of a label, all moved into the picture and to even pixels."""
    width, height = size_px
    left, above = box[0] - gap_px, box[1] - gap_px - height
    below = box[3] + gap_px
    corners = (
        (left, above),
        (left, below),
        (left, box[1] - gap_px),
        (left, below - height),
        (box[2] + gap_px - width, above),
    )
    far_x, far_y = max(picture_px[0] - width, 0), max(picture_px[1] - height, 0)
    for corner in corners:
        x, y = min(max(corner[0], 0), far_x) & ~1, min(max(corner[1], 0), far_y) & ~1
        yield x, y, x + width, y + height


def _occupy(in_use: defaultdict[int, list[Rect]], rect: Rect) -> None:
    for band in range(rect[1] // _BAND_PX, (rect[3] - 1) // _BAND_PX + 1):
        in_use[band].append(rect)


def _covered_px(in_use: defaultdict[int, list[Rect]], place: Rect) -> int:
    """Return how many pixels of other labels a place covers."""
    left, top, right, bottom = place
    covered = 0
    for band in range(top // _BAND_PX, (bottom - 1) // _BAND_PX + 1):
        first, end = max(top, band * _BAND_PX), min(bottom, (band + 1) * _BAND_PX)
        for x0, y0, x1, y1 in in_use[band]:
            if x0 < right and left < x1 and y0 < end and first < y1:
                covered += (min(right, x1) - max(left, x0)) * (min(end, y1) - max(first, y0))
    return covered
