"""The tracklets of recordings with their embeddings, and the search for the most similar ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class EmbedderMark:
    """Which embedding model described the objects; vectors of different models cannot be compared."""

    name: str
    """Its file's name."""
    sha256: str
    """Digest of its file."""


@dataclass(frozen=True)
class Recording:
    """What was searched."""

    uri: str
    """Its source, without passwords."""
    size_bytes: int | None
    """Size of the file; ``None`` where it is not one. A recording of another size is another one."""


@dataclass(frozen=True, eq=False)
class Tracklet:
    """One identity of one recording, from its first frame to its last."""

    stream_id: str
    """The stream that showed it."""
    track_id: int
    """Its identity there."""
    class_name: str
    """What it is, by most of its frames."""
    score: float
    """How sure the detector was on the frame that showed it best, 0..1."""
    first_s: float
    """Presentation time at which it was first seen, in seconds."""
    last_s: float
    """Presentation time at which it was last seen, in seconds."""
    frames: int
    """How many frames showed it."""
    best_frame: int
    """Index of the frame that showed it best."""
    best_s: float
    """Presentation time of that frame, in seconds."""
    box_xyxy_px: tuple[float, float, float, float]
    """Where it was on that frame: left, top, right, bottom in the picture's pixels."""
    thumbnail_jpeg: bytes
    """The object on that frame, as a small JPEG file."""
    first_unix_s: float | None = None
    """When it was first seen, in seconds since 1970 UTC; ``None`` where the recording does not say."""
    last_unix_s: float | None = None
    """When it was last seen, likewise."""

    def to_json(self) -> dict[str, Any]:
        """Return everything but the picture as plain values."""
        values = asdict(self)
        del values["thumbnail_jpeg"]
        return {**values, "box_xyxy_px": list(self.box_xyxy_px)}

    def __repr__(self) -> str:
        return f"Tracklet({self.stream_id} {self.class_name} {self.track_id}, {self.first_s:.1f}-{self.last_s:.1f} s)"


@dataclass(frozen=True, eq=False)
class Match:
    """A tracklet that is similar to the query."""

    tracklet: Tracklet
    """When and where it was seen."""
    similarity: float
    """Cosine of the two descriptions, -1..1; what is much depends on the embedding model."""

    def to_json(self) -> dict[str, Any]:
        """Return the match as plain values."""
        return {"similarity": round(self.similarity, 4), **self.tracklet.to_json()}


@dataclass(frozen=True, eq=False)
class ObjectIndex:
    """The identities of recordings with their descriptions.

    Raises:
        ValueError: when the arrays do not fit each other.
    """

    embedder: EmbedderMark
    """The model that described them."""
    recordings: dict[str, Recording]
    """What was searched, by stream id."""
    tracklets: tuple[Tracklet, ...]
    """The identities."""
    embedding: F32
    """(N, D) float32 rows of length 1, one an identity."""
    settings_sha256: str = ""
    """Digest of the detector's and the tracker's settings: others would have found others."""

    def __post_init__(self) -> None:
        if self.embedding.ndim != 2 or len(self.embedding) != len(self.tracklets):
            raise ValueError(f"{len(self.tracklets)} tracklets need as many rows, not {self.embedding.shape}")
        length = np.linalg.norm(self.embedding.astype(np.float64), axis=1)
        if not np.allclose(length, 1, atol=1e-3):
            raise ValueError("embeddings must have the length 1")

    def __len__(self) -> int:
        return len(self.tracklets)

    def search(self, query: NDArray[np.floating[Any]], *, most: int = 10, least: float = -1.0) -> list[Match]:
        """Return the tracklets that are most similar to a description, the most similar first.

        Args:
            query: (D,) description by the same embedding model, of any length but 0.
            most: how many at most.
            least: lowest similarity of a match.

        Raises:
            ConfigError: when the description has another size, or no direction.
        """
        query = np.asarray(query, np.float64)
        if not len(self):
            return []
        dimensions = self.embedding.shape[1]
        if query.shape != (dimensions,):
            raise ConfigError(f"the query has the shape {query.shape}, but the index has descriptions of {dimensions}")
        length = float(np.linalg.norm(query))
        if not math.isfinite(length) or not length:
            raise ConfigError("the query has no direction; describe it with the embedding model of the index")
        similarity = self.embedding @ (query / length).astype(np.float32)
        order = np.argsort(-similarity, kind="stable")[:most].tolist()
        return [Match(self.tracklets[row], float(similarity[row])) for row in order if similarity[row] >= least]

    def row_of(self, track_id: int, *, stream_id: str | None = None) -> int:
        """Return the row of an identity.

        Raises:
            ConfigError: when there is none, or the identity is one in several streams and none was named.
        """
        rows = [
            row
            for row, one in enumerate(self.tracklets)
            if one.track_id == track_id and stream_id in (None, one.stream_id)
        ]
        streams = sorted({self.tracklets[row].stream_id for row in rows})
        if len(streams) > 1:
            raise ConfigError(
                f"identity {track_id} is in the streams {', '.join(streams)}; say which, as {streams[0]}:{track_id}"
            )
        if not rows:
            where = f"stream {stream_id!r}" if stream_id else f"any of {', '.join(self.recordings) or 'no streams'}"
            raise ConfigError(f"identity {track_id} is not in {where}; give one of the {len(self)} that the index has")
        return max(rows, key=lambda row: self.tracklets[row].frames)

    def __repr__(self) -> str:
        return f"ObjectIndex({len(self)} identities of {len(self.recordings)} streams, by {self.embedder.name})"


def mean_direction(embedding: F32, weights: Sequence[float] | None = None) -> F32:
    """Return (D,) the direction between unit vectors, of length 1.

    Args:
        embedding: (N, D), N at least 1.
        weights: how much each counts; equally, if not given.

    >>> mean_direction(np.array([[1, 0], [0, 1]], np.float32)).round(3).tolist()
    [0.7070000171661377, 0.7070000171661377]
    """
    mean = np.average(embedding.astype(np.float64), axis=0, weights=weights)
    length = float(np.linalg.norm(mean))
    # Opposite vectors have no direction between them; the first is as good as any.
    chosen = mean / length if length > 1e-6 else embedding[0].astype(np.float64)
    direction: F32 = chosen.astype(np.float32)
    return direction
