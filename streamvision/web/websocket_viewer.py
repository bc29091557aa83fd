"""Serves one viewer over a WebSocket, from the agreed handshake to the end of the connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from wsproto.frame_protocol import CloseReason

from streamvision.web.fanout import Fanout
from streamvision.web.handshake import Handshake
from streamvision.web.link import TransportLink
from streamvision.web.viewer import Subscription, Viewer
from streamvision.web.websocket import CLOSE_S, UnacceptedError, WebSocket, as_message, watch_query
from streamvision.web.wire import heartbeat_record

if TYPE_CHECKING:
    from streamvision.web.asgi import Connection

CHANGE_S = 0.1
"""A viewer may watch something else so often; of the messages that come meanwhile the newest counts."""
Ask = Callable[[bytes], Awaitable["Subscription | bytes"]]
"""Asks the application for another query as the same client; gives what that watches, or the body of the refusal."""


class WebSocketViewer:
    """One viewer.

    Args:
        fanout: who offers pictures and video.
        connection: what the handshake came over.
        ask: decides about what else is to be watched.
        query: of the handshake's address.
    """

    def __init__(self, fanout: Fanout, *, connection: Connection, ask: Ask, query: bytes) -> None:
        self._fanout = fanout
        self._connection = connection
        self._ask = ask
        self._query = query

    async def serve(self, handshake: Handshake, subscription: Subscription, leaving: asyncio.Future[None]) -> None:
        """Serve it until one of both sides ends that.

        Args:
            handshake: what was agreed to.
            subscription: what it watches at first.
            leaving: done when the client has gone.
        """
        transport = self._connection.transport
        socket = WebSocket(transport, unsent_bytes=self._connection.unsent_bytes)
        transport.write(handshake.response())
        self._connection.receive_by(socket.receive)
        try:
            if refused := self._fanout.places.refusal(subscription.principal):  # the last place was taken meanwhile
                socket.close(CloseReason.TRY_AGAIN_LATER, refused)
            else:
                await self._watch(socket, subscription, leaving)
            await asyncio.wait({socket.closed, leaving}, timeout=CLOSE_S, return_when=asyncio.FIRST_COMPLETED)
            transport.close()  # what is written still goes
            await asyncio.wait({leaving}, timeout=CLOSE_S)
        finally:
            self._connection.note_gone()
            transport.abort()

    async def _watch(self, socket: WebSocket, subscription: Subscription, leaving: asyncio.Future[None]) -> None:
        link = TransportLink(self._connection.transport, unsent_bytes=self._connection.unsent_bytes, frame=as_message)
        now_s = time.monotonic()
        link.write(heartbeat_record(now_s), now_s)  # where all cameras are silent, too, the page sees that it is served
        viewer = self._fanout.admit(subscription, link)
        changing = asyncio.ensure_future(self._change(viewer, socket))
        try:
            await asyncio.wait({link.ended, leaving, socket.over, changing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._fanout.drop(viewer)
            changing.cancel()
            await asyncio.wait({changing}, timeout=CLOSE_S)  # an answer that comes now takes the place of its end
        if changing.done() and not changing.cancelled() and (error := changing.exception()) is not None:
            if not isinstance(error, UnacceptedError):
                raise error
            socket.close(CloseReason.POLICY_VIOLATION, str(error))
        socket.close(CloseReason.GOING_AWAY if self._fanout.has_ended else CloseReason.NORMAL_CLOSURE)

    async def _change(self, viewer: Viewer, socket: WebSocket) -> None:
        """Let the viewer watch what its messages say.

        Raises:
            UnacceptedError: when one of them is refused.
        """
        while True:
            answer = await self._ask(watch_query(await socket.next_message(), self._query))
            if isinstance(answer, bytes):
                raise UnacceptedError(_sentence(answer))
            if answer.principal != viewer.subscription.principal:
                raise UnacceptedError("what you may do has changed; connect again")
            if not self._fanout.change(viewer, answer):
                return
            await asyncio.sleep(CHANGE_S)


def _sentence(body: bytes) -> str:
    with suppress(ValueError, TypeError, KeyError):
        return str(json.loads(body)["error"])
    return "this cannot be watched"
