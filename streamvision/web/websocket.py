"""A WebSocket after its handshake (RFC 6455): a record a message to the viewer, and from it what it wants to watch."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import parse_qs, urlencode

from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed

MAX_MESSAGE = 16 * 1024
"""Longest message that is taken, in characters; no page comes near it."""
MAX_FRAGMENTS = 64
MAX_FRAMES_S = 100
"""Frames that are taken within a second; a page sends one when what it shows changes."""
CLOSE_S = 1.0
"""How long the other side may take to answer the end."""
WATCH_KEYS = ("streams", "width", "layer")


class UnacceptedError(Exception):
    """A message that is not understood, or may not be sent, with the sentence that says why."""


@lru_cache(maxsize=32)
def as_message(record: bytes) -> bytes:
    """Frame a record as one binary message (5.2), once for all viewers that get the same one."""
    size = len(record)
    if size < 126:
        return b"\x82%c%b" % (size, record)
    if size < 1 << 16:
        return b"".join((struct.pack("!BBH", 0x82, 126, size), record))
    return b"".join((struct.pack("!BBQ", 0x82, 127, size), record))


class WebSocket:
    """One connection; used on one event loop.

    Args:
        transport: what its bytes go over.
        unsent_bytes: tells how much of what was written still waits on this machine.
    """

    def __init__(self, transport: asyncio.Transport, *, unsent_bytes: Callable[[], int]) -> None:
        self.over = asyncio.get_running_loop().create_future()
        """Done when one of both sides has begun to close."""
        self.closed = asyncio.get_running_loop().create_future()
        """Done when nothing more is to be waited for."""
        self._transport = transport
        self._unsent_bytes = unsent_bytes
        self._frames = FrameProtocol(client=False, extensions=[])
        self._parts: list[str] = []
        self._length = self._fragments = 0
        self._counted, self._counted_since_s = 0, time.monotonic()
        self._message: str | None = None
        self._has_message = asyncio.Event()

    def receive(self, data: bytes) -> None:
        """Take bytes from the other side."""
        if self.closed.done() or self._counted > MAX_FRAMES_S:
            return
        try:
            self._frames.receive_bytes(data)
            for frame in self._frames.received_frames():
                self._count()
                self._take(frame)
        except ParseFailed as error:
            self.close(error.code, str(error))
            _finish(self.closed)
        except UnacceptedError as error:
            self.close(CloseReason.POLICY_VIOLATION, str(error))

    async def next_message(self) -> str:
        """Wait for a message; of those that came meanwhile the newest counts."""
        await self._has_message.wait()
        self._has_message.clear()
        message, self._message = self._message, None
        assert message is not None
        return message

    def close(self, code: int, reason: str = "") -> None:
        """Say that it is over, and why; only the first call counts."""
        if not self.over.done():
            self.over.set_result(None)
            self._transport.write(bytes(self._frames.close(code, reason)))

    def _count(self) -> None:
        """Count a frame, each of which costs the event loop time that is that of all viewers."""
        now_s = time.monotonic()
        if now_s - self._counted_since_s >= 1.0:
            self._counted, self._counted_since_s = 0, now_s
        self._counted += 1
        if self._counted > MAX_FRAMES_S:
            raise UnacceptedError(f"send no more than {MAX_FRAMES_S} frames a second")

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.close(CloseReason.NORMAL_CLOSURE)
            _finish(self.closed)
        elif self.over.done():
            return
        elif frame.opcode is Opcode.PING:
            if not self._unsent_bytes():  # one who takes nothing does not get more and more of these
                assert isinstance(frame.payload, (bytes, bytearray))
                self._transport.write(bytes(self._frames.pong(bytes(frame.payload))))
        elif frame.opcode is Opcode.BINARY:
            raise UnacceptedError("send what is to be watched as text, in JSON")
        elif frame.opcode is Opcode.TEXT:
            self._take_text(str(frame.payload), is_end_of_frame=frame.frame_finished, is_end=frame.message_finished)

    def _take_text(self, part: str, *, is_end_of_frame: bool, is_end: bool) -> None:
        self._parts.append(part)
        self._length += len(part)
        self._fragments += is_end_of_frame
        if self._length > MAX_MESSAGE or self._fragments > MAX_FRAGMENTS:
            self._parts = []
            raise UnacceptedError(f"a message may have {MAX_MESSAGE} characters in {MAX_FRAGMENTS} fragments")
        if is_end:
            self._message = "".join(self._parts)
            self._parts, self._length, self._fragments = [], 0, 0
            self._has_message.set()


def watch_query(message: str, former: bytes) -> bytes:
    """Return the query of an address that asks for what a message does.

    Args:
        message: the message.
        former: the query of the connection, of which the rest stays.

    Raises:
        UnacceptedError: when the message is not understood.
    """
    try:
        wish = json.loads(message)
    except (ValueError, RecursionError):
        wish = None
    is_wish = isinstance(wish, Mapping) and all(isinstance(value, str) for value in wish.values())
    if not is_wish or not wish.keys() <= set(WATCH_KEYS):
        raise UnacceptedError(f"send a JSON object with texts for any of: {', '.join(WATCH_KEYS)}")
    kept = {key: values[-1] for key, values in parse_qs(former.decode("ascii")).items() if key not in WATCH_KEYS}
    return urlencode({**kept, **wish}, errors="replace").encode()


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
