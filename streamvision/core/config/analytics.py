"""What is counted and measured on a stream: lines, zones, speed and heat map, with their defaults and meanings.

All geometry is in fractions of the picture, 0..1 from the left top corner, so that a change of resolution does not
matter.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from streamvision.core.config.section import ClassName, Section
from streamvision.core.config.wording import in_words

Fraction = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Fraction, Fraction]
"""x and y, as fractions of the picture's width and height."""
Anchor = Literal["bottom", "center", "top", "left", "right", "bottom_left", "bottom_right", "top_left", "top_right"]
"""Point of a box: the middle of its lower edge, its middle, and so on round it."""
Metres = Annotated[float, Field(ge=-1e7, le=1e7)]
"""A position on the ground from any origin, that of a map's grid too."""

MAX_REGIONS = 64
"""Most lines, and most zones, of one stream."""
_NAME = in_words(r"^[^\x00-\x1f]{1,40}$", "give 1 to 40 characters on one line")


def _has_area(points: tuple[Point, ...]) -> bool:
    ring = zip(points, (*points[1:], points[0]), strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in ring)) >= 1e-6


def _with_area(points: tuple[Point, ...]) -> tuple[Point, ...]:
    if not _has_area(points):
        raise ValueError(
            "these points enclose no area; give at least three, not all on one line, in the order of a walk around it"
        )
    return points


Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=32), AfterValidator(_with_area)]
"""Corners in order."""


class LineConfig(Section):
    """Counts objects that cross a segment, by direction and class. Seen from its first point to its second, the
    first direction is from left to right; the arrow on the picture shows it."""

    name: str = Field(pattern=_NAME, description="Name of the line, in counts and events.")
    points: tuple[Point, Point] = Field(description="Both ends, [[x, y], [x, y]], in fractions of the picture.")
    directions: tuple[str, str] = Field(("in", "out"), description="Names of the direction of the arrow, and against.")
    classes: tuple[ClassName, ...] | None = Field(None, description="Count these classes only.")
    anchor: Anchor = Field("bottom", description="Which point of a box must cross: an edge's middle, corner or centre.")
    band: float = Field(
        0.1, ge=0, le=1, description="How far past the line it must get, as a share of its box; flicker stays below."
    )

    @model_validator(mode="after")
    def _has_length(self) -> LineConfig:
        if self.points[0] == self.points[1]:
            raise ValueError(f"line {self.name!r} begins and ends at one point; give two that differ")
        if self.directions[0] == self.directions[1]:
            raise ValueError(f"both directions of line {self.name!r} have one name; give two that differ")
        return self


class ZoneConfig(Section):
    """An area: who is inside, for how long, too many, in the wrong direction, or not moving."""

    name: str = Field(pattern=_NAME, description="Name of the zone, in counts and events.")
    points: tuple[Point, ...] = Field(
        min_length=3, max_length=32, description="Corners in order, [[x, y], ...], in fractions of the picture."
    )
    classes: tuple[ClassName, ...] | None = Field(None, description="Count objects of these classes only.")
    anchor: Anchor = Field(
        "bottom", description="Which point of a box must be inside; bottom: the lower edge's middle."
    )
    ignore: bool = Field(
        False,
        description="Objects inside count nowhere: a mask for trees, screens, parked cars. It counts nothing itself.",
    )
    band: float = Field(
        0.1,
        ge=0,
        le=1,
        description="How far past the edge it must get, as a share of its box, but never beyond the reach of a thin "
        "zone; flicker stays below.",
    )
    within_m: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Count objects only while they are at most so far from the camera, in metres; a secondary model "
        "must place them in space.",
    )
    crowd: int | None = Field(None, ge=1, description="Report when so many are inside, once until it is fewer again.")
    stay_s: float | None = Field(None, gt=0, le=86400, description="Report when an object stays inside for so long.")
    idle_s: float | None = Field(None, gt=0, le=86400, description="Report when an object inside stands for so long.")
    idle_move: float = Field(0.2, gt=0, le=2, description="Standing: it moves less than this share of its own box.")
    heading_deg: float | None = Field(
        None, ge=-360, le=360, description="Allowed heading, in degrees clockwise on the picture: 0 right, 90 down."
    )
    heading: tuple[Point, Point] | None = Field(
        None, description="The same by two points, from the first to the second."
    )
    heading_tolerance_deg: float = Field(
        90.0, gt=0, lt=180, description="Wrong way: it moves more than so many degrees off the allowed heading."
    )

    @model_validator(mode="after")
    def _has_one_heading(self) -> ZoneConfig:
        if self.heading is not None and self.heading_deg is not None:
            raise ValueError(f"zone {self.name!r} has heading and heading_deg; give one of them")
        if self.heading is not None and self.heading[0] == self.heading[1]:
            raise ValueError(f"heading of zone {self.name!r} begins and ends at one point; give two that differ")
        return self

    @model_validator(mode="after")
    def _counts_or_ignores(self) -> ZoneConfig:
        alarms = (self.crowd, self.stay_s, self.idle_s, self.heading, self.heading_deg)
        if self.ignore and any(alarm is not None for alarm in alarms):
            raise ValueError(
                f"zone {self.name!r} ignores what is inside and tells of it; leave out ignore, or the alarms"
            )
        return self

    @model_validator(mode="after")
    def _spans_an_area(self) -> ZoneConfig:
        if not _has_area(self.points):
            raise ValueError(f"zone {self.name!r} has no area; give at least three points that are not on one line")
        return self


class SpeedConfig(Section):
    """Speed over the ground, from four points of the picture whose positions on the ground are known."""

    picture: tuple[Point, Point, Point, Point] = Field(
        description="Four points on the ground, no three on one line, in fractions of the picture."
    )
    ground_m: tuple[tuple[Metres, Metres], tuple[Metres, Metres], tuple[Metres, Metres], tuple[Metres, Metres]] = Field(
        description="Where these four are on the ground, in metres, from any origin."
    )
    window_s: float = Field(1.0, gt=0, le=30, description="Time over which speed is smoothed.")
    limit_kmh: float | None = Field(None, gt=0, description="Report when an object is faster, once each.")

    @model_validator(mode="after")
    def _spans_a_plane(self) -> SpeedConfig:
        for name, quad in (("picture", self.picture), ("ground_m", self.ground_m)):
            for left_out in range(4):
                (x0, y0), (x1, y1), (x2, y2) = (quad[i] for i in range(4) if i != left_out)
                if abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) < 1e-9:
                    raise ValueError(f"three points of {name} are on one line; give the corners of a rectangle")
        return self


class HeatMapConfig(Section):
    """Where objects spend their time."""

    half_life_s: float | None = Field(
        None, gt=0, description="Time after which a trace has half its weight; none: all."
    )
    show: bool = Field(False, description="Tint the picture with it.")
    anchor: Anchor = Field("bottom", description="Which point of a box leaves a trace.")


class AnalyticsConfig(Section):
    """What is counted and measured; only objects with a confirmed identity count."""

    lines: tuple[LineConfig, ...] = Field((), max_length=MAX_REGIONS, description="Lines to count at.")
    zones: tuple[ZoneConfig, ...] = Field((), max_length=MAX_REGIONS, description="Areas to watch.")
    speed: SpeedConfig | None = Field(None, description="Speed over the ground; absent: none.")
    heat_map: HeatMapConfig | None = Field(None, description="Where objects spend their time; absent: none.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> AnalyticsConfig:
        for kind, regions in (("lines", self.lines), ("zones", self.zones)):
            named = [region.name for region in regions]
            if twice := {name for name in named if named.count(name) > 1}:
                raise ValueError(f"names of {kind} must differ, but {sorted(twice)} stands more than once")
        return self
