"""The socket of the page: opened before the model is, so that a port in use is said at once."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import OutputError

SEGMENT_BYTES = 4096
"""Longest TCP segment. Networks have shorter ones; over loopback, with 64 kB, a viewer's kernel would tell too seldom
how much is unread for :mod:`streamvision.web.pacing` to go by."""


@contextmanager
def listening(config: ServeConfig | None) -> Iterator[socket.socket | None]:
    """Listen where the page is to be, for the length of the block; ``None`` where there is none.

    Raises:
        OutputError: when the port is taken, or the address is not this machine's.
    """
    if config is None:
        yield None
        return
    with listen(config.host.strip("[]"), config.port) as listener:
        yield listener


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: name or address to listen on, without brackets.
        port: TCP port; 0 takes any free one.

    Raises:
        OutputError: when the port is taken, or the address is not this machine's.
    """
    where = f"[{host}]" if ":" in host else host
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OutputError(
            f"cannot serve on host {host!r}: {error.strerror}; give an address of this machine, such as "
            "--serve 127.0.0.1:8080"
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        if family == socket.AF_INET6 and ipaddress.ip_address(address[0]).is_unspecified:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # "::" serves IPv4 too
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        listener.close()
        advice = {
            errno.EADDRINUSE: "is already in use: stop the program that listens there, or choose another port with "
            f"--serve {where}:PORT (0 takes any free one)",
            errno.EACCES: f"needs administrator rights: choose a port above 1023 with --serve {where}:PORT",
            errno.EADDRNOTAVAIL: "cannot be served, since this machine has no such address: give one that it has with "
            "--serve HOST:PORT, such as 127.0.0.1 or 0.0.0.0",
        }
        known = advice.get(error.errno or 0, f"cannot be served ({error.strerror}): choose another with --serve")
        raise OutputError(f"port {port} on {host or 'all addresses'} {known}") from error
    return listener
