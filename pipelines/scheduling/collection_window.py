"""How long a batch may wait for the frames of other cameras.

The problem: a call into the network costs a fixed part and a part for each picture. On a GPU the fixed part is
most of it, and a batch of eight costs little more than one; on a CPU it is next to nothing, and waiting only makes
every picture older. Neither is known beforehand, so the split is measured from the calls themselves, and a frame
never waits longer than the fixed cost that one shared call saves.
"""

from __future__ import annotations

import threading

MAX_WINDOW_S = 0.02
"""Half a frame interval at 25 fps: beyond that, freshness is worth more than throughput."""

FORGET = 0.98
"""Weight that the past keeps with each call: about fifty calls count."""

MIN_SPREAD = 0.05
"""Variance of the batch size below which the two parts cannot be told apart, in pictures squared."""


class CollectionWindow:
    """Fits ``seconds = fixed + each * pictures`` to the newest calls by weighted least squares.

    Any thread may use it.
    """

    def __init__(self, *, max_s: float = MAX_WINDOW_S) -> None:
        self._max_s = max_s
        self._lock = threading.Lock()
        self._weight = self._n = self._nn = self._t = self._nt = 0.0

    @property
    def seconds(self) -> float:
        """The present window; 0 until calls of different sizes have been seen."""
        with self._lock:
            return self._fixed_s()

    def observe(self, pictures: int, seconds: float) -> None:
        """Take note of one call: how many pictures it carried and how long it took."""
        with self._lock:
            self._weight = self._weight * FORGET + 1
            self._n = self._n * FORGET + pictures
            self._nn = self._nn * FORGET + pictures**2
            self._t = self._t * FORGET + seconds
            self._nt = self._nt * FORGET + pictures * seconds

    def _fixed_s(self) -> float:
        if self._weight == 0:
            return 0.0
        mean_n, mean_t = self._n / self._weight, self._t / self._weight
        variance = self._nn / self._weight - mean_n**2
        if variance < MIN_SPREAD:
            return 0.0
        each_s = (self._nt / self._weight - mean_n * mean_t) / variance
        fixed_s = mean_t - each_s * mean_n
        return min(max(fixed_s, 0.0), self._max_s)
