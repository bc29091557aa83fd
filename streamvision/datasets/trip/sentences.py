"""NMEA sentences, as receivers say them."""

from __future__ import annotations

from datetime import datetime, timezone

from streamvision.datasets.trip.receiver import Reading
from streamvision.gps.nmea import KNOT_M_S


def recommended_minimum(reading: Reading) -> str:
    """Return the RMC sentence of a fix."""
    time = _time(reading)
    if not reading.has_fix:
        return _checked(f"GPRMC,{time:%H%M%S}.00,V,,,,,,,{time:%d%m%y},,,N")
    way = f"{reading.speed_m_s / KNOT_M_S:.3f},{reading.course_deg % 360:.2f}"
    return _checked(f"GPRMC,{time:%H%M%S}.00,A,{_place(reading)},{way},{time:%d%m%y},,,A")


def fix_data(reading: Reading) -> str:
    """Return the GGA sentence of a fix."""
    time = _time(reading)
    if not reading.has_fix:
        return _checked(f"GPGGA,{time:%H%M%S}.00,,,,,0,00,99.99,,,,,,")
    return _checked(f"GPGGA,{time:%H%M%S}.00,{_place(reading)},1,09,1.02,{reading.altitude_m:.1f},M,47.2,M,,")


def degrees_and_minutes(angle_deg: float) -> float:
    """Return an angle without its sign as DDDMM.MMMM."""
    whole = int(abs(angle_deg))
    return whole * 100 + (abs(angle_deg) - whole) * 60


def _place(reading: Reading) -> str:
    north = "N" if reading.latitude_deg >= 0 else "S"
    east = "E" if reading.longitude_deg >= 0 else "W"
    lat, lon = (_rounded(angle) for angle in (reading.latitude_deg, reading.longitude_deg))
    return f"{lat:010.5f},{north},{lon:011.5f},{east}"


def _rounded(angle_deg: float) -> float:
    """Return DDDMM.MMMMM that never says 60 minutes."""
    hundred_thousandths = round(abs(angle_deg) * 60 * 1e5)
    whole, minutes = divmod(hundred_thousandths, 60 * 10**5)
    return whole * 100 + minutes / 1e5


def _time(reading: Reading) -> datetime:
    return datetime.fromtimestamp(reading.unix_s, timezone.utc)


def _checked(said: str) -> str:
    total = 0
    for byte in said.encode("ascii"):
        total ^= byte
    return f"${said}*{total:02X}"
