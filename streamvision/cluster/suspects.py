"""Streams with which one process after another was lost: they are tried alone on a machine, and ever more seldom.

A picture, a model or a stage may end the process that runs it, or hold it so that it is not heard. Given to the next
machine at once, such a stream would end the processes of all machines in turn, and with them those of all streams.

A process counts as lost with its streams where its machine goes on, which is known when the next process there has
joined: a machine that is lost, or cut off for long, is nobody's fault. Of several streams those are blamed with which
most were lost before: the one that ends processes was there each time, others were there now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

SUSPECT_LOSSES = 3
"""From how many lost processes on a stream is tried beside streams alone with which nothing was lost."""
TRIAL_S = 15.0
"""How long after its beginning it is blamed alone for the loss of a process."""
PAUSES_S = (0.0, 10.0, 60.0, 300.0, 1800.0)
"""How soon it is tried again, by further losses; the last one holds for all that follow."""
FORGIVEN_S = 1800.0
"""What has run for so long on a machine begins with a clean record."""
CONFIRM_S = 600.0
"""How long it is waited for the next process of a machine, until the machine counts as lost."""


class Suspects:
    """Of one head, whose lock guards it.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._losses: dict[str, int] = {}
        self._due_at_s: dict[str, float] = {}
        self._unconfirmed: dict[str, tuple[float, frozenset[str]]] = {}  # by machine: since when, and who is blamed

    def lost(self, node_id: str, placed_at_s: Mapping[str, float], *, blamed: str | None = None) -> None:
        """Take that the process of a machine is lost.

        Args:
            node_id: which machine.
            placed_at_s: its streams, by id, and since when it had them.
            blamed: the stream that is to blame, where that is known.
        """
        now_s = self._clock()
        for stream_id, at_s in placed_at_s.items():
            if now_s - at_s >= FORGIVEN_S:
                self.forget(stream_id)
        found = {blamed} if blamed is not None else {one for one, at_s in placed_at_s.items() if self.tries(one, at_s)}
        most = max((self._losses.get(one, 0) for one in placed_at_s), default=0)
        found = found or {one for one in placed_at_s if self._losses.get(one, 0) == most}
        self._unconfirmed = {
            node: (at_s, those) for node, (at_s, those) in self._unconfirmed.items() if now_s - at_s < CONFIRM_S
        }
        self._unconfirmed[node_id] = now_s, frozenset(found)

    def joined(self, node_id: str) -> list[str]:
        """Take that a machine has a process again; return those that are suspects by now and were blamed."""
        at_s, blamed = self._unconfirmed.pop(node_id, (0.0, frozenset[str]()))
        if self._clock() - at_s >= CONFIRM_S:
            return []
        for stream_id in blamed:
            self._losses[stream_id] = self._losses.get(stream_id, 0) + 1
            self._due_at_s[stream_id] = self._clock() + self.pause_s(stream_id)
        return sorted(filter(self.is_suspect, blamed))

    def forget(self, stream_id: str) -> None:
        """Let a stream begin with a clean record: it has run for long, was changed, or is removed."""
        self._losses.pop(stream_id, None)
        self._due_at_s.pop(stream_id, None)
        self._unconfirmed = {node: (at_s, those - {stream_id}) for node, (at_s, those) in self._unconfirmed.items()}

    def losses(self, stream_id: str) -> int:
        """Return with how many lost processes a stream has to do."""
        return self._losses.get(stream_id, 0)

    def is_suspect(self, stream_id: str) -> bool:
        """Say whether a stream is to be tried with care."""
        return self.losses(stream_id) >= SUSPECT_LOSSES

    def tries(self, stream_id: str, placed_at_s: float) -> bool:
        """Say whether a machine that has a stream since a moment is trying it out."""
        return self.is_suspect(stream_id) and self._clock() - placed_at_s < TRIAL_S

    def pause_s(self, stream_id: str) -> float:
        """Return how long it is waited between a loss and the next try."""
        return PAUSES_S[max(min(self.losses(stream_id) - SUSPECT_LOSSES, len(PAUSES_S) - 1), 0)]

    def is_due(self, stream_id: str) -> bool:
        """Say whether a stream may be tried."""
        return self._clock() >= self._due_at_s.get(stream_id, 0.0)
