"""Light and weather along the lap: day turns into dusk, dusk into rain, and rain clears up again."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from streamvision.synthetic.drive.planes import Tone, Yuv

MOODS = ("day", "dusk", "rain")


class Weather(NamedTuple):
    """How everything looks at one moment; every field may be mixed with that of another weather."""

    sky_weights: tuple[float, float, float]
    """Shares of the three skies, in the order of :data:`MOODS`."""
    gain: float
    """Brightness of what only reflects light."""
    saturation: float
    """Strength of colours."""
    tint_u: float
    """Blue difference added by the light."""
    tint_v: float
    """Red difference added by the light."""
    haze_luma: float
    """Luma of the air far away."""
    haze_u: float
    """Its blue difference."""
    haze_v: float
    """Its red difference."""
    haze_range_m: float
    """At this distance haze hides 63 %."""
    lamps: float
    """How far street, car and window lamps are turned on, 0..1."""
    wet: float
    """How much the road mirrors, 0..1."""
    rain: float
    """How much rain falls, 0..1."""
    shadow: float
    """Darkness of shadows on the ground, 0..1."""

    def tone_at(self, z_m: float, *, gain: float = 1.0) -> Tone:
        """Return the light on an object at a distance, haze included."""
        kept = math.exp(-z_m / self.haze_range_m)
        return Tone(
            gain=self.gain * gain * kept,
            offset=self.haze_luma * (1 - kept),
            saturation=self.saturation * kept,
            tint_u=self.tint_u * kept + (self.haze_u - 128) * (1 - kept),
            tint_v=self.tint_v * kept + (self.haze_v - 128) * (1 - kept),
        )

    @property
    def haze(self) -> Yuv:
        """Colour of the air far away."""
        return self.haze_luma, self.haze_u, self.haze_v


_BY_MOOD = {
    "day": Weather((1, 0, 0), 1.0, 1.0, 0, 1, 196, 133, 124, 420, 0.0, 0.0, 0.0, 0.55),
    "dusk": Weather((0, 1, 0), 0.52, 0.62, 0, 4, 118, 118, 148, 380, 1.0, 0.0, 0.0, 0.35),
    "rain": Weather((0, 0, 1), 0.66, 0.62, 2, -1, 142, 131, 126, 190, 0.75, 1.0, 1.0, 0.30),
}
_KEYS = ((0.0, "day"), (0.30, "day"), (0.40, "dusk"), (0.60, "dusk"), (0.70, "rain"), (0.90, "rain"), (1.0, "day"))


def weather_at(share_of_lap: float) -> Weather:
    """Return the weather at a share 0..1 of the lap; it changes without a jump, also from 1 to 0."""
    for (begin, before), (end, after) in itertools.pairwise(_KEYS):
        if share_of_lap <= end:
            eased = min(max((share_of_lap - begin) / (end - begin), 0.0), 1.0)
            share = eased * eased * (3 - 2 * eased)
            return _BY_MOOD[before] if before == after or share <= 0 else _mixed(before, after, share)
    return _BY_MOOD["day"]


def _mixed(before: str, after: str, share: float) -> Weather:
    """Return a weather between those of two moods."""
    skies, *first = _BY_MOOD[before]
    next_skies, *second = _BY_MOOD[after]
    day, dusk, rain = (a + (b - a) * share for a, b in zip(skies, next_skies, strict=True))
    return Weather((day, dusk, rain), *(a + (b - a) * share for a, b in zip(first, second, strict=True)))
