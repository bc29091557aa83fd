"""What chance adds to few objects: the bounds of the binomial distribution and of Student's."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from exporters.parity.chance import mean_excess, most_of


@pytest.mark.parametrize(("objects", "share", "error_rate"), [(10, 0.1, 1e-3), (60, 0.05, 1e-4), (400, 0.01, 1e-2)])
def test_more_than_most_differ_as_seldom_as_is_said_and_not_much_more_seldom(objects, share, error_rate):
    most = most_of(objects, share, error_rate)
    more_than = [
        sum(comb(objects, k) * share**k * (1 - share) ** (objects - k) for k in range(least + 1, objects + 1))
        for least in (most, most - 1)
    ]
    assert more_than[0] <= error_rate < more_than[1]


def test_nothing_differs_where_nothing_may():
    assert most_of(50, 0.0) == 0


def test_the_excess_of_a_mean_is_students_bound():
    """2.764: Student's distribution with ten degrees of freedom exceeds it with a probability of 0.01."""
    values = np.arange(11.0)
    assert mean_excess(values) == pytest.approx(2.764 * np.std(values, ddof=1) / np.sqrt(11), rel=1e-3)
