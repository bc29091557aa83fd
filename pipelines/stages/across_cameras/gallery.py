"""The identities of all cameras, and which of them a new track belongs to.

A track is compared with every identity that it may be: by its appearance (cosine similarity of embeddings, as in
re-identification: Zheng et al., *Person Re-identification: Past, Present and Future*, 2016), by the time since that
was last seen (:class:`Rules`), and never with one whose other track the same camera saw at the same time. The most
similar one counts, where it is similar enough; otherwise the track begins an identity of its own.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipelines.stages.across_cameras.records import Identity, Track, Vector

_log = logging.getLogger(__name__)

SWEEP_S = 1.0
"""How often identities are looked at that were not seen for long."""
AT_A_TIME = 1000
"""Identities that a track is compared with at a time, which bounds the memory of it."""


@dataclass(frozen=True)
class Rules:
    """When two tracks may be one object."""

    similarity: float = 0.6
    """Least cosine similarity."""
    memory_s: float = 300.0
    """Longest time out of all views."""
    overlap_s: float | None = None
    """Longest time in two cameras at once; ``None``: any."""
    transit_s: Mapping[frozenset[str], tuple[float, float]] = field(default_factory=dict)
    """Least and most seconds of the way between two cameras."""
    views: int = 3
    """Descriptions that are waited for."""
    max_identities: int = 1000
    """Most identities that are remembered."""

    def allow(self, identity: Identity, track: Track) -> bool:
        """Say whether time and place let a track be this identity."""
        if not track.first_s - identity.last_s <= self.memory_s:
            return False
        for other in identity.tracks:
            overlap_s = track.overlap_s(other)
            if other.stream_id == track.stream_id:
                if overlap_s >= 0:
                    return False
            elif self.overlap_s is not None and overlap_s > self.overlap_s:
                return False
        return self._is_on_the_way(identity, track)

    def _is_on_the_way(self, identity: Identity, track: Track) -> bool:
        before = max(identity.tracks, key=lambda other: other.last_s)
        limits_s = self.transit_s.get(frozenset((before.stream_id, track.stream_id)))
        return limits_s is None or limits_s[0] <= max(track.first_s - before.last_s, 0.0) <= limits_s[1]


@dataclass(frozen=True)
class Counts:
    """What the gallery has done so far."""

    identities: int = 0
    """Identities that are remembered now."""
    begun: int = 0
    """Identities since the start."""
    matches: int = 0
    """Tracks that were found to be an identity that there was."""
    clashes: int = 0
    """Tracks that gave way since the same camera saw another of their identity."""
    refused: int = 0
    """Descriptions that were no numbers, empty or of another length."""


class Gallery:
    """All identities. Any thread may use it; nothing in it waits for a model.

    Args:
        rules: when two tracks may be one object.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._identities: dict[int, Identity] = {}
        self._dimensions: int | None = None
        self._begun = self._matches = self._clashes = self._refused = self._decisions = 0
        self._swept_s = -math.inf

    def see(self, tracks: Sequence[Track], *, now_s: float) -> None:
        """Take note that a camera sees these tracks, all of them of one frame.

        Two of them never have one identity afterwards: who got it later gives way.

        Args:
            tracks: the tracks.
            now_s: time of the frame, on the clock that all cameras share.
        """
        with self._lock:
            for track in tracks:
                track.last_s = max(track.last_s, now_s)
            owner: dict[Identity, Track] = {}
            for track in sorted(tracks, key=lambda one: one.decided):
                if track.identity is None:
                    continue
                if track.identity in owner:
                    self._clashes += 1
                    self._leave(track)
                    self._begin(track)
                else:
                    owner[track.identity] = track
            if abs(now_s - self._swept_s) >= SWEEP_S:
                self._swept_s = now_s
                self._sweep(now_s)

    def describe(self, track: Track, vector: Vector) -> None:
        """Take a description of a track; with enough of them it gets its identity.

        Args:
            track: the track.
            vector: (D,) what it looks like; of any length but zero.
        """
        with self._lock:
            unit = self._unit(vector)
            if unit is None:
                self._refused += 1
            elif track.identity is not None:
                track.vectors = [unit]
                track.identity.add_view(unit)
            else:
                track.vectors.append(unit)
                if len(track.vectors) >= self._rules.views:
                    self._decide(track)

    def forget(self) -> None:
        """Forget all identities; their numbers are not given again."""
        with self._lock:
            self._identities = {}

    def counts(self) -> Counts:
        """Return what it has done so far."""
        with self._lock:
            return Counts(len(self._identities), self._begun, self._matches, self._clashes, self._refused)

    def _unit(self, vector: Vector) -> Vector | None:
        """Return a description of length 1; ``None`` where it says nothing."""
        given = np.asarray(vector, np.float64).ravel()
        length = float(np.linalg.norm(given)) if len(given) else 0.0
        if not (math.isfinite(length) and length > 0) or self._dimensions not in (None, len(given)):
            return None
        self._dimensions = len(given)
        return (given / length).astype(np.float32)

    def _decide(self, track: Track) -> None:
        best, similarity = self._most_similar(track)
        if best is None or similarity < self._rules.similarity:
            self._begin(track)
            said = "nobody before could be it" if best is None else f"to #{best.number} {similarity:.2f}"
            _log.info("%s: a new object is #%d; similarity: %s", track.stream_id, self._begun, said)
            return
        self._matches += 1
        self._join(track, best)
        _log.info("%s: a new object is #%d again; similarity: %.2f", track.stream_id, best.number, similarity)

    def _most_similar(self, track: Track) -> tuple[Identity | None, float]:
        possible = [one for one in self._identities.values() if self._rules.allow(one, track)]
        if not possible:
            return None, -1.0
        possible.sort(key=lambda one: -one.last_s)  # of equal ones that which was seen last
        views = np.stack(track.vectors)
        parts = [possible[begin : begin + AT_A_TIME] for begin in range(0, len(possible), AT_A_TIME)]
        similarity = np.concatenate([_similarity(views, part) for part in parts])
        best = int(similarity.argmax())
        return possible[best], float(similarity[best])

    def _begin(self, track: Track) -> None:
        self._begun += 1
        identity = self._identities[self._begun] = Identity(self._begun)
        self._join(track, identity)
        while len(self._identities) > self._rules.max_identities:
            oldest = min(self._identities.values(), key=lambda one: one.last_s)
            del self._identities[oldest.number]

    def _join(self, track: Track, identity: Identity) -> None:
        self._decisions += 1
        track.identity, track.decided = identity, self._decisions
        identity.add_track(track)
        for vector in track.vectors:
            identity.add_view(vector)
        track.vectors = track.vectors[-1:]  # what it begins an identity with where it has to give way

    def _leave(self, track: Track) -> None:
        assert track.identity is not None
        track.identity.tracks = [one for one in track.identity.tracks if one is not track]
        track.identity = None

    def _sweep(self, now_s: float) -> None:
        """Forget identities that nobody has seen for so long that they cannot come back."""
        memory_s = self._rules.memory_s
        self._identities = {number: one for number, one in self._identities.items() if now_s - one.last_s <= memory_s}


def _similarity(views: Vector, identities: Sequence[Identity]) -> Vector:
    """Return (I,) how similar the identities are to the (V, D) views of a track, -1..1.

    Of each view the most similar exemplar counts, and of these the mean: one good likeness by chance is not enough.
    """
    begins = np.cumsum([0, *(len(one.exemplars) for one in identities[:-1])])
    exemplars = np.concatenate([one.exemplars for one in identities])
    nearest = np.maximum.reduceat(views @ exemplars.T, begins, axis=1)
    return np.asarray(nearest.mean(axis=0), np.float32)
