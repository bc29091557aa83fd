"""What the streams of a node cost, measured where they run."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamvision.core.telemetry import StageTimes

EVERY_S = 5.0
"""Over how long it is measured."""
MOST_SAMPLES = 256
"""Most durations of a stage that are told at once."""
NETWORK = "inference"
"""The stage that is the network's time."""


class Load:
    """How full a node is; one thread asks.

    Args:
        cores: cores that it may use.
        times: seconds spent in each stage of its streams.
        clock: monotonic seconds.
        processor_s: processor seconds of this process.
    """

    def __init__(
        self,
        cores: float,
        times: StageTimes,
        clock: Callable[[], float] = time.monotonic,
        processor_s: Callable[[], float] = time.process_time,
    ) -> None:
        self._cores = max(cores, 0.1)
        self._times = times
        self._clock = clock
        self._processor_s = processor_s
        self._at_s, self._used_s, self._busy_s = clock(), processor_s(), 0.0
        self._share = 0.0

    def share(self, requests: int) -> float:
        """Return the share of its cores, or of its network's time, whichever is more, over the last seconds.

        Args:
            requests: calls that the network takes at the same time.
        """
        now_s = self._clock()
        passed_s = now_s - self._at_s
        if passed_s >= EVERY_S:
            used_s, network = self._processor_s(), self._times.distributions().get(NETWORK)
            busy_s = 0.0 if network is None else network.total
            processor = (used_s - self._used_s) / passed_s / self._cores
            busy = max(busy_s - self._busy_s, 0.0) / passed_s / max(requests, 1)
            self._share = max(processor, busy)
            self._at_s, self._used_s, self._busy_s = now_s, used_s, busy_s
        return self._share


class NewSamples:
    """Durations of stages that were not told yet; one thread asks.

    Args:
        times: seconds spent in each stage.
    """

    def __init__(self, times: StageTimes) -> None:
        self._times = times
        self._told: dict[str, int] = {}

    def take(self) -> dict[str, list[float]]:
        """Return them by stage, the oldest first; of many, the newest."""
        found = {}
        for stage, samples in self._times.distributions().items():
            count = samples.count
            new = min(count - self._told.get(stage, 0), MOST_SAMPLES)
            self._told[stage] = count
            if new > 0:
                found[stage] = samples.newest(new)[::-1].tolist()
        return found
