"""How much inference live streams may ask for, and which of them need it the most.

Each stream claims inference with what has changed in its picture since its last one: the share of cells, over the share
of the input that it costs. The claim is granted once it reaches the price. The price goes up while there is too little
for all, and down while there is enough, so that it settles where the streams that need it most are served. A claim only
grows until it is granted, so no stream starves.
"""

from __future__ import annotations

import math
import threading

RISE_PER_S = 3.0
"""How fast the price rises while inference is scarce, as a power of e in a second: by 20 times."""
FALL_PER_S = 0.7
"""How fast it falls while they are not: to a half. Slower, since frames are lost only now and then."""
LEAST_PRICE = 1e-3
"""Share of changed cells over the share of the input; less than a single cell of 96x54 claims. From here on, every
claim is granted."""
MOST_PRICE = 1.0
BURST_S = 0.5
"""What was not used can be used later, but no more than that of so many seconds."""
LONGEST_STEP_S = 0.2
"""Longer pauses between two claims change the price no further."""


class Budget:
    """Shared by all live streams; any thread may claim.

    Args:
        frames_per_s: full frames that the network may be shown each second, a part counting by its size; ``None`` for
            as many as keep the streams from falling behind.
    """

    def __init__(self, frames_per_s: float | None = None) -> None:
        self._frames_per_s = frames_per_s
        self._left = 0.0 if frames_per_s is None else frames_per_s * BURST_S
        self._price = LEAST_PRICE
        self._claimed_at_s: float | None = None
        self._lock = threading.Lock()

    def grant(self, *, changed: float, cost: float, now_s: float, behind: bool, due: bool = False) -> bool:
        """Say whether the network may be shown a frame of a stream, and charge it.

        Args:
            changed: share of its picture that has changed since the network saw it, 0..1.
            cost: as a share of showing the full frame.
            now_s: the time, monotonic.
            behind: whether the stream has lost frames since its last claim, as the network was busy.
            due: whether it is granted at any price.
        """
        with self._lock:
            elapsed_s = 0.0 if self._claimed_at_s is None else max(now_s - self._claimed_at_s, 0.0)
            self._claimed_at_s = now_s
            scarce = self._earn(elapsed_s, behind)
            self._price *= math.exp((RISE_PER_S if scarce else -FALL_PER_S) * min(elapsed_s, LONGEST_STEP_S))
            self._price = min(max(self._price, LEAST_PRICE), MOST_PRICE)
            granted = due or (self._affordable(cost) and (self._price <= LEAST_PRICE or changed / cost >= self._price))
            if granted and self._frames_per_s is not None:
                self._left = max(self._left - cost, -self._frames_per_s * BURST_S)
            return granted

    def _earn(self, elapsed_s: float, behind: bool) -> bool:
        """Add what the time has brought; return whether inference is scarce."""
        if self._frames_per_s is None:
            return behind
        most = self._frames_per_s * BURST_S
        self._left = min(self._left + elapsed_s * self._frames_per_s, most)
        return self._left < most / 2

    def _affordable(self, cost: float) -> bool:
        return self._frames_per_s is None or self._left >= min(cost, self._frames_per_s * BURST_S)
