"""Overlaps against their definition, and assignments against exhaustive search."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from pipelines.stages.tracking.assignment import assign
from streamvision.core.boxes import overlapping


def random_boxes(rng: np.random.Generator, count: int, spread: float) -> np.ndarray:
    corner = rng.uniform(0, spread, (count, 2))
    return np.hstack([corner, corner + rng.uniform(5, 60, (count, 2))])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (both - width * height)


@pytest.mark.parametrize("spread", [20.0, 200.0])
def test_overlaps_are_those_of_the_definition(spread: float) -> None:
    rng = np.random.default_rng(0)
    a, b = random_boxes(rng, 17, spread), random_boxes(rng, 23, spread)
    dense = np.zeros((17, 23))
    row, column, value = overlapping(a, b)
    dense[row, column] = value
    np.testing.assert_allclose(dense, [[iou(x, y) for y in b] for x in a])
    assert (value > 0).all()


def test_boxes_that_only_touch_do_not_overlap() -> None:
    assert len(overlapping(np.array([[0.0, 0, 10, 10]]), np.array([[10.0, 0, 20, 10]])).row) == 0


@pytest.mark.parametrize("boxes", [(0, 5), (5, 0), (0, 0)])
def test_nothing_overlaps_nothing(boxes: tuple[int, int]) -> None:
    row, column, value = overlapping(np.empty((boxes[0], 4)), np.empty((boxes[1], 4)))
    assert len(row) == len(column) == len(value) == 0
    assert [len(part) for part in assign(row, column, value)] == [0, 0]


def best_gain(gain: np.ndarray) -> float:
    rows, columns = gain.shape
    padded = np.hstack([gain, np.zeros((rows, rows))])
    return max(padded[np.arange(rows), list(choice)].sum() for choice in permutations(range(rows + columns), rows))


@pytest.mark.parametrize("seed", range(30))
def test_the_assignment_is_the_best_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gain = rng.uniform(0.01, 1, (4, 4)) * (rng.random((4, 4)) < rng.choice([0.3, 0.6, 1.0]))
    row, column = np.nonzero(gain)
    chosen_row, chosen_column = assign(row, column, gain[row, column])
    assert len(set(chosen_row.tolist())) == len(chosen_row)
    assert len(set(chosen_column.tolist())) == len(chosen_column)
    assert (gain[chosen_row, chosen_column] > 0).all(), "only given pairs"
    assert gain[chosen_row, chosen_column].sum() == pytest.approx(best_gain(gain))


def test_one_strong_pair_gives_way_to_two_better_ones() -> None:
    row, column = assign(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.9, 0.8, 0.7]))
    assert dict(zip(row.tolist(), column.tolist(), strict=True)) == {0: 1, 1: 0}


@pytest.mark.parametrize("seed", range(30))
def test_few_pairs_are_assigned_as_many_are(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    gain = rng.uniform(0, 1, (6, 6)) * (rng.random((6, 6)) < 0.3)
    gain[0] = gain[1]  # equal choices, too
    row, column = np.nonzero(gain)
    few = assign(row, column, gain[row, column])
    monkeypatch.setattr("pipelines.stages.tracking.assignment.FEW_PAIRS", 0)
    many = assign(row, column, gain[row, column])
    assert set(zip(*map(np.ndarray.tolist, few), strict=True)) == set(zip(*map(np.ndarray.tolist, many), strict=True))
