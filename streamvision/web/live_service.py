"""All that live responses need: the fan-out, and those who tell it of states and events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

from streamvision.core.live import LiveView
from streamvision.web.analytics import AnalyticsNews
from streamvision.web.events import StatusTicker
from streamvision.web.fanout import EVICTION_S, GOODBYE_S, Fanout
from streamvision.web.revocation import Holding, Revocation
from streamvision.web.viewer import Subscription


class LiveService:
    """Serves the live responses of one pipeline.

    Args:
        view: the pipeline.
        eviction_s: how long a viewer may take nothing before it is evicted.
        max_viewers: most live connections at a time; default: 1000, or half of the open-file limit.
        credentials: says who of those who watch may go on; by default everybody.
    """

    def __init__(
        self,
        view: LiveView,
        *,
        eviction_s: float = EVICTION_S,
        max_viewers: int | None = None,
        credentials: Holding | None = None,
    ) -> None:
        self.fanout = Fanout(view, eviction_s=eviction_s, max_viewers=max_viewers)
        self._ticker = StatusTicker(view, self.fanout)
        self._news = AnalyticsNews(view, self.fanout)
        self._revocation = Revocation(credentials, self.fanout) if credentials else None
        self._lock = threading.Lock()
        self._started = False
        self._own_loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, in the thread in which the event loop runs."""
        with self._lock:
            self._started = True
        self.fanout.start(loop)
        self._ticker.start()
        self._news.start()
        if self._revocation:
            self._revocation.start()

    def stop(self) -> None:
        """End every response; from any thread, and calling it twice is harmless."""
        self._ticker.stop()
        if self._revocation:
            self._revocation.stop()
        self._news.stop()
        self.fanout.stop()
        loop, self._own_loop = self._own_loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def blocking(self, subscription: Subscription, *, opening: bytes = b"") -> Iterator[bytes]:
        """Yield what a viewer gets, for a server without an event loop; the first call starts one in a thread.

        Args:
            subscription: what the viewer asked for.
            opening: the first bytes of the response's body.
        """
        with self._lock:
            is_first, self._started = not self._started, True
        if is_first:
            self._start_in_thread()
        return self.fanout.blocking(subscription, opening=opening)

    def _start_in_thread(self) -> None:
        loop = self._own_loop = asyncio.new_event_loop()
        ready = threading.Event()

        def begin() -> None:
            self.start(loop)
            ready.set()

        loop.call_soon(begin)
        threading.Thread(target=_run, args=(loop,), name="web-fanout", daemon=True).start()
        ready.wait()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped, and let those who wait for a message have its end."""
    loop.run_forever()
    try:
        if waiting := asyncio.all_tasks(loop):
            _, left = loop.run_until_complete(asyncio.wait(waiting, timeout=GOODBYE_S))
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=GOODBYE_S))
    finally:
        loop.close()
