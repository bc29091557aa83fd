"""One viewer's socket: what waits to be sent, and since when the viewer has taken nothing."""

from __future__ import annotations

import socket
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass

from streamvision.web.wire import CLOSINGS, Form, Render

SEND_BUFFER_BYTES = 256 * 1024
"""Holds one picture or two; with the kernel's own default, seconds of old pictures pile up before a slow viewer."""
UNSENT_BYTES = 64 * 1024
"""How much the kernel may hold that it has not even put on the wire yet."""
MAX_WAITING = 256
"""Messages that may wait for one viewer; the oldest go first. Pictures never come near it: one a stream."""
MAX_READ_BYTES = 64 * 1024
"""A viewer has nothing to say after its request; one that says more than this is not a viewer."""


@dataclass(frozen=True)
class Subscription:
    """What a viewer asked for."""

    form: Form
    """How it reads."""
    streams: tuple[str, ...]
    """The streams that it follows."""
    detections: bool = False
    """Whether it wants the objects of each frame (events only)."""

    @property
    def pictures(self) -> bool:
        """Whether it takes pictures, and so counts as a viewer of its streams."""
        return self.form != "events"


class Viewer:
    """A connection that the fan-out thread owns. Not thread-safe, and need not be."""

    def __init__(self, sock: socket.socket, subscription: Subscription, *, opening: bytes, now_s: float) -> None:
        self.socket = sock
        self.subscription = subscription
        self.blocked = False
        """True while the network takes no more: then the selector tells when it does again."""
        self.active_at_s = now_s
        """When the network last took a byte, or when there was last something new to give."""
        self._outbox = [memoryview(opening)]
        self._waiting: dict[Hashable, Render] = {}
        self._closing = False
        self._read_bytes = 0

    def offer(self, key: Hashable, render: Render) -> None:
        """Let a message wait for its turn.

        It takes the place of the one that waits under the same key: newest wins, and the turn is kept, so that
        no stream of a viewer starves another.
        """
        if not self._closing:
            self._waiting[key] = render
            if len(self._waiting) > MAX_WAITING:
                self._waiting.pop(next(iter(self._waiting)))

    def finish(self) -> None:
        """Say goodbye once everything that waits is sent."""
        if not self._closing:
            closing = CLOSINGS[self.subscription.form]
            self.offer("closing", lambda _: (closing,))
            self._closing = True

    def pump(self, now_s: float) -> bool:
        """Hand over all that the network takes now and return whether the viewer is still wanted.

        Raises:
            OSError: when the connection is broken.
        """
        self.blocked = False
        while self._outbox or self._waiting:
            if not self._outbox:
                render = self._waiting.pop(next(iter(self._waiting)))
                self._outbox = [memoryview(chunk) for chunk in render(now_s) if chunk]
                self.active_at_s = now_s
                continue
            try:
                sent = self.socket.sendmsg(self._outbox)
            except BlockingIOError:
                self.blocked = True
                return True
            self.active_at_s = now_s
            self._forget_sent(sent)
        return not self._closing

    def _forget_sent(self, sent: int) -> None:
        while sent:
            first = self._outbox[0]
            if sent < len(first):
                self._outbox[0] = first[sent:]
                return
            sent -= len(first)
            self._outbox.pop(0)

    def listen(self) -> bool:
        """Read and ignore what the viewer says; return False when it has gone.

        Raises:
            OSError: when the connection is broken.
        """
        try:
            said = self.socket.recv(4096)
        except BlockingIOError:
            return True
        self._read_bytes += len(said)
        return bool(said) and self._read_bytes <= MAX_READ_BYTES

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def prepare_socket(sock: socket.socket, *, eviction_s: float) -> None:
    """Make a socket non-blocking, with little room for old pictures and a kernel that notices a vanished peer."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {
        "TCP_NODELAY": 1,
        "TCP_NOTSENT_LOWAT": UNSENT_BYTES,
        "TCP_KEEPIDLE": max(1, int(eviction_s / 2)),
        "TCP_KEEPINTVL": max(1, int(eviction_s / 5)),
        "TCP_KEEPCNT": 2,
        "TCP_USER_TIMEOUT": int(eviction_s * 1000),
    }.items():
        option = getattr(socket, name, None)
        if option is not None:  # not every system knows them all; they refine, nothing rests on them
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
