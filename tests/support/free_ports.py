"""Ports for servers of other programs, which must be told theirs before they start."""

from __future__ import annotations

import random
import socket

_PORTS = range(15_000, 32_000)
"""Below those that a system gives to clients (from 32768 or 49152 on), of which one may come before the server."""
_TRIES = 100
_random = random.SystemRandom()  # tests seed the usual one, and every test process would choose the same


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that nobody has."""
    for _ in range(_TRIES):
        port = _random.choice(_PORTS)
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of {_TRIES} ports from {_PORTS.start} to {_PORTS.stop - 1} is free")
