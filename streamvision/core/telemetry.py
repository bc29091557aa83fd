"""Counters and timings of one stream or stage: bounded in memory, cheap to feed, safe to read at any time."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets in which all samples are counted, in seconds."""


class Histogram(NamedTuple):
    """How many samples there were, however long ago."""

    cumulative: tuple[int, ...]
    """For each of :data:`BUCKETS_S`, how many were not above it; then how many there were in all."""
    total: float
    """Their sum."""


class Distribution:
    """The newest ``capacity`` samples of one quantity, their quantiles, and how many there ever were of each size.

    Samples are sorted into buckets when somebody asks, or their place is needed, so that adding one stays cheap.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self._ring = array("d", bytes(8 * capacity))  # all memory at once, so that a long run shows no growth
        self.count = 0
        self.total = 0.0
        self._buckets = np.zeros(len(BUCKETS_S) + 1, np.int64)
        self._sorted = 0
        self._sorting = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_sorting"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._sorting = threading.Lock()

    @classmethod
    def merged(cls, parts: Sequence[Distribution]) -> Distribution:
        """Return the samples of several distributions as one."""
        samples = np.concatenate([part.newest(part.count) for part in parts])
        merged = cls(max(len(samples), 1))
        merged._ring[: len(samples)] = array("d", samples.tobytes())
        merged.count, merged.total = sum(part.count for part in parts), sum(part.total for part in parts)
        merged._buckets = sum((part._sort() for part in parts), merged._buckets)
        merged._sorted = merged.count
        return merged

    def add(self, value: float) -> None:
        """Record one sample; one thread does."""
        place = self.count % len(self._ring)
        if place == 0:
            self._sort()
        self._ring[place] = value
        self.count += 1
        self.total += value

    def histogram(self) -> Histogram:
        """Return how many samples there ever were up to each bound."""
        counts = self._sort()
        return Histogram(tuple(np.cumsum(counts).tolist()), self.total)

    def _sort(self) -> NDArray[np.int64]:
        """Count the samples that came since the last time, which are all still there; return all counts."""
        with self._sorting:
            count = self.count
            if count > self._sorted:
                places = np.arange(self._sorted, count) % len(self._ring)
                buckets = np.searchsorted(BUCKETS_S, np.array(self._ring)[places])
                self._buckets = self._buckets + np.bincount(buckets, minlength=len(self._buckets))
                self._sorted = count
            return self._buckets

    def newest(self, count: int) -> NDArray[np.float64]:
        """Return the newest ``count`` samples, the newest first, or as many as there still are."""
        ring = np.array(self._ring)
        held = min(count, self.count, len(ring))
        return ring[(self.count - 1 - np.arange(held)) % len(ring)]

    def quantiles(self) -> dict[str, float] | None:
        """Return p50, p95 and p99 of the newest samples, or ``None`` before the first."""
        return quantiles_of(self.newest(self.count)) if self.count else None


def quantiles_of(samples: NDArray[np.float64]) -> dict[str, float]:
    """Return p50, p95 and p99; empty where there is no sample."""
    if not len(samples):
        return {}
    values = np.quantile(samples, list(QUANTILES.values()))
    return {name: round(float(value), 6) for name, value in zip(QUANTILES, values, strict=True)}


def quantiles_ms(distributions: Mapping[str, Distribution]) -> dict[str, dict[str, float]]:
    """Return p50, p95 and p99 of durations by name, in milliseconds; without those that have no sample."""
    return {
        name: {quantile: round(value * 1e3, 3) for quantile, value in quantiles.items()}
        for name, samples in distributions.items()
        if (quantiles := samples.quantiles())
    }


class Rate:
    """Events per second over the last ``window_s`` seconds."""

    def __init__(self, window_s: float = 3.0) -> None:
        self._window_s = window_s
        self._times_s: deque[float] = deque(maxlen=4096)

    def tick(self) -> None:
        """Record one event, now; one thread does."""
        now_s = time.monotonic()
        self._times_s.append(now_s)
        while self._times_s[0] < now_s - self._window_s:
            self._times_s.popleft()

    def per_second(self) -> float:
        """Return the present rate; it falls to 0 when events stop."""
        now_s = time.monotonic()
        held = list(self._times_s)
        first = bisect_left(held, now_s - self._window_s)
        if len(held) - first < 2:
            return 0.0
        return (len(held) - first - 1) / max(now_s - held[first], 1e-9)


class StageTimes:
    """Seconds spent in each named stage."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, Distribution] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time the block and record it under ``stage``."""
        begin_s = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - begin_s)

    def add(self, stage: str, seconds: float) -> None:
        """Record one duration; any thread may."""
        with self._lock:
            if stage not in self._stages:
                self._stages[stage] = Distribution()
            self._stages[stage].add(seconds)

    def distributions(self) -> dict[str, Distribution]:
        """Return each stage's samples, by name."""
        with self._lock:
            return dict(self._stages)


class DropCounter:
    """Frames that did not make it, by cause.

    Args:
        within: another one, which counts all of this one's too.
    """

    def __init__(self, *, within: DropCounter | None = None) -> None:
        self._lock = threading.Lock()
        self._causes: Counter[str] = Counter()
        self._within = within
        self.total = 0
        """Frames lost so far, of all causes."""

    def add(self, cause: str, count: int = 1) -> None:
        """Count ``count`` frames lost to ``cause``."""
        with self._lock:
            self._causes[cause] += count
            self.total += count
        if self._within is not None:
            self._within.add(cause, count)

    def by_cause(self) -> dict[str, int]:
        """Return the counts so far."""
        with self._lock:
            return dict(self._causes)
