"""What the routes of tracklets take and give, in the terms of :mod:`streamvision.web.openapi`."""

from __future__ import annotations

from pydantic import Field

from streamvision.core.config.section import Section
from streamvision.web.openapi import Schema
from streamvision.web.recording_schemas import LATEST_UNIX_S

MAX_TRACKLETS = 1000
"""Most tracklets in one answer."""
MAX_SIMILAR = 200
MAX_ID = 2**63 - 1
_TEXT = r"^[^\x00]*$"


class FoundTracklet(Schema):
    """One identity of one stream; times are those of this machine's clock, in seconds since 1970 UTC."""

    id: int
    """Its number; later ones are greater."""
    stream: str
    """Where: the stream's id."""
    track_id: int
    """The identity; a stream that begins anew counts from 1 again."""
    class_name: str
    """What it was on most of its frames."""
    first_unix_s: float
    """When it was first seen."""
    last_unix_s: float
    """When it was last seen, so far."""
    frames: int
    """On how many frames."""
    best_score: float
    """Highest score, 0 to 1."""
    best_unix_s: float
    """When that was."""
    best_box: list[float]
    """Where it was then: left, top, right, bottom, in fractions of the picture."""
    crop: str | None
    """Where its picture is, from the root of the application; null where there is none, or none any more."""


class TrackletPage(Schema):
    """Some of the tracklets, those that began last first."""

    tracklets: list[FoundTracklet]
    """Each of them."""
    next: int | None
    """What `before` is to be for those that follow; null where none do."""


class LookAlike(FoundTracklet):
    """One that looks like what was asked for."""

    similarity: float
    """Cosine of the two descriptions, -1 to 1; what is much depends on the embedding model."""


class LookAlikes(Schema):
    """Those that look most like what was asked for, the most similar first."""

    tracklets: list[LookAlike]
    """Each of them."""


class _Which(Section):
    """Which tracklets are asked for."""

    streams: str = Field("", pattern=_TEXT, description="Ids of streams, separated by commas; empty: all.")
    class_name: str | None = Field(None, alias="class", pattern=_TEXT, description="Those of this class.")
    since: float | None = Field(
        None,
        ge=0,
        le=LATEST_UNIX_S,
        description="Those that were seen at this time, in seconds since 1970 UTC, or later.",
    )
    until: float | None = Field(None, ge=0, le=LATEST_UNIX_S, description="Those that were seen before this time.")
    polygon: str | None = Field(
        None,
        max_length=4000,
        description="Those that were in this region: x,y,x,y,… in fractions of the picture, three to 64 points; told "
        "apart in 16 by 9 cells.",
    )


class TrackletsQuery(_Which):
    """Which tracklets are asked for."""

    before: int | None = Field(None, ge=0, le=MAX_ID, description="Those that came before the one with this id.")
    limit: int = Field(50, ge=1, le=MAX_TRACKLETS, description="Most of them.")


class SimilarQuery(_Which):
    """Among which tracklets similar ones are looked for."""

    limit: int = Field(20, ge=1, le=MAX_SIMILAR, description="Most of them.")


class AskedPicture(SimilarQuery):
    """A picture, and among which tracklets similar ones are looked for."""

    picture: str = Field(
        max_length=60_000,
        description="The object: a JPEG, PNG or WebP file of up to 45 kB, in base64. Networks look at some 200 pixels, "
        "so scale it down.",
    )
