"""What chance adds to few objects: limits of shares and means are about all that a model may see, not a few of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ERROR_RATE = 0.01
"""Probability that an export which differs by exactly what is allowed is refused."""
BEYOND_SHARE = 0.05
"""Share of the objects that the limits on all but the worst 5 % leave out."""


def most_of(objects: int, share: float, error_rate: float = ERROR_RATE) -> int:
    """Return how many of so many objects differ by chance, where each does with a probability.

    It is the binomial distribution's bound: more do with the error rate at most, as far as they are independent.

    Args:
        objects: how many there are.
        share: probability that one differs.
        error_rate: probability that more of them do.
    """
    from scipy.special import bdtrc

    return int(np.argmax(bdtrc(np.arange(objects + 1), objects, share) <= error_rate))


def mean_excess(values: NDArray[np.float64], error_rate: float = ERROR_RATE) -> float:
    """Return by how much the mean of such values exceeds the true one, more of it with the error rate at most.

    It is Student's bound. Differences are skewed to the right, for which it errs more seldom than that.

    Args:
        values: at least two.
        error_rate: probability of more.
    """
    from scipy.special import stdtrit

    return float(stdtrit(len(values) - 1, 1 - error_rate) * values.std(ddof=1) / np.sqrt(len(values)))
