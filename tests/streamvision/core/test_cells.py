"""Cells of boxes and polygons, by hand and against a plain loop."""

from __future__ import annotations

import numpy as np

from streamvision.core.cells import BANDS, COLUMNS, ROWS, Cells, cells_of_boxes, cells_of_polygon, packed


def cells_in(cells: Cells) -> set[tuple[int, int]]:
    return {(c, r) for r in range(ROWS) for c in range(COLUMNS) if cells[r // BANDS] >> (16 * (r % BANDS) + c) & 1}


def of_box(*box: float, picture_px: tuple[int, int] = (1600, 900)) -> set[tuple[int, int]]:
    return cells_in(packed(cells_of_boxes(np.array([box], np.float32), picture_px=picture_px)[0]))


def test_boxes_cover_the_cells_whose_middles_they_hold() -> None:
    assert of_box(0, 0, 1600, 900) == {(c, r) for c in range(16) for r in range(9)}
    assert of_box(100, 100, 300, 200) == {(1, 1), (2, 1)}
    assert of_box(140, 140, 160, 160) == {(1, 1)}
    assert of_box(160, 160, 170, 170) == {(1, 1)}, "a small box is where its middle is"
    assert of_box(-500, -500, -300, -300) == {(0, 0)} and of_box(1700, 850, 1900, 1200) == {(15, 8)}


def test_many_boxes_at_once_are_as_each_by_itself() -> None:
    random = np.random.default_rng(1)
    low = random.uniform(-50, 640, (200, 2))
    box = np.concatenate([low, low + random.uniform(1, 300, (200, 2))], axis=1).astype(np.float32)
    many = cells_of_boxes(box, picture_px=(640, 480))
    for one, cells in zip(box.tolist(), many, strict=True):
        left, top, right, bottom = one[0] / 40, one[1] / (480 / 9), one[2] / 40, one[3] / (480 / 9)
        middle = (min(max(int((left + right) // 2), 0), 15), min(max(int((top + bottom) // 2), 0), 8))
        columns = {c for c in range(16) if left <= c + 0.5 < right} | {middle[0]}
        rows = {r for r in range(9) if top <= r + 0.5 < bottom} | {middle[1]}
        assert cells_in(packed(cells)) == {(c, r) for c in columns for r in rows}


def test_polygons_touch_what_they_lie_in() -> None:
    assert cells_in(cells_of_polygon([(0, 0), (1, 0), (1, 1), (0, 1)])) == {(c, r) for c in range(16) for r in range(9)}
    tiny = [(0.505, 0.505), (0.51, 0.505), (0.51, 0.51), (0.505, 0.51)]
    assert cells_in(cells_of_polygon(tiny)) == {(8, 4)}
    assert cells_in(cells_of_polygon([(0.0, 0.0), (0.5, 0.0), (0.0, 0.5)])) >= {(0, 0), (7, 0), (0, 3)}
    assert (7, 4) not in cells_in(cells_of_polygon([(0.0, 0.0), (0.5, 0.0), (0.0, 0.5)]))
    assert cells_in(cells_of_polygon([(2, 2), (3, 2), (3, 3)])) == set()


def test_every_set_of_cells_fits_a_signed_number_of_64_bits() -> None:
    assert max(cells_of_polygon([(0, 0), (1, 0), (1, 1), (0, 1)])) == 2**48 - 1
