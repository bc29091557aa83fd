"""What a stream's camera is: how wide it sees, and where the horizon is on its pictures."""

from __future__ import annotations

import math

from pydantic import Field

from streamvision.core.config.section import Section
from streamvision.core.cuboid import Pinhole


class CameraConfig(Section):
    """A pinhole that looks level along the road, without distortion; models that place objects in space need it."""

    field_of_view_deg: float = Field(
        ge=5, le=160, description="How wide it sees, from the left to the right edge of the picture, in degrees."
    )
    horizon: float = Field(
        0.5,
        ge=-1,
        le=2,
        description="Where the horizon is, as a fraction of the picture's height from above, 0.5 for its middle.",
    )

    height_m: float | None = Field(
        None,
        gt=0,
        le=50,
        description="How high it hangs above a flat road; then where boxes end on the road makes near distances exact.",
    )
    pitch_deg: float = Field(
        0.2,
        ge=0,
        le=10,
        description="How far the car pitches (standard deviation): the more, the less the road says of distances.",
    )

    def pinhole(self, width_px: int, height_px: int) -> Pinhole:
        """Return the camera of pictures of a size."""
        focal_px = width_px / 2 / math.tan(math.radians(self.field_of_view_deg) / 2)
        pitch_rad = math.radians(self.pitch_deg)
        return Pinhole(focal_px, width_px / 2, self.horizon * height_px, self.height_m, pitch_rad)
