"""Where a position that changes while we look comes from, as it is written: ``gpsd://…`` or ``nmea-udp://…``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

LOCAL_HOST = "127.0.0.1"
GPSD_PORT = 2947
"""TCP port of the gpsd program (IANA)."""
NMEA_PORT = 10110
"""UDP port of sentences (IANA: nmea-0183)."""
ACCEPTED = f"gpsd://HOST[:{GPSD_PORT}] or nmea-udp://[HOST]:{NMEA_PORT}"


@dataclass(frozen=True)
class PositionAddress:
    """A gpsd that is asked, or a port at which sentences arrive."""

    kind: Literal["gpsd", "nmea-udp"]
    """Which."""
    host: str
    """The machine that gpsd runs on, or the own address to listen at."""
    port: int
    """TCP port of gpsd, or UDP port to listen at."""

    def __str__(self) -> str:
        """Return it as it is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"


def parse_position_address(text: str) -> PositionAddress:
    """Return what an address says. Without a host, it is this machine, which nobody else can send to.

    Raises:
        ValueError: when it is none, saying what is accepted.

    >>> str(parse_position_address("gpsd://car.local"))
    'gpsd://car.local:2947'
    >>> str(parse_position_address("nmea-udp://:10110"))
    'nmea-udp://127.0.0.1:10110'
    """
    scheme, separator, _ = text.strip().partition("://")
    kind = scheme.lower()
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # as sockets do, which would end the thread that receives
    except ValueError:
        separator = ""
    if not separator or kind not in ("gpsd", "nmea-udp") or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"is no address of a receiver; give {ACCEPTED}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"has a user name, which neither gpsd nor NMEA knows; give {ACCEPTED}")
    default = GPSD_PORT if kind == "gpsd" else NMEA_PORT
    return PositionAddress(
        "gpsd" if kind == "gpsd" else "nmea-udp", host or LOCAL_HOST, default if port is None else port
    )
