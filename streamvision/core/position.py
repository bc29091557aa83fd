"""Where on earth a camera was: what a satellite receiver says, and what is known of a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

PositionSource = Literal["container", "side_file", "gpsd", "nmea"]
"""Where positions come from: the video file itself, a file beside it, the gpsd program, or NMEA sentences by UDP."""


@dataclass(frozen=True, slots=True)
class Fix:
    """One fix of a satellite receiver (WGS 84).

    Raises:
        ValueError: when the place is none on earth.
    """

    latitude_deg: float
    """Degrees north of the equator, -90..90."""
    longitude_deg: float
    """Degrees east of Greenwich, -180..180."""
    unix_s: float | None = None
    """The receiver's clock, in seconds since 1970, taken as UTC; ``None`` where it says none."""
    altitude_m: float | None = None
    """Metres above the sea."""
    speed_m_s: float | None = None
    """Speed over ground."""
    course_deg: float | None = None
    """Direction of travel, clockwise from true north, 0..360."""
    error_m: float | None = None
    """Horizontal standard deviation, where the receiver says one."""
    media_s: float | None = None
    """Its time in the video, in seconds from the first frame, where the file says it."""

    def __post_init__(self) -> None:
        if not (abs(self.latitude_deg) <= 90 and abs(self.longitude_deg) <= 180):
            raise ValueError(f"latitude {self.latitude_deg} and longitude {self.longitude_deg} are no place on earth")


@dataclass(frozen=True, slots=True)
class Position:
    """Where the camera was when a frame was taken (WGS 84)."""

    latitude_deg: float
    """Degrees north of the equator."""
    longitude_deg: float
    """Degrees east of Greenwich."""
    source: PositionSource
    """Where it comes from."""
    error_m: float | None = None
    """Horizontal standard deviation; it grows where the receiver said nothing for a while. ``None``: unknown."""
    altitude_m: float | None = None
    """Metres above the sea."""
    speed_m_s: float | None = None
    """Speed over ground."""
    course_deg: float | None = None
    """Direction of travel, clockwise from true north; ``None`` where it stands or nobody knows."""

    def summary(self) -> dict[str, Any]:
        """Return it as plain values: degrees to seven places (a centimetre), the others to two; absent: unknown."""
        rounded = {
            "error_m": self.error_m,
            "altitude_m": self.altitude_m,
            "speed_m_s": self.speed_m_s,
            "course_deg": self.course_deg,
        }
        return {
            "latitude_deg": round(self.latitude_deg, 7),
            "longitude_deg": round(self.longitude_deg, 7),
            **{name: round(value, 2) for name, value in rounded.items() if value is not None and math.isfinite(value)},
            "source": self.source,
        }
