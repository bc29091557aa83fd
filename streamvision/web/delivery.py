"""Hands messages to viewers, and comes back to those who did not take them at once.

A viewer whose connection is at fault costs the others of the same frame nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable

from streamvision.web.packet_queue import Kind, Record
from streamvision.web.viewer import Viewer
from streamvision.web.wire import Render

_log = logging.getLogger(__name__)

WAITING_S = 0.03
"""How often those are looked at for whom something waits."""
PACKETS_S = 0.008
"""The same where that is packets: behind a key frame, the next ones and what was found on it would be late else."""


class Delivery:
    """Used on the event loop of the fan-out alone.

    Args:
        break_off: ends the response of a viewer whose connection is at fault; called when other things had their turn.
    """

    def __init__(self, break_off: Callable[[Viewer], None]) -> None:
        self._break_off = break_off
        self._waiting: set[Viewer] = set()
        self._timer: asyncio.TimerHandle | None = None

    def offer(self, viewer: Viewer, key: Hashable, render: Render, now_s: float) -> None:
        """Send a message, or let it wait for its turn, in the place of the one under the same key."""
        try:
            if viewer.offer(key, render, now_s):
                self._await(viewer)
        except Exception:
            self._give_up(viewer)

    def offer_packet(self, viewer: Viewer, stream_id: str, record: Record, kind: Kind, now_s: float) -> bool:
        """Send a packet, or let it wait behind those before it; return whether something had to be left out."""
        try:
            waits, left_out = viewer.offer_packet(stream_id, record, kind, now_s)
        except Exception:
            self._give_up(viewer)
            return False
        if waits:
            self._await(viewer)
        return left_out

    def finish(self, viewer: Viewer) -> None:
        """Complete a viewer's response when what waits is sent."""
        if viewer.finish(time.monotonic()):
            self._await(viewer)

    def send_waiting(self, viewer: Viewer) -> None:
        """Send what waits for a viewer that has just taken something."""
        if viewer.send_waiting(time.monotonic()):
            self._await(viewer)

    def forget(self, viewer: Viewer) -> None:
        """Come back to a viewer no more."""
        self._waiting.discard(viewer)

    def _await(self, viewer: Viewer) -> None:
        """Come back to a viewer for whom something waits; the newest is chosen then."""
        self._waiting.add(viewer)
        self._look_within(PACKETS_S if viewer.packets else WAITING_S)

    def _look_within(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._send_to_all)

    def _send_to_all(self) -> None:
        self._timer = None
        now_s = time.monotonic()
        self._waiting = {viewer for viewer in tuple(self._waiting) if self._still_waits(viewer, now_s)}
        if self._waiting:
            self._look_within(PACKETS_S if any(viewer.packets for viewer in self._waiting) else WAITING_S)

    def _still_waits(self, viewer: Viewer, now_s: float) -> bool:
        try:
            return viewer.send_waiting(now_s)
        except Exception:
            self._give_up(viewer)
            return False

    def _give_up(self, viewer: Viewer) -> None:
        _log.exception("a viewer could not be served and is broken off")
        asyncio.get_running_loop().call_soon(self._break_off, viewer)
