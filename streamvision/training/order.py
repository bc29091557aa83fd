"""In which order pictures are shown; the same seed and epoch give the same order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def batches_of(repeats: Sequence[int], *, batch: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of each batch of one epoch; picture N is shown ``repeats[N]`` times.

    A last batch of one picture is left out: batch statistics of a single value would be undefined.
    """
    order = rng.permutation(np.repeat(np.arange(len(repeats)), repeats))
    for begin in range(0, len(order), batch):
        indices = order[begin : begin + batch]
        if len(indices) == 1 and len(order) > 1:
            return
        yield indices


def batch_count(repeats: Sequence[int], *, batch: int) -> int:
    """Return the number of batches that :func:`batches_of` yields."""
    shown = sum(repeats)
    full, rest = divmod(shown, batch)
    return full + (rest > 1 or (rest == 1 and shown == 1))
