"""Fixes of NMEA sentences that arrive by UDP: several in a datagram, one, or half of one."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator

from streamvision.core.position import Fix
from streamvision.core.position_address import PositionAddress
from streamvision.gps.live.sender import OneSender
from streamvision.gps.nmea import NmeaStream

LOOK_S = 0.5
"""How often a wait looks whether it is to end."""
PAUSE_S = 0.1
"""After so long without a datagram all sentences of a moment have come."""
MAX_DATAGRAM_BYTES = 1 << 16
MAX_SENDERS = 8
"""Most senders whose half sentences are kept."""
_COMPLETE = re.compile(rb"\*[0-9A-Fa-f]{2}\s*\Z")


def udp_fixes(address: PositionAddress, stop: threading.Event) -> Iterator[Fix]:
    """Yield the fixes of the sentences that arrive, until ``stop`` is set.

    Where several machines send, those of one are taken for as long as it has any.

    Raises:
        OSError: when the port cannot be opened.
    """
    streams: dict[str, NmeaStream] = {}
    senders, is_pending = OneSender(), False
    with _opened(address) as listener:
        while not stop.is_set():
            listener.settimeout(PAUSE_S if is_pending else LOOK_S)
            try:
                datagram, sender = listener.recvfrom(MAX_DATAGRAM_BYTES)
            except TimeoutError:
                told = [(name, fix) for name, stream in streams.items() if (fix := stream.flush()) is not None]
                is_pending = False
            else:
                name = str(sender[0])  # its port says nothing: some open another for each sentence
                if name not in streams and len(streams) >= MAX_SENDERS:
                    streams.clear()
                told = [(name, fix) for fix in streams.setdefault(name, NmeaStream()).feed(_in_lines(datagram))]
                is_pending = True
            yield from (fix for name, fix in told if senders.takes(name))


def _in_lines(datagram: bytes) -> bytes:
    """Return a datagram with ends of lines where sentences begin and end; many senders leave them out."""
    begin = b"\n" if datagram.startswith((b"$", b"!", b"\\")) else b""
    return begin + datagram + (b"\n" if _COMPLETE.search(datagram) else b"")


def _opened(address: PositionAddress) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.bind(place)
    except BaseException:
        listener.close()
        raise
    return listener
