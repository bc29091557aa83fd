"""Resizing with antialiasing costs memory for what is seen of a picture, however long that is."""

from __future__ import annotations

import tracemalloc

import numpy as np

from streamvision.core.resampling import Window, antialiased


def test_the_middle_of_a_long_thin_picture_costs_what_is_seen_of_it() -> None:
    levels = np.tile(np.arange(6000, dtype=np.uint16).astype(np.uint8)[:, None, None], (1, 1, 3))  # 1 px wide
    top = 3000 * 128 - 64
    tracemalloc.start()
    seen = antialiased(levels, 128, 6000 * 128, Window(0, top, 128, top + 128))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen.shape == (128, 128, 3)
    assert abs(int(seen[0, 0, 0]) - int(levels[2999, 0, 0])) <= 1
    assert peak < 200e6  # the matrix of the whole has 4.6 thousand million weights
