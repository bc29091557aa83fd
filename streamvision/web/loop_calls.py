"""Calls of one event loop from other threads, which do no harm where it has ended."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

BLOCKING_WAIT_S = 1.0
"""How often a thread that waits looks whether the loop has ended."""
_ENDED = "the fan-out has ended"


class LoopEndedError(ConnectionError):
    """The loop is called no more; connections to something else fail with other errors."""


class LoopCalls:
    """Belongs to one event loop, from :meth:`start` to :meth:`stop`."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop; ``None`` before the start and after the end."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call this loop from now on."""
        self.loop = loop

    def stop(self) -> asyncio.AbstractEventLoop | None:
        """Call it no more, and return it; calling this twice is harmless."""
        loop, self.loop = self.loop, None
        return loop

    def call(self, action: Callable[[], None]) -> None:
        """Do something on the loop soon, from any thread; what it raises is logged."""
        loop = self.loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(guarded, action)

    def soon(self, action: Callable[[], None]) -> None:
        """Do something when other things had their turn, from the loop itself."""
        if self.loop is not None:
            self.loop.call_soon(guarded, action)

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the loop and wait for what it returns, from another thread.

        Raises:
            LoopEndedError: when the loop is called no more.
        """
        loop = self.loop
        future: concurrent.futures.Future[_T] | None = None
        if loop is not None:
            with suppress(RuntimeError):  # it was closed this moment
                future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        if loop is None or future is None:
            coroutine.close()
            raise LoopEndedError(_ENDED)
        while True:
            try:
                return future.result(BLOCKING_WAIT_S)
            except concurrent.futures.CancelledError:
                raise LoopEndedError(_ENDED) from None
            except concurrent.futures.TimeoutError:
                if not loop.is_running():
                    raise


def guarded(action: Callable[[], None]) -> None:
    """Do something for one viewer or one stream whose failure must not end the pictures of all others."""
    try:
        action()
    except Exception:
        _log.exception("viewers could not be served")
