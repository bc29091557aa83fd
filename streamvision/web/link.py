"""The way to one viewer: whether it takes something now, what is written to it, and how its response ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Protocol

from streamvision.web.backlog import Backlog
from streamvision.web.pacing import PATIENCE_S, Pace, look_at
from streamvision.web.shared_bytes import SharedBytes, in_chunk

OnTaken = Callable[[float, float, float], None]
"""Is told for how many seconds a message was on its way (0 where that was too short to be seen), when it was written,
and the present time."""


class Link(Protocol):
    """What the fan-out needs to know of a viewer's connection. Used on the event loop of the fan-out alone."""

    def ready(self, now_s: float) -> bool:
        """Return whether nothing that was written before still waits, so that the newest may be written now."""

    def write(self, message: bytes, now_s: float) -> None:
        """Hand over a message; only when it is ready."""

    def takes_packets(self, now_s: float) -> bool:
        """Return whether packets of video may follow, which build on those that were written before."""

    def write_packet(self, message: bytes, now_s: float) -> None:
        """Hand over a packet of video, or what goes with it; only where it takes packets."""

    def unsent_bytes(self) -> int:
        """Return how much of what was written still waits on this machine."""

    @property
    def taken_bytes_s(self) -> float | None:
        """How fast packets are taken, in bytes a second; ``None`` where nobody knows, since all keep up."""

    def end(self) -> None:
        """Complete the response; calling it twice is harmless."""

    def abort(self) -> None:
        """Break the connection."""

    on_taken: OnTaken | None
    """Called when a message has been taken."""


class TransportLink:
    """Writes to the transport of a connection by itself: no coroutine runs for a message.

    Args:
        transport: the connection.
        unsent_bytes: tells how much of what was written still waits on this machine.
        frame: gives the bytes that a message is on the connection, such as :func:`as_chunk`.
    """

    def __init__(
        self, transport: asyncio.Transport, *, unsent_bytes: Callable[[], int], frame: Callable[[bytes], bytes]
    ) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        """Done when the response is to be completed."""
        self.on_taken: OnTaken | None = None
        self._transport = transport
        self._unsent_bytes = unsent_bytes
        self._frame = frame
        self._socket = transport.get_extra_info("socket")
        self._is_plain = transport.get_extra_info("sslcontext") is None
        self._look = partial(look_at, self._socket)
        self._pace = Pace(self._look)
        self._backlog: Backlog | None = None  # it is for those who take packets, and costs something with each picture
        self._sent_at_s: float | None = None
        self._doubted: tuple[float, float] | None = None  # how long a message took at most, and when it was sent
        self._refused = False
        self._refused_at_s = 0.0

    def ready(self, now_s: float) -> bool:
        """Return whether the viewer has all that was written, or as good as all."""
        transport = self._transport
        if transport.is_closing() or self._unsent_bytes() or not self._pace.has_room(now_s):
            if not self._refused:
                self._refused, self._refused_at_s = True, now_s
            return False
        if self._sent_at_s is not None and self.on_taken is not None:
            sent_at_s, self._sent_at_s = self._sent_at_s, None
            self._tell(now_s - sent_at_s if self._refused else 0.0, sent_at_s, now_s)
        self._refused = False
        return True

    def _tell(self, take_s: float, sent_at_s: float, now_s: float) -> None:
        """Tell how long a message took; where that is in doubt, the next one shows it."""
        assert self.on_taken is not None
        if self._doubted is not None:
            (most_s, at_s), self._doubted = self._doubted, None
            self.on_taken(0.0 if self._pace.passed_was_read else most_s, at_s, now_s)
        # Where it was asked late pictures are few: nothing tells when it was read.
        if take_s and self._pace.passed and self._refused_at_s - sent_at_s > PATIENCE_S / 2:
            self._doubted = take_s, sent_at_s
        else:
            self.on_taken(take_s, sent_at_s, now_s)

    def write(self, message: bytes, now_s: float) -> None:
        """Write a message."""
        if message:
            self._put(self._frame(message))
            self._pace.note_sent(len(message), now_s)
            if self._backlog is not None:
                self._backlog.note_sent(len(message), now_s)
            self._sent_at_s = now_s

    def _put(self, data: bytes) -> None:
        """Let the kernel send what many viewers get, where nothing waits and nothing has to be encrypted first."""
        if isinstance(data, SharedBytes) and self._is_plain and not self._unsent_bytes():
            data = data[data.send(self._socket) :]  # a copy, so that what waits for a slow viewer keeps no file open
        if data:
            self._transport.write(data)

    def takes_packets(self, now_s: float) -> bool:
        """Return whether the viewer is not far behind."""
        if self._backlog is None:
            self._backlog = Backlog(self._look)
        return not (self._transport.is_closing() or self._unsent_bytes() or self._backlog.is_late(now_s))

    def write_packet(self, message: bytes, now_s: float) -> None:
        """Write a packet, which says nothing of how long pictures take."""
        assert self._backlog is not None
        self._transport.write(self._frame(message))
        self._backlog.note_sent(len(message), now_s)

    @property
    def taken_bytes_s(self) -> float | None:
        """How fast the viewer takes packets; ``None`` where it keeps up, so that nobody knows."""
        return None if self._backlog is None else self._backlog.taken_bytes_s

    def unsent_bytes(self) -> int:
        """Return how much of what was written the viewer's machine has not taken yet; 0 once it has gone."""
        if self._transport.is_closing():
            return 0
        seen = self._look()
        return self._unsent_bytes() + (seen.unacknowledged_bytes if seen else 0)

    def end(self) -> None:
        """Let the response be completed."""
        self.on_taken = None  # it has the viewer, which has the link
        if not self.ended.done():
            self.ended.set_result(None)

    def abort(self) -> None:
        """Break the connection."""
        self._transport.abort()


class PulledLink:
    """Gives one message whenever the reader asks for it: servers whose flow of bytes is not ours to see."""

    def __init__(self) -> None:
        self._asked: asyncio.Future[bytes | None] | None = None
        self._over = False
        self.on_taken: OnTaken | None = None

    async def next_message(self, offer_waiting: Callable[[], None]) -> bytes | None:
        """Wait for a message, the newest of its kind at this moment; ``None`` when the response is over.

        Args:
            offer_waiting: writes what waits.
        """
        if self._over:
            return None
        self._asked = asyncio.get_running_loop().create_future()
        offer_waiting()
        return await self._asked

    def ready(self, now_s: float) -> bool:
        """Return whether the reader waits for a message."""
        return self._asked is not None and not self._asked.done()

    def write(self, message: bytes, now_s: float) -> None:
        """Answer the reader."""
        assert self._asked is not None
        self._asked.set_result(message)

    takes_packets = ready
    write_packet = write
    taken_bytes_s: float | None = None

    def unsent_bytes(self) -> int:
        """Return 0: it is not known."""
        return 0

    def end(self) -> None:
        """Tell the reader that the response is over."""
        self.on_taken = None  # it has the viewer, which has the link
        self._over = True
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(None)

    def abort(self) -> None:
        """Break nothing: the connection belongs to the server that reads."""


def as_is(message: bytes) -> bytes:
    """Frame nothing: the end of the connection is that of the body."""
    return message


def as_chunk(message: bytes) -> bytes:
    """Frame a message as a chunk, once for all viewers that get the same one."""
    return message.chunk if isinstance(message, SharedBytes) else _chunk(message)


@lru_cache(maxsize=32)
def _chunk(message: bytes) -> bytes:
    return in_chunk(message)
