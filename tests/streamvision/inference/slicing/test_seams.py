"""Boxes that the edge of a tile cuts off, and the objects whole."""

from __future__ import annotations

import numpy as np

from streamvision.core.config.slices import SlicesConfig
from streamvision.core.detections import Detections
from streamvision.core.resampling import Window
from streamvision.inference.slicing.merging import merged
from streamvision.inference.slicing.seams import BLOCK, whole_first

PICTURE_PX = (200, 100)
LEFT, RIGHT = Window(0, 0, 120, 100), Window(80, 0, 200, 100)
CUT = [60, 20, 120, 40]
WHOLE = [85, 20, 140, 40]


def found(*rows: tuple[list[int], float, int]) -> Detections:
    return Detections(
        np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in rows], np.float32),
        np.array([class_id for _, _, class_id in rows], np.int32),
    )


def left(*parts: Detections, agnostic: bool = False) -> list[list[float]]:
    windows = [LEFT, RIGHT][: len(parts)]
    return sorted(whole_first(parts, windows, picture_px=PICTURE_PX, agnostic=agnostic).box_xyxy_px.tolist())


def test_a_part_yields_to_the_whole_though_its_score_is_better() -> None:
    part = [85, 20, 120, 40]
    one, other = found((part, 0.9, 0)), found((WHOLE, 0.6, 0))
    assert left(one, other) == [WHOLE]
    everything = Detections.concatenate([one, other])
    assert len(merged(everything, SlicesConfig(), agnostic=False, max_detections=9)) == 1
    assert merged(everything, SlicesConfig(), agnostic=False, max_detections=9).box_xyxy_px.tolist() == [part]


def test_it_stays_where_the_whole_is_not_sure_of_another_class_or_no_whole() -> None:
    part = [85, 20, 120, 40]
    assert len(left(found((part, 0.9, 0)), found((WHOLE, 0.3, 0)))) == 2
    assert len(left(found((part, 0.9, 0)), found((WHOLE, 0.6, 1)))) == 2
    assert left(found((part, 0.9, 0)), found((WHOLE, 0.6, 1)), agnostic=True) == [WHOLE]
    assert left(found((CUT, 0.9, 0)), Detections.empty()) == [CUT]
    assert len(left(found((CUT, 0.9, 0)), found((WHOLE, 0.8, 0)))) == 2, "most of it lies elsewhere"


def test_a_large_part_does_not_yield_to_something_small_in_it() -> None:
    assert len(left(found((CUT, 0.9, 0), ([70, 25, 80, 30], 0.9, 0)))) == 2


def test_the_edges_of_the_picture_cut_nothing() -> None:
    edge = [0, 0, 40, 20]
    assert len(left(found((edge, 0.9, 0), ([0, 0, 44, 22], 0.8, 0)))) == 2
    assert left() == [] and left(Detections.empty()) == []


def test_many_are_compared_in_blocks() -> None:
    part = [85, 20, 120, 40]
    many = found(*[(part, 0.9, 0)] * (2 * BLOCK + 3))
    assert left(many, found((WHOLE, 0.6, 0))) == [WHOLE]
