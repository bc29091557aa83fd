"""What a stream's camera is: how wide it sees, and where the horizon is on its pictures."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from streamvision.core.config.section import Section
from streamvision.core.cuboid import Pinhole

ASSUMED_FIELD_OF_VIEW_DEG = 60.0
"""Of a camera of which nothing is known; dashcams see 55 to 75 degrees of the road without bending it."""


class CameraConfig(Section):
    """A pinhole that looks level along the road, without distortion; models that place objects in space need it."""

    field_of_view_deg: float | Literal["assumed"] | None = Field(
        None,
        description="How wide it sees, from the left to the right edge of the picture, 5 to 160 degrees; or assumed: "
        f"{ASSUMED_FIELD_OF_VIEW_DEG:g} degrees are taken, and distances are marked as estimated. This or `focal_px`.",
    )
    focal_px: float | None = Field(
        None,
        gt=0,
        le=1e5,
        description="Its focal length in pixels of the stream's pictures, as a calibration gives it (fx), in place of "
        "`field_of_view_deg`.",
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

    @model_validator(mode="after")
    def _is_one_width(self) -> CameraConfig:
        angle = self.field_of_view_deg
        if (angle is None) == (self.focal_px is None):
            raise ValueError(
                "give field_of_view_deg, such as 62, or focal_px, such as 1150, and not both; field_of_view_deg: "
                "assumed where nobody knows"
            )
        if isinstance(angle, float) and not 5 <= angle <= 160:
            raise ValueError(f"field_of_view_deg is {angle:g}; give 5 to 160 degrees, or assumed")
        return self

    @property
    def is_assumed(self) -> bool:
        """Whether nobody knows how wide it sees."""
        return self.field_of_view_deg == "assumed"

    def pinhole(self, width_px: int, height_px: int) -> Pinhole:
        """Return the camera of pictures of a size."""
        focal_px = self.focal_px
        if focal_px is None:
            angle = self.field_of_view_deg
            known_deg = angle if isinstance(angle, float) else ASSUMED_FIELD_OF_VIEW_DEG
            focal_px = width_px / 2 / math.tan(math.radians(known_deg) / 2)
        pitch_rad = math.radians(self.pitch_deg)
        return Pinhole(focal_px, width_px / 2, self.horizon * height_px, self.height_m, pitch_rad)
