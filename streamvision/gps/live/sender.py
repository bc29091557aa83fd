"""Which of several senders is listened to."""

from __future__ import annotations

import time

QUIET_S = 3.0
"""After so long without a fix of the one, another is taken."""


class OneSender:
    """Takes the fixes of one sender, the first that has any, for as long as it goes on: two would make a zigzag."""

    def __init__(self) -> None:
        self._name: object = None
        self._heard_s = -QUIET_S

    def takes(self, name: object) -> bool:
        """Say whether the fix of a sender is taken."""
        now_s = time.monotonic()
        if name != self._name and now_s - self._heard_s < QUIET_S:
            return False
        self._name, self._heard_s = name, now_s
        return True
