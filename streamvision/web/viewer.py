"""One live response: what its viewer asked for, and what waits to be sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from streamvision.web.access import EVERYBODY, Principal
from streamvision.web.wire import CLOSINGS, Form, Render

MAX_WAITING = 256
"""Messages that may wait for one viewer; the oldest go first. Pictures never come near it: one a stream."""


@dataclass(frozen=True)
class Subscription:
    """What a viewer asked for."""

    form: Form
    """How it reads."""
    streams: tuple[str, ...]
    """The streams that it follows."""
    detections: bool = False
    """Whether it wants the objects of each frame (events only)."""
    principal: Principal = EVERYBODY
    """Whose viewer it is."""

    @property
    def pictures(self) -> bool:
        """Whether it takes pictures, and so counts as a viewer of its streams."""
        return self.form != "events"


class Viewer:
    """Messages for one viewer, the newest of each kind. Used on the event loop of the fan-out alone.

    Args:
        subscription: what the viewer asked for.
        unsent_bytes: tells how much of what was sent to it still waits on this machine.
        abort: breaks its connection.
    """

    def __init__(
        self, subscription: Subscription, *, unsent_bytes: Callable[[], int], abort: Callable[[], None]
    ) -> None:
        self.subscription = subscription
        self.abort = abort
        self.blocked = False
        """True while the network takes no more."""
        self.active_at_s = time.monotonic()
        """When the network last took something, or when there was last something new to give."""
        self.unsent_bytes = unsent_bytes
        self._seen_unsent_bytes = 0
        self._waiting: dict[Hashable, Render] = {}
        self._closing = False
        self._offered: asyncio.Future[None] | None = None

    def offer(self, key: Hashable, render: Render) -> None:
        """Let a message wait for its turn.

        It takes the place of the one that waits under the same key: newest wins, and the turn is kept, so that
        no stream of a viewer starves another.
        """
        if self._closing:
            return
        self._waiting[key] = render
        if len(self._waiting) > MAX_WAITING:
            self._waiting.pop(next(iter(self._waiting)))
        if self._offered is not None and not self._offered.done():
            self._offered.set_result(None)

    def discard(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()

    def finish(self) -> None:
        """Say goodbye once everything that waits is sent."""
        if not self._closing:
            closing = CLOSINGS[self.subscription.form]
            self.offer("closing", lambda _: closing)
            self._closing = True

    async def next_message(self) -> bytes | None:
        """Wait for a message, the newest of its kind at this moment; ``None`` when the response is over."""
        self.blocked = False
        while not self._waiting:
            if self._closing:
                return None
            self._offered = asyncio.get_running_loop().create_future()
            await self._offered
        render = self._waiting.pop(next(iter(self._waiting)))
        self.active_at_s = time.monotonic()
        self.blocked = True
        return render(self.active_at_s)

    def blocked_s(self, now_s: float) -> float:
        """Return for how long the network has taken nothing at all, in seconds; 0 while it is not blocked."""
        unsent_bytes = self.unsent_bytes()
        if unsent_bytes != self._seen_unsent_bytes:
            self._seen_unsent_bytes = unsent_bytes
            self.active_at_s = now_s
        return now_s - self.active_at_s if self.blocked else 0.0
