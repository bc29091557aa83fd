"""How many connections may be open that are not a viewer's, and which of them make room for others.

Each is one of the files that the process may open, which cameras, models and the database need, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Protocol

MAX_SILENT = 512
"""Connections that have not made their whole request for :data:`SILENT_S`; of more, the oldest are closed."""
MAX_SILENT_OF_ADDRESS = 64
"""The same for one address, so that one machine cannot push the others out."""
SILENT_S = 1.0
"""A younger connection may be one of many that came at once, and whose request lies here unread."""
TRIM_S = 0.25
"""How often those are looked for that have been silent for too long, while there may be too many."""


class WaitingConnection(Protocol):
    """One that has no response without an end."""

    @property
    def address(self) -> str:
        """Where the client is, without its port."""

    def abort(self) -> None:
        """Break it without waiting for anything."""


class OpenConnections:
    """All connections but those of viewers. Used on one event loop.

    Args:
        limit: most of them at a time; half of them may be of one address.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[WaitingConnection] = set()
        self._by_address: Counter[str] = Counter()
        self._idle: dict[WaitingConnection, None] = {}
        """Those that have got an answer and may ask again, the longest idle first."""
        self._silent_since_s: dict[WaitingConnection, float] = {}
        """Those whose request has not come whole, the oldest first."""
        self._trimming = False

    def note_silent(self, connection: WaitingConnection) -> None:
        """Note that a connection, which may be new, is to make a request; with one too many, another is closed."""
        if connection not in self._open:
            self._open.add(connection)
            self._by_address[connection.address] += 1
        self._idle.pop(connection, None)
        self._silent_since_s.setdefault(connection, time.monotonic())
        self._make_room(connection.address)
        if not self._trimming and len(self._silent_since_s) > MAX_SILENT_OF_ADDRESS:
            self._trimming = True
            asyncio.get_running_loop().call_later(TRIM_S, self._trim)

    def note_asked(self, connection: WaitingConnection) -> None:
        """Note that the whole request has come."""
        self._silent_since_s.pop(connection, None)

    def note_idle(self, connection: WaitingConnection) -> None:
        """Note that a connection has got its answer."""
        if connection in self._open:
            self._idle[connection] = None

    def leave(self, connection: WaitingConnection) -> None:
        """Forget one that is closed, or a viewer's; calling it twice is harmless."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        self._idle.pop(connection, None)
        self._silent_since_s.pop(connection, None)
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]

    def _make_room(self, address: str) -> None:
        """Close what is idle, or else silent, for the longest time, where one is too many; the newest is silent."""
        waiting = (*self._idle, *self._silent_since_s) if self._is_full(address) else ()
        if self._by_address[address] > self._limit // 2:
            self._close(next(one for one in waiting if one.address == address))
        elif len(self._open) > self._limit:
            self._close(waiting[0])

    def _is_full(self, address: str) -> bool:
        return len(self._open) > self._limit or self._by_address[address] > self._limit // 2

    def _trim(self) -> None:
        """Close the oldest of those that have been silent for long, until no more are left than may be."""
        now_s = time.monotonic()
        silent = [one for one, since_s in self._silent_since_s.items() if now_s - since_s > SILENT_S]
        by_address = Counter(one.address for one in silent)
        for one in silent:
            if by_address[one.address] > MAX_SILENT_OF_ADDRESS:
                by_address[one.address] -= 1
                self._close(one)
        left = [one for one in silent if one in self._open]
        for one in left[: max(len(left) - MAX_SILENT, 0)]:
            self._close(one)
        self._trimming = len(self._silent_since_s) > MAX_SILENT_OF_ADDRESS
        if self._trimming:
            asyncio.get_running_loop().call_later(TRIM_S, self._trim)

    def _close(self, connection: WaitingConnection) -> None:
        self.leave(connection)
        connection.abort()
