"""A response that may take minutes, such as a file of a gigabyte: no thread of the short requests is held by it.

Flask decides about it like about any other. Where the server offers that, its pieces are then made one by one in
threads of their own and sent from the event loop, as fast as the client takes them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from flask import Response

from streamvision.web.live_response import HAND_OVER, Offer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

THREADS = 4
"""Pieces that are made at the same time."""
STALL_S = 30.0
"""How long a client may take nothing before its response is broken off."""

_Message = MutableMapping[str, Any]


class LongResponse(Response):
    """A response whose pieces are sent outside of the threads of short requests."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand the pieces over where that is offered, or send them here; a HEAD request is answered as usual."""
        offer: Offer | None = environ.get("asgi.scope", {}).get(HAND_OVER)
        if environ["REQUEST_METHOD"] == "HEAD" or offer is None:
            return super().__call__(environ, start_response)
        pieces, status, headers = self.get_wsgi_response(environ)
        offer.take(pieces)
        start_response(status, headers)
        return ()


class Connection(Protocol):
    """What is asked of the connection of a long response."""

    transport: asyncio.Transport
    """What its bytes go over."""

    def note_gone(self) -> None:
        """Say that the client has gone."""


class PieceSender:
    """Sends the pieces of long responses; used on one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web-pieces")

    def close(self) -> None:
        """Let the threads end when they are done."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def discard(self, pieces: Iterable[bytes]) -> None:
        """End pieces of which nothing more is wanted."""
        close = getattr(pieces, "close", None)
        if close is not None:
            with suppress(RuntimeError):  # after the end of the threads nothing is waited for any more
                self._threads.submit(close)

    async def send(
        self,
        pieces: Iterable[bytes],
        *,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
        connection: Connection,
        note: Callable[[int], None] | None = None,
    ) -> None:
        """Send all pieces and the end of the body; break the connection off where one fails, or nobody takes it.

        Args:
            pieces: the body; it is closed in any case.
            receive: of the request.
            send: of the request.
            connection: what the request came over.
            note: is told the size of each piece, in bytes, before it is sent.
        """

        async def taken(piece: bytes) -> None:
            if note is not None:
                note(len(piece))
            await send({"type": "http.response.body", "body": piece, "more_body": True})

        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            if await self._send_all(iter(pieces), taken, leaving):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
        except Exception:
            _log.exception("a file could not be sent to its end")
        finally:
            leaving.cancel()
            self.discard(pieces)
        connection.transport.abort()
        connection.note_gone()

    async def _send_all(
        self, pieces: Iterator[bytes], send: Callable[[bytes], Coroutine[Any, Any, None]], leaving: asyncio.Future[None]
    ) -> bool:
        """Return whether all pieces were taken."""
        loop = asyncio.get_running_loop()
        while (piece := await loop.run_in_executor(self._threads, next, pieces, None)) is not None:
            taking = asyncio.ensure_future(send(piece))
            done, _ = await asyncio.wait({taking, leaving}, timeout=STALL_S, return_when=asyncio.FIRST_COMPLETED)
            if taking not in done or leaving.done():
                taking.cancel()
                return False
        return True


async def _until_gone(receive: Callable[[], Awaitable[_Message]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
