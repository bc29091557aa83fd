from __future__ import annotations

import numpy as np

from pipelines.outputs.collecting.windows import MAX_HELD, Candidate, Windows
from streamvision.collecting.finding import Finding
from streamvision.collecting.flicker import Earlier
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture

FPS = 10


def candidate(index: int, value: float) -> Candidate:
    frame = Frame("gate", index, index / FPS, 0.0, BgrPicture(np.zeros((2, 2, 3), np.uint8)))
    return Candidate(Result(frame, Detections.empty()), [Finding("uncertain", value, "it is")])


def handed_over(windows: Windows, values: list[float]) -> list[list[int]]:
    """Return the numbers of the frames that were handed over, stretch by stretch."""
    done = []
    for index, value in enumerate(values):
        if over := windows.over(index / FPS):
            done.append(over)
        windows.add(candidate(index, value))
        assert windows.held <= 2 * MAX_HELD
    return [[one.result.frame.index for one in over] for over in (*done, *windows.end())]


def test_the_hardest_of_each_stretch_comes_first() -> None:
    values = [0.1] * 60
    values[13], values[27], values[45] = 0.9, 0.8, 0.7
    over = handed_over(Windows(2.0), values)
    assert [numbers[0] for numbers in over] == [13, 27, 45]


def test_neighbours_are_held_once() -> None:
    values = [0.2] * 20
    values[9], values[10], values[11] = 0.8, 0.9, 0.8
    [numbers] = handed_over(Windows(2.0), values)
    assert numbers[0] == 10
    assert 9 not in numbers and 11 not in numbers


def test_what_shows_later_changes_the_order_until_the_stretch_is_over() -> None:
    windows = Windows(2.0)
    for index in range(20):
        assert windows.over(index / FPS) == []
        windows.add(candidate(index, 0.6 if index == 3 else 0.5 if index == 15 else 0.1))
    assert windows.over(2.0) == []
    windows.note([Earlier(15, Finding("disagreement", 1.0, "it was missed"))])
    assert windows.over(2.5) == []
    assert [one.result.frame.index for one in windows.over(3.1)][:2] == [15, 3]


def test_a_jump_of_the_clock_ends_a_stretch() -> None:
    windows = Windows(2.0)
    windows.over(50.0)
    windows.add(candidate(500, 0.5))
    assert windows.over(1.0) == []
    assert [one.result.frame.index for one in windows.over(2.0)] == [500]
