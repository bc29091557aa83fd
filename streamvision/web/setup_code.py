"""The link by which the first admin is made, where nobody sits at a terminal: it works once, and not for long."""

from __future__ import annotations

import hmac
import secrets
import threading
import time

VALID_S = 3600.0


class SetupCode:
    """What the link holds; known to this process alone, and gone with it."""

    def __init__(self) -> None:
        self.secret = secrets.token_urlsafe(32)
        self._ends_at_s = time.monotonic() + VALID_S
        self._used = False
        self._lock = threading.Lock()

    def fits(self, given: str) -> bool:
        """Return whether it may be used now."""
        known = hmac.compare_digest(given.encode("utf-8", "replace"), self.secret.encode())
        return known and not self._used and time.monotonic() < self._ends_at_s

    def use(self, given: str) -> bool:
        """Use it up; return whether it could be used."""
        with self._lock:
            fits = self.fits(given)
            self._used = self._used or fits
            return fits

    def give_back(self) -> None:
        """Let it be used again, since nothing came of it."""
        self._used = False
