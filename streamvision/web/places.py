"""How many may watch at a time, and how many of the places one user may have."""

from __future__ import annotations

from collections import Counter

from streamvision.web.access import Principal

SHARE_OF_USER = 4
"""One user has at most one of so many of the places, so that one alone does not shut out the others."""
MIN_OF_USER = 16
"""A user has at least so many: a page takes two, and a wall of other programs one a camera."""
MAX_OF_ADMINS = 16
"""Places that only those have who may change things; at most one in :data:`SHARE_OF_ADMINS`."""
SHARE_OF_ADMINS = 8


class Places:
    """Counts those who watch. Changed on one event loop, and read from any thread.

    Args:
        limit: most who watch at a time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._limit_of_user = max(MIN_OF_USER, limit // SHARE_OF_USER)
        self._limit_of_viewers = limit - min(MAX_OF_ADMINS, limit // SHARE_OF_ADMINS)
        self._taken = 0
        self._by_user: Counter[str] = Counter()

    def take(self, principal: Principal) -> None:
        """Note that somebody begins to watch."""
        self._taken += 1
        if principal.user is not None:
            self._by_user[principal.user] += 1

    def give_back(self, principal: Principal) -> None:
        """Note that somebody has ended."""
        self._taken -= 1
        if principal.user is not None:
            self._by_user[principal.user] -= 1
            if not self._by_user[principal.user]:
                del self._by_user[principal.user]

    def refusal(self, principal: Principal) -> str | None:
        """Return in one sentence why somebody may not watch now; ``None``: there is a place."""
        if self._taken >= self.limit:
            return f"{self.limit} viewers are connected and no more are admitted; try again when one has left"
        if principal.user is not None and self._by_user.get(principal.user, 0) >= self._limit_of_user:
            return (
                f"{principal.user} watches {self._limit_of_user} times already, which is the most of one user; close "
                "a page or a program that watches"
            )
        if principal.role != "admin" and self._taken >= self._limit_of_viewers:
            return f"{self._taken} viewers are connected and the last places are the administrators'; try again later"
        return None
