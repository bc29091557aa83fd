"""Layouts of ``freeGPS`` blocks whose values stand at fixed places: a table.

Sources: what ``exiftool -ee`` (https://exiftool.org, its documentation of "QuickTime Stream Tags") reports of them, and
https://sergei.nz/extracting-gps-data-from-viofo-a119-and-other-novatek-powered-cameras/. Numbers are little-endian;
angles are ``DDDMM.MMMM`` without a sign, which the letters N, S, E, W give. A block without ``A`` has no fix.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Literal

from streamvision.core.position import Fix
from streamvision.gps.nmea import KNOT_M_S, degrees
from streamvision.gps.values import KMH_M_S, made_fix, utc_unix_s


@dataclass(frozen=True, kw_only=True)
class FixedLayout:
    """Where the values of a fix stand in a block, in bytes from its first one."""

    name: str
    """Cameras that write it."""
    test: re.Pattern[bytes]
    """What the beginning of its blocks looks like, those with a fix."""
    clock: int
    """Hour, minute and second, each of four bytes."""
    day: int
    """Year, month and day, each of four bytes; a year below 2000 counts from there."""
    north: int
    """The letter N or S."""
    east: int
    """The letter E or W."""
    latitude: int
    """The latitude."""
    longitude: int
    """The longitude."""
    speed: int
    """The speed."""
    course: int
    """The course, in degrees."""
    number: Literal["f", "d"] = "f"
    """How these four are written: in four or eight bytes."""
    speed_m_s: float = KNOT_M_S
    """Unit of the speed, in metres a second."""
    course_deg: float = 0.0
    """What is to be added to the course."""
    altitude: int | None = None
    """The altitude in metres, in four bytes."""

    def read(self, block: bytes) -> Fix | None:
        """Return the fix of a block that passed the test; ``None`` where it says no place on earth.

        Raises:
            struct.error: when the block is too short.
        """
        south = block[self.north : self.north + 1] == b"S"
        west = block[self.east : self.east + 1] == b"W"
        return made_fix(
            degrees(abs(self._value(block, self.latitude))) * (-1 if south else 1),
            degrees(abs(self._value(block, self.longitude))) * (-1 if west else 1),
            unix_s=clock_unix_s(block, day=self.day, clock=self.clock),
            speed_m_s=self._value(block, self.speed) * self.speed_m_s,
            course_deg=(self._value(block, self.course) + self.course_deg),
            altitude_m=None if self.altitude is None else float(*struct.unpack_from("<f", block, self.altitude)),
        )

    def _value(self, block: bytes, place: int) -> float:
        return float(*struct.unpack_from(f"<{self.number}", block, place))


def clock_unix_s(block: bytes, *, day: int, clock: int) -> float | None:
    """Return the time of a block whose clock and day are six numbers of four bytes, as if it were UTC."""
    return utc_unix_s(*struct.unpack_from("<3I", block, day), *struct.unpack_from("<3I", block, clock))


def _test(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


VIOFO = FixedLayout(
    name="Viofo A119 v3, A129, A229; Kenwood",
    test=_test(rb".{37}\0\0\0A[NS][EW]"),
    clock=0x10,
    day=0x1C,
    north=0x29,
    east=0x2A,
    latitude=0x2C,
    longitude=0x30,
    speed=0x34,
    course=0x38,
)
AKASO = FixedLayout(
    name="Akaso",
    test=_test(rb".{60}A\0{3}.{4}[NS]\0{3}.{4}[EW]\0{3}"),
    clock=0x30,
    day=0x58,
    north=0x44,
    east=0x4C,
    latitude=0x40,
    longitude=0x48,
    speed=0x50,
    course=0x54,
    speed_m_s=KMH_M_S,
    course_deg=180,
)
ANTICLOCK = FixedLayout(
    name="Anticlock 2",
    test=_test(rb".{60}A\0.{6}[NS]\0.{6}[EW]\0"),
    clock=0x30,
    day=0x58,
    north=0x44,
    east=0x4C,
    latitude=0x40,
    longitude=0x48,
    speed=0x50,
    course=0x54,
    speed_m_s=KMH_M_S,
)
VANTRUE_S1 = FixedLayout(
    name="Vantrue S1",
    test=_test(rb".{64}A[NS][EW]\0"),
    clock=0x50,
    day=0x44,
    north=0x41,
    east=0x42,
    latitude=0x60,
    longitude=0x5C,
    speed=0x64,
    course=0x68,
    altitude=0x6C,
)
STANDARD = FixedLayout(
    name="Novatek: Viofo A119, Street Guardian, Rexing and many others",
    test=_test(rb".{72}A[NS][EW]"),
    clock=0x30,
    day=0x3C,
    north=0x49,
    east=0x4A,
    latitude=0x4C,
    longitude=0x50,
    speed=0x54,
    course=0x58,
)
DOUBLES = FixedLayout(
    name="cameras of 2013 to 2017 that write eight bytes",
    test=_test(rb".{60}A\0.{10}[NS]\0.{14}[EW]\0"),
    clock=0x30,
    day=0x70,
    north=0x48,
    east=0x58,
    latitude=0x40,
    longitude=0x50,
    speed=0x60,
    course=0x68,
    number="d",
)
VANTRUE_N4 = FixedLayout(
    name="Vantrue N4",
    test=_test(rb".{28}A.{11}[NS].{15}[EW]"),
    clock=0x10,
    day=0x50,
    north=0x28,
    east=0x38,
    latitude=0x20,
    longitude=0x30,
    speed=0x40,
    course=0x48,
    number="d",
)
