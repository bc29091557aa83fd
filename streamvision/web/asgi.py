"""The ASGI application: live responses on the event loop, everything else by the Flask application in threads.

Flask decides about every request, live ones too, so that there is one place for addresses, refusals and headers. For a
live response it names what is to be sent, and its thread is free again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol, cast

from a2wsgi import WSGIMiddleware
from flask import Flask

from streamvision.web.fanout import Fanout
from streamvision.web.handshake import asks_websocket
from streamvision.web.link import TransportLink, as_chunk, as_is
from streamvision.web.live_response import HAND_OVER, Offer
from streamvision.web.long_response import PieceSender
from streamvision.web.viewer import Subscription
from streamvision.web.waiting import WAIT_S
from streamvision.web.websocket_viewer import WebSocketViewer

_log = logging.getLogger(__name__)

THREADS = 16
"""Short requests that are answered at the same time."""
MAX_REQUESTS = 512
"""Short requests that are answered or wait for a thread; further ones are turned away."""
RESERVED_THREADS = 4
MAX_RESERVED_REQUESTS = 64
"""The same for health and metrics, which have threads of their own."""
RESERVED_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
REQUEST_S = 15.0
"""Longest time for the body of a request to come, and for its answer to go: a client that trickles holds nothing."""
MAX_BODY_BYTES = 64 * 1024
CONNECTION = "streamvision.connection"
"""Key of the ASGI scope under which the server gives the :class:`Connection` of a request."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Connection(Protocol):
    """What a live response needs of the server, beyond ASGI."""

    transport: asyncio.Transport
    """The connection of the request."""
    unsent_bytes: Callable[[], int]
    """Tells how much of what was written still waits on this machine."""
    note_live: Callable[[], None]
    """Lets the connection count among those of viewers alone from now on."""
    receive_by: Callable[[Callable[[bytes], None]], None]
    """Lets something else take all bytes that come from now on, since another protocol is spoken."""

    def note_gone(self) -> None:
        """Say that the client has gone, which the server notes of the last request of a connection alone."""

    def send_unframed(self) -> None:
        """Let the end of the connection be that of the body; before the response begins."""

    def note_unframed(self, size_bytes: int) -> None:
        """Say how many bytes of such a body are sent next, which go through the server."""


class _TooLargeError(Exception):
    """The body of a request is larger than any that is accepted."""


class _Threads:
    """A WSGI application in so many threads, with a bound on the requests that are answered or wait for one."""

    def __init__(self, app: Flask, *, threads: int, limit: int) -> None:
        self._wsgi = WSGIMiddleware(cast(Any, app), workers=threads)
        self._limit = limit
        self._busy = 0

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, or turn the request away."""
        if self._busy >= self._limit:
            sentence = f"{self._limit} requests are under way; try again in a second"
            await _refuse(send, HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"retry-after": "1"})
            return
        self._busy += 1
        try:
            await self._wsgi(cast(Any, scope), cast(Any, receive), cast(Any, send))
        finally:
            self._busy -= 1

    def close(self) -> None:
        """Let the threads end when they are done."""
        self._wsgi.executor.shutdown(wait=False, cancel_futures=True)


class AsgiApp:
    """Answers HTTP requests by a Flask application whose live responses are sent from the event loop.

    Args:
        app: the Flask application.
        fanout: who offers pictures and events; it must run on the same event loop.
    """

    def __init__(self, app: Flask, fanout: Fanout) -> None:
        self._fanout = fanout
        self._ordinary = _Threads(app, threads=THREADS, limit=MAX_REQUESTS)
        self._reserved = _Threads(app, threads=RESERVED_THREADS, limit=MAX_RESERVED_REQUESTS)
        self._pieces = PieceSender()

    def close(self) -> None:
        """Let the threads end when they are done."""
        self._ordinary.close()
        self._reserved.close()
        self._pieces.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        if not scope["query_string"].isascii():
            await _refuse(send, HTTPStatus.BAD_REQUEST, "the address is not ASCII; write other characters as %XX")
            return
        # In WSGI's environment X_Remote_User cannot be told from X-Remote-User, which only a proxy may set.
        scope["headers"] = [header for header in scope["headers"] if b"_" not in header[0]]
        offer = Offer(asks_websocket=asks_websocket(scope["headers"]))
        if offer.asks_websocket:  # else it is decided by rules of its own
            scope["headers"] = [header for header in scope["headers"] if header[0] != b"upgrade"]
        try:
            await asyncio.wait_for(self._answer(scope, receive, send, offer), REQUEST_S)
        except asyncio.TimeoutError:
            offer.withdraw()
            await _break_off(scope, receive)
            return
        if offer.subscription is not None and offer.handshake is not None:
            await self._send_websocket(offer, scope, receive)
        elif offer.subscription is not None:
            await self._send_live(offer, scope, receive, send)
        elif offer.pieces is not None:
            await self._send_long(offer.pieces, offer, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, offer: Offer) -> None:
        """Let Flask answer; what it has to say of a live response is kept for the fan-out."""
        try:
            body = await _read_body(receive)
        except _TooLargeError:
            sentence = f"the body has more than {MAX_BODY_BYTES} bytes, which nothing here needs"
            await _refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
            return
        if body is None:
            return
        scope[HAND_OVER] = offer
        await self._ask(scope, body, receive, send, offer)
        if (waits_for := offer.waits_for) is not None:
            await asyncio.wait({asyncio.wrap_future(waits_for)}, timeout=WAIT_S)
            offer.waits_for, offer.has_waited = None, True
            await self._ask(scope, body, receive, send, offer)

    async def _ask(self, scope: Scope, body: bytes, receive: Receive, send: Send, offer: Offer) -> None:
        said: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return said.pop() if said else await receive()

        async def send_unless_later(message: Message) -> None:
            if offer.waits_for is not None:
                return
            if not offer.taken:
                await whole(message)
            elif message["type"] == "http.response.start":
                offer.start = message

        whole = _with_length(send) if scope["http_version"] == "1.0" else send
        threads = self._reserved if scope["path"] in RESERVED_PATHS else self._ordinary
        await threads.answer(scope, replay, send_unless_later)

    async def _send_long(
        self, pieces: Iterable[bytes], offer: Offer, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send the pieces of a long response until they are over or the client has gone."""
        connection: Connection = scope[CONNECTION]
        assert offer.start is not None
        unframed = scope["http_version"] == "1.0" and _lacks_length(offer.start)
        if unframed:
            connection.send_unframed()
            offer.start["headers"] = [*offer.start["headers"], (b"connection", b"close")]
        await send(offer.start)
        note = connection.note_unframed if unframed else None
        await self._pieces.send(pieces, receive=receive, send=send, connection=connection, note=note)

    async def _send_live(self, offer: Offer, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a viewer until the response is over or the viewer has gone."""
        connection: Connection = scope[CONNECTION]
        connection.note_live()
        chunked = scope["http_version"] != "1.0"
        if not chunked:
            connection.send_unframed()
        assert offer.subscription is not None and offer.start is not None
        await send(offer.start)
        link = TransportLink(
            connection.transport, unsent_bytes=connection.unsent_bytes, frame=as_chunk if chunked else as_is
        )
        link.write(offer.opening, time.monotonic())
        leaving = asyncio.ensure_future(_until_gone(receive))
        viewer = self._fanout.admit(offer.subscription, link)
        try:
            await asyncio.wait({link.ended, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._fanout.drop(viewer)
            leaving.cancel()
        if connection.transport.is_closing():
            connection.note_gone()  # else the server takes the response for a forgotten one, and logs it
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_websocket(self, offer: Offer, scope: Scope, receive: Receive) -> None:
        """Serve a viewer over a WebSocket."""
        connection: Connection = scope[CONNECTION]
        connection.note_live()
        assert offer.subscription is not None and offer.handshake is not None
        ask = partial(self._asked_again, scope)
        viewer = WebSocketViewer(self._fanout, connection=connection, ask=ask, query=scope["query_string"])
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await viewer.serve(offer.handshake, offer.subscription, leaving)
        finally:
            leaving.cancel()

    async def _asked_again(self, scope: Scope, query: bytes) -> Subscription | bytes:
        """Let Flask decide what a viewer who is served already may watch instead; return that, or the refusal."""
        offer = Offer(goes_on=True)
        body = bytearray()

        async def refused(message: Message) -> None:
            body.extend(message.get("body", b""))

        asked = {**scope, "query_string": query, HAND_OVER: offer}
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ask(asked, b"", _never, refused, offer), REQUEST_S)
        return bytes(body) if offer.subscription is None else offer.subscription


def _with_length(send: Send) -> Send:
    """Return what sends a body whose length is not known as a whole: a client of HTTP/1.0 knows no chunks."""
    held: list[Message] = []

    async def send_whole(message: Message) -> None:
        if not held and not _lacks_length(message):
            await send(message)
            return
        held.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            body = b"".join(one.get("body", b"") for one in held[1:])
            await send({**held[0], "headers": [*held[0]["headers"], (b"content-length", b"%d" % len(body))]})
            await send({"type": "http.response.body", "body": body})

    return send_whole


def _lacks_length(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    return all(name.lower() != b"content-length" for name, _ in message["headers"])


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _never() -> Message:
    return {"type": "http.disconnect"}


async def _read_body(receive: Receive) -> bytes | None:
    """Return the whole body of a request; ``None`` where its client has gone.

    Raises:
        _TooLargeError: when it is larger than :data:`MAX_BODY_BYTES`.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _TooLargeError
        if not message.get("more_body", False):
            return bytes(body)


async def _refuse(send: Send, status: HTTPStatus, sentence: str, headers: Mapping[str, str] = {}) -> None:
    """Answer with one JSON sentence and close the connection."""
    body = json.dumps({"error": sentence}).encode()
    fields = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **headers,
    }
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _break_off(scope: Scope, receive: Receive) -> None:
    """Break the connection, and wait until the server has noticed, which would answer in our place else."""
    connection: Connection = scope[CONNECTION]
    connection.transport.abort()
    await _until_gone(receive)
