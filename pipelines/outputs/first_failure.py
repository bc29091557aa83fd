"""Why an output that works in a thread of its own writes no more: said once to whoever writes, and kept."""

from __future__ import annotations

import threading

from streamvision.core.errors import OutputError


class FirstFailure:
    """Keeps the first reason, in words: an error would keep the frames of its traceback. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_told = False
        self.reason: str | None = None
        """Why nothing is written any more; ``None`` while all is well."""

    def note(self, reason: str) -> None:
        """Keep a reason, unless there is one."""
        with self._lock:
            self.reason = self.reason or reason

    def check(self) -> None:
        """Say why nothing is written.

        Raises:
            OutputError: where something failed.
        """
        if self.reason is not None:
            self._is_told = True
            raise OutputError(self.reason)

    def check_at_end(self) -> None:
        """Say it unless it has been said.

        Raises:
            OutputError: where something failed and :meth:`check` has not said so.
        """
        if not self._is_told:
            self.check()
