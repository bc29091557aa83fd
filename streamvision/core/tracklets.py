"""The tracklets that a service keeps, one row an identity: what was where, and what looks alike.

Times are those of this machine's clock when a frame arrived, in seconds since 1970 UTC, as those of recordings are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streamvision.core.cells import Cells


@dataclass(frozen=True)
class TrackletQuery:
    """Which tracklets are asked for; ``None``: whatever."""

    streams: frozenset[str] | None = None
    """Those of these streams."""
    class_name: str | None = None
    """Those of objects of this class."""
    since_unix_s: float | None = None
    """Those that were seen at this time or after it."""
    until_unix_s: float | None = None
    """Those that were first seen before this time."""
    cells: Cells | None = None
    """Those that were in one of these cells (:mod:`streamvision.core.cells`)."""
    before: int | None = None
    """Those that were written down before the one with this id."""
    limit: int = 50
    """Most of them."""


@dataclass(frozen=True)
class StoredTracklet:
    """One identity of one stream, from the first time it was seen to the last."""

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
    """When it was last seen."""
    frames: int
    """On how many frames."""
    best_score: float
    """Highest score, 0 to 1."""
    best_unix_s: float
    """When that was."""
    best_box: tuple[float, float, float, float]
    """Where it was then: left, top, right, bottom, in fractions of the picture."""
    has_crop: bool
    """Whether a picture of it is kept."""


@dataclass(frozen=True)
class SimilarTracklet:
    """A tracklet that looks like another, or like a picture."""

    tracklet: StoredTracklet
    """Which one."""
    similarity: float
    """Cosine of the two descriptions, -1 to 1; what is much depends on the embedding model."""


class Tracklets(Protocol):
    """The tracklets of all streams, as far as they are kept.

    Raises, each method: StateError, where they cannot be read.
    """

    def find(self, query: TrackletQuery) -> list[StoredTracklet]:
        """Return tracklets, those that began last first."""

    def tracklet(self, tracklet_id: int) -> StoredTracklet | None:
        """Return one; ``None`` where it is not there, or not any more."""

    def crop(self, tracklet_id: int) -> bytes | None:
        """Return the picture of one as a JPEG file; ``None`` where there is none, or none any more."""

    def similar(self, tracklet_id: int, query: TrackletQuery) -> list[SimilarTracklet]:
        """Return those of a query that look most like a tracklet, without itself, the most similar first.

        Raises:
            ConfigError: where no embedding model is configured, or it is not ready, or the tracklet is not described
                (yet).
        """

    def similar_to_picture(self, picture: bytes, query: TrackletQuery) -> list[SimilarTracklet]:
        """Return those of a query that look most like a picture file, the most similar first.

        Raises:
            ConfigError: as :meth:`similar`, or where it is no picture.
        """
