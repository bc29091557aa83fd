"""A receiver on the way, as sentences by UDP, and the real gpsd (Debian) that listens to it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone

import pytest

from streamvision.gps.earth import offset_m
from support.free_ports import free_port
from support.gps_files import Place, digits, sentence

GPSD = shutil.which("gpsd") or shutil.which("gpsd", path="/usr/sbin")
needs_gpsd = pytest.mark.skipif(GPSD is None, reason="needs gpsd")

BEGIN = Place(latitude_dm=5427.0, longitude_dm=1832.0, knots=20.0, course_deg=90.0, altitude_m=118.5)
"""Where the drive begins; it goes to the east."""
BEGIN_DEG = (54.45, 18.0 + 32 / 60)
SPEED_M_S = 20.0 * 1852 / 3600
MINUTES_EAST_S = SPEED_M_S / 1855.3 / 0.58148
"""Minutes of longitude that it makes a second, at this latitude."""


def udp_port() -> int:
    """Return a port that nobody listens at."""
    return free_port(socket.SOCK_DGRAM)


def moment(since_s: float, unix_s: float, *, status: bytes = b"A") -> str:
    """Return the sentences of one moment of the drive, so long after its beginning."""
    now = datetime.fromtimestamp(unix_s, timezone.utc)
    day, clock = (now.year, now.month, now.day), (now.hour, now.minute, now.second)
    place = Place(
        latitude_dm=BEGIN.latitude_dm,
        longitude_dm=BEGIN.longitude_dm + since_s * MINUTES_EAST_S,
        knots=BEGIN.knots,
        course_deg=BEGIN.course_deg,
        altitude_m=BEGIN.altitude_m,
        day=day,
        clock=clock,
        status=status,
    )
    fraction = f"{digits(clock)}.{int(unix_s % 1 * 1000):03}"
    told = (line.replace(f"{digits(clock)}.000", fraction).split("*")[0][1:] for line in (place.rmc, place.gga))
    return "".join(f"{sentence(line)}\r\n" for line in told)


class Receiver:
    """Sends the sentences of a drive to the east, five times a second, until it is closed."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        begin_s = time.time()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not self._stop.wait(0.2):
                now_s = time.time()
                sender.sendto(moment(now_s - begin_s, now_s).encode(), self._to)


@contextmanager
def gpsd(*, port: int, nmea_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a gpsd that listens to sentences by UDP; it ends with the block."""
    assert GPSD is not None
    command = [GPSD, "-N", "-n", "-S", str(port), f"udp://127.0.0.1:{nmea_port}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def from_begin_m(latitude_deg: float, longitude_deg: float) -> tuple[float, float]:
    """Return how far a place lies to the east and the north of where the drive begins."""
    return offset_m(latitude_deg, longitude_deg, from_deg=BEGIN_DEG)


def send(port: int, datagrams: Sequence[bytes], *, host: str = "127.0.0.1") -> None:
    """Send datagrams from an address of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((host, 0))
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", port))
