"""What two computations of one network may differ by.

Kernels add the same products in another order, fuse a product with its sum or not, and take other series for an
exponential: that depends on the processor's instructions, on the number of threads and on the library. Each step may
be off by half a unit in the last place, so what can be promised is relative to the numbers that were added, never
absolute: a coordinate of 96 px has a last place of 7.6e-6 px, and one of 640 px has one of 6.1e-5 px.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

ROUNDINGS = 1024
"""Steps of the number format that a network of some dozens of layers may be off by: 1.2e-4 of the greatest number."""


def assert_same_network(
    found: ArrayLike,
    expected: ArrayLike,
    *,
    axis: int | None = None,
    dtype: Any = np.float32,
    roundings: int = ROUNDINGS,
    what: str = "output",
) -> None:
    """Assert that two outputs of one network differ by no more than its arithmetic explains.

    Args:
        found: the output to judge, of any shape.
        expected: the same output from another kernel, library or batch.
        axis: the axis along which quantities of different size lie, such as coordinates and scores; each is judged
            by its own greatest number, and by 1 where that is less: a probability of 1e-6 is the exponential of a
            logit of -14, which is off by as much as one of 14. Without it, all are judged by the greatest of all.
        dtype: the number format of the computation.
        roundings: the steps of ``dtype`` that they may differ by.
        what: the name of the output, for the message.
    """
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape, what
    others = None if axis is None else tuple(set(range(expected.ndim)) - {axis % expected.ndim})
    size = np.maximum(np.abs(expected).max(axis=others, keepdims=True), 0 if axis is None else 1)
    tolerance = roundings * np.finfo(dtype).eps * size
    worst = np.max(np.abs(found - expected) / np.maximum(tolerance, np.finfo(np.float64).tiny))
    assert worst <= 1, f"{what}: off by {worst * roundings:.0f} roundings in {np.dtype(dtype)}, {roundings} are allowed"
