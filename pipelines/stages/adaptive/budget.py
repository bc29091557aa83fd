"""How many looks live streams may take, and which of them need one the most.

Each stream claims a look with what has changed in its picture since its last one: the share of cells, over the share
of the input that the look costs. It gets the look once its claim reaches the price. The price goes up while there are
too few looks for all, and down while there are enough, so that it settles where the looks go to whoever needs them
most. A claim only grows until it is met, so no stream starves.
"""

from __future__ import annotations

import math
import threading

RISE_PER_S = 3.0
"""How fast the price rises while looks are scarce, as a power of e in a second: by 20 times."""
FALL_PER_S = 0.7
"""How fast it falls while they are not: to a half. Slower, since frames are lost only now and then."""
LEAST_PRICE = 1e-3
"""Share of changed cells over the share of the input; less than a single cell of 96x54 claims. From here on, all is
looked at."""
MOST_PRICE = 1.0
BURST_S = 0.5
"""Looks that were not taken can be taken later, but no more than those of so many seconds."""
LONGEST_STEP_S = 0.2
"""Longer pauses between two claims change the price no further."""


class Budget:
    """Shared by all live streams; any thread may claim.

    Args:
        looks_per_s: whole frames that may be looked at each second, a part counting by its size; ``None`` for as many
            as keep the streams from falling behind.
    """

    def __init__(self, looks_per_s: float | None = None) -> None:
        self._looks_per_s = looks_per_s
        self._left = 0.0 if looks_per_s is None else looks_per_s * BURST_S
        self._price = LEAST_PRICE
        self._claimed_at_s: float | None = None
        self._lock = threading.Lock()

    @property
    def price(self) -> float:
        """The claim that gets a look now."""
        return self._price

    def grant(self, *, changed: float, cost: float, now_s: float, behind: bool, due: bool = False) -> bool:
        """Say whether a stream may look at its frame, and charge it.

        Args:
            changed: share of its picture that has changed since it was looked at, 0..1.
            cost: of the look, as a share of one at the whole.
            now_s: the time, monotonic.
            behind: whether the stream has lost frames since its last claim, as the network was busy.
            due: whether it gets its look at any price.
        """
        with self._lock:
            elapsed_s = 0.0 if self._claimed_at_s is None else max(now_s - self._claimed_at_s, 0.0)
            self._claimed_at_s = now_s
            scarce = self._earn(elapsed_s, behind)
            self._price *= math.exp((RISE_PER_S if scarce else -FALL_PER_S) * min(elapsed_s, LONGEST_STEP_S))
            self._price = min(max(self._price, LEAST_PRICE), MOST_PRICE)
            granted = due or (self._affordable(cost) and (self._price <= LEAST_PRICE or changed / cost >= self._price))
            if granted and self._looks_per_s is not None:
                self._left = max(self._left - cost, -self._looks_per_s * BURST_S)
            return granted

    def _earn(self, elapsed_s: float, behind: bool) -> bool:
        """Add what the time has brought; return whether looks are scarce."""
        if self._looks_per_s is None:
            return behind
        most = self._looks_per_s * BURST_S
        self._left = min(self._left + elapsed_s * self._looks_per_s, most)
        return self._left < most / 2

    def _affordable(self, cost: float) -> bool:
        return self._looks_per_s is None or self._left >= min(cost, self._looks_per_s * BURST_S)
