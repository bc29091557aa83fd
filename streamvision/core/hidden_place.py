"""Places that nobody shall learn of: positions near them are left out of everything that is written or shown."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from streamvision.core.errors import ConfigError
from streamvision.core.redaction import short

EARTH_RADIUS_M = 6_371_008.8
MAX_RADIUS_M = 100_000.0


@dataclass(frozen=True)
class HiddenPlace:
    """A circle in which positions are hidden.

    What is hidden is a larger circle around another middle, always the same one: where several ways end on a circle,
    its middle is known, and that must not be the place.
    """

    latitude_deg: float
    """Degrees north of the equator."""
    longitude_deg: float
    """Degrees east of Greenwich."""
    radius_m: float
    """Everything nearer than this is hidden, and on one of its sides up to 2.2 times as far."""

    @classmethod
    def parse(cls, text: str) -> HiddenPlace:
        """Return a place from ``LAT,LON,RADIUS_M``.

        Raises:
            ConfigError: when it is none.
        """
        try:
            latitude_deg, longitude_deg, radius_m = (float(part) for part in text.split(","))
        except ValueError:
            latitude_deg, longitude_deg, radius_m = math.nan, math.nan, math.nan
        if not (abs(latitude_deg) <= 90 and abs(longitude_deg) <= 180 and 0 < radius_m <= MAX_RADIUS_M):
            raise ConfigError(
                f"home {short(text)!r} is no place: give LAT,LON,RADIUS_M in degrees and metres, such as 50.1,10.2,300"
            )
        return cls(latitude_deg, longitude_deg, radius_m)

    def hides(self, latitude_deg: float, longitude_deg: float) -> bool:
        """Say whether a position is hidden."""
        middle, radius_m = self._circle()
        return _distance_m(middle, (latitude_deg, longitude_deg)) <= radius_m

    def _circle(self) -> tuple[tuple[float, float], float]:
        digest = hashlib.sha256(
            f"{self.latitude_deg:.6f},{self.longitude_deg:.6f},{self.radius_m:.1f}".encode()
        ).digest()
        angle = digest[0] / 256 * 2 * math.pi
        shift_m = self.radius_m * (0.3 + 0.3 * digest[1] / 255)
        north_deg = math.degrees(shift_m * math.cos(angle) / EARTH_RADIUS_M)
        narrowing = max(math.cos(math.radians(self.latitude_deg)), 0.01)
        east_deg = math.degrees(shift_m * math.sin(angle) / EARTH_RADIUS_M) / narrowing
        return (self.latitude_deg + north_deg, self.longitude_deg + east_deg), self.radius_m + shift_m


def _distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    lat1, lon1, lat2, lon2 = (math.radians(angle) for angle in (*one, *other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(half, 1.0)))
