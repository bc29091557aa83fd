"""Transport streams (``.ts``, ISO/IEC 13818-1) of dashcams: fixes in packets of their own.

Viofo A119 v3, Blueskysea B4K and INNOVV use packet number 0x300 with the layouts of ``freeGPS`` blocks, VSYS A6L 0x1E4
with text. Source: what ``exiftool -ee3`` (https://exiftool.org) reports of them. Such a file has no index, so all of it
is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from streamvision.core.position import Fix
from streamvision.gps.boxes import read_at, size_of
from streamvision.gps.containers.format import Readings
from streamvision.gps.containers.freegps.layout import VIOFO
from streamvision.gps.containers.freegps.special import at_media_time, innovv
from streamvision.gps.nmea import degrees
from streamvision.gps.values import KMH_M_S, made_fix, utc_unix_s

SILENCE_BYTES = 32 << 20
"""Where it gives up: as many bytes without a fix. Cameras write one a second."""
MAX_BYTES = 8 << 30
PACKETS_AT_ONCE = 8192
UNIT_BYTES = 1024
"""Most bytes of a unit that are kept."""
_PACKET_BYTES = 188
_SYNC = 0x47
_NUMBERS = np.array([0x300, 0x1E4])
_PLAIN_STREAMS = {0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF}
"""Streams whose units have no further header."""
_NOVATEK = re.compile(rb"(?:.{164})?(.{24}A[NS][EW])", re.DOTALL)
_VSYS = re.compile(
    rb"\$GPSINFO,[^,]{1,16},(\d{4})\.(\d\d)\.(\d\d) (\d\d):(\d\d):(\d\d),(-?\d{1,5}\.\d{1,9}),(-?\d{1,6}\.\d{1,9})"
    rb",(\d{1,4}(?:\.\d{1,4})?),[^,]{0,16},(\d{1,3})"
)


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of a dashcam's transport stream; ``None`` where it is none."""
    lead_bytes = _lead_bytes(read_at(file, 0, 4 * 192))
    if lead_bytes is None:
        return None
    fixes: list[Fix] = []
    for number, unit in enumerate(_units(file, lead_bytes)):
        found = _fixes(unit)
        last_s = fixes[-1].unix_s if fixes else None
        new = [fix for fix in found if fix.unix_s is None or fix.unix_s != last_s]
        fixes += at_media_time(new, float(number))
    return Readings(tuple(fixes), may_be_local=True) if fixes else None


def _lead_bytes(head: bytes) -> int | None:
    """Return how many bytes stand before each packet, 0 or 4; ``None`` where these are no packets."""
    for lead in (0, 4):
        step = lead + _PACKET_BYTES
        if len(head) >= 4 * step and all(head[lead + step * number] == _SYNC for number in range(4)):
            return lead
    return None


def _units(file: BinaryIO, lead_bytes: int) -> Iterator[bytes]:
    """Yield the beginnings of the units that may hold fixes."""
    unit: bytes | None = None
    position, heard, end, step = 0, 0, min(size_of(file), MAX_BYTES), lead_bytes + _PACKET_BYTES
    while position + step <= end and position - heard < SILENCE_BYTES:
        content = read_at(file, position, PACKETS_AT_ONCE * step)
        for packet in _packets(content[: len(content) // step * step], lead_bytes):
            heard = position
            payload, begins = _payload(packet)
            if begins or unit is None or len(unit) >= UNIT_BYTES:
                if unit:
                    yield unit
                unit = b""
            unit += payload
        position += max(len(content) // step, 1) * step
    if unit:
        yield unit


def _packets(content: bytes, lead_bytes: int) -> Iterator[bytes]:
    table = np.frombuffer(content, np.uint8).reshape(-1, lead_bytes + _PACKET_BYTES)[:, lead_bytes:]
    numbers = (table[:, 1].astype(np.uint16) & 0x1F) << 8 | table[:, 2]
    wanted = (table[:, 0] == _SYNC) & np.isin(numbers, _NUMBERS)
    return (packet.tobytes() for packet in table[wanted])


def _payload(packet: bytes) -> tuple[bytes, bool]:
    """Return what a packet carries, without headers, and whether a unit begins with it."""
    begins, has_field, has_payload = packet[1] & 0x40, packet[3] & 0x20, packet[3] & 0x10
    place = 5 + packet[4] if has_field else 4
    payload = packet[place:] if has_payload else b""
    if not begins or payload[:3] != b"\0\0\1" or len(payload) < 9:
        return payload, bool(begins)
    return payload[6 if payload[3] in _PLAIN_STREAMS else 9 + payload[8] :], True


def _fixes(unit: bytes) -> list[Fix]:
    novatek = _NOVATEK.match(unit)
    if novatek is not None:
        block = bytes(16) + unit[novatek.start(1) :].ljust(64, b"\0")
        fix = VIOFO.read(block) if VIOFO.test.match(block) else None
        return [] if fix is None else [fix]
    fixes = innovv(bytes(16) + unit)
    if fixes is None:
        fixes = [fix for fix in map(_vsys, _VSYS.finditer(unit)) if fix is not None]
    return fixes


def _vsys(line: re.Match[bytes]) -> Fix | None:
    year, month, day, hour, minute, second = (int(part) for part in line.groups()[:6])
    latitude, longitude, kmh, course_deg = (float(part) for part in line.groups()[6:])
    return made_fix(
        degrees(latitude),
        degrees(longitude),
        unix_s=utc_unix_s(year, month, day, hour, minute, second),
        speed_m_s=kmh * KMH_M_S,
        course_deg=course_deg,
    )
