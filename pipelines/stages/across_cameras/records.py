"""What the gallery remembers: tracks of single cameras, and the identities that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
MAX_EXEMPLARS = 8
"""Most descriptions that are kept of an identity."""
MAX_VISITS = 32
"""Most tracks of an identity that are remembered, the newest."""
NEARLY_SAME = 0.95
"""Cosine similarity from which another description says nothing new."""


@dataclass(eq=False)
class Track:
    """An object as one camera's own tracker follows it."""

    stream_id: str
    """The camera."""
    first_s: float
    """When it was first seen, on the clock that all cameras share."""
    last_s: float
    """When it was last seen."""
    vectors: list[Vector] = field(default_factory=list)
    """(D,) descriptions of length 1 so far, while it has no identity yet."""
    identity: Identity | None = None
    """Whose it is; ``None`` while that is not known."""
    decided: int = 0
    """Place of its decision among all, from 1; of two that clash the later gives way."""

    @property
    def global_id(self) -> int | None:
        """The number of its identity; ``None`` while that is not known."""
        return self.identity.number if self.identity is not None else None

    def overlap_s(self, other: Track) -> float:
        """Return for how many seconds both were there; negative: how long after one the other came."""
        return min(self.last_s, other.last_s) - max(self.first_s, other.first_s)


@dataclass(eq=False)
class Identity:
    """One object, in whatever camera."""

    number: int
    """Its number, from 1."""
    exemplars: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """(N, D) descriptions of length 1 of views that differ."""
    tracks: list[Track] = field(default_factory=list)
    """Its tracks, the newest last."""

    @property
    def last_s(self) -> float:
        """When it was last seen."""
        return max((track.last_s for track in self.tracks), default=-np.inf)

    def add_track(self, track: Track) -> None:
        """Take a track as its own."""
        self.tracks.append(track)
        del self.tracks[:-MAX_VISITS]

    def add_view(self, vector: Vector) -> None:
        """Keep a description, unless one says the same; of too many the one that is most like the others goes."""
        if not len(self.exemplars):
            self.exemplars = vector[None]
        elif float((self.exemplars @ vector).max()) < NEARLY_SAME:
            several = np.vstack([self.exemplars, vector])
            if len(several) > MAX_EXEMPLARS:
                several = np.delete(several, (several @ several.T).sum(axis=1).argmax(), axis=0)
            self.exemplars = several
