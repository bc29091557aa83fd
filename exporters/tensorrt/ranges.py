"""Measures how far the values of tensors reach on real pictures, and where to cut them for 8 bits.

The cut is the threshold with the least squared error after rounding, over the histogram of magnitudes: cutting rare
peaks off costs them, and buys finer steps for everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 2048
_LEVELS = 127
_CANDIDATES = 96
_LEAST_SHARE = 0.3
"""The cut is never below this share of the largest value: objects are rare on pictures, and their peaks matter."""


@dataclass
class _Magnitudes:
    """Histogram of one tensor's absolute values."""

    largest: float = 0.0
    counts: NDArray[np.int64] | None = None

    def see(self, values: NDArray[np.float32]) -> None:
        counts, _ = np.histogram(np.abs(values), bins=BINS, range=(0, self.largest or 1))
        self.counts = counts if self.counts is None else self.counts + counts


def measure_ranges(
    run: Callable[[NDArray[Any]], Sequence[NDArray[Any]]], batches: Sequence[NDArray[Any]], names: Sequence[str]
) -> dict[str, float]:
    """Return by tensor the magnitude that shall become 127.

    Args:
        run: executes the float32 network on one input tensor and returns the named tensors.
        batches: the input tensors.
        names: the names, in the order of ``run``'s result.
    """
    magnitudes = {name: _Magnitudes() for name in names}
    for batch in batches:
        for name, values in zip(names, run(batch), strict=True):
            magnitudes[name].largest = max(magnitudes[name].largest, float(np.abs(values).max(initial=0)))
    for batch in batches:
        for name, values in zip(names, run(batch), strict=True):
            magnitudes[name].see(values)
    return {name: _cut(seen) for name, seen in magnitudes.items()}


def _cut(seen: _Magnitudes) -> float:
    if seen.counts is None or seen.largest == 0:
        return 1.0
    centres = (np.arange(BINS) + 0.5) * seen.largest / BINS
    weights = seen.counts.astype(np.float64)
    cuts = np.linspace(_LEAST_SHARE, 1.0, _CANDIDATES) * seen.largest
    steps = cuts[:, None] / _LEVELS
    rounded = np.minimum(np.rint(centres / steps), _LEVELS) * steps
    errors = ((rounded - centres) ** 2 * weights).sum(axis=1)
    return float(cuts[int(errors.argmin())])
