"""Everything that is known once a recording has ended: who is one object, where it was in between, and how it moved.

No step looks at pictures, and none invents an object: identities are joined (:mod:`.linking`), those that were seen too
briefly to be trusted are let go, gaps are filled and paths are smoothed (:mod:`.paths`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from pipelines.trajectories.linking import Linking, links
from pipelines.trajectories.paths import Path, filled, smooth_paths
from pipelines.trajectories.trajectories import F64, I64, Trajectories


@dataclass(frozen=True)
class Smoothing:
    """How trajectories are made of what was seen; the defaults were chosen by cross-validation (docs/tracking.md)."""

    linking: Linking = field(default_factory=Linking)
    """When two pieces are one object."""
    least_s: float = 0.5
    """Identities that were seen for a shorter time are let go."""
    path: Path = field(default_factory=Path)
    """What is filled, and what is jitter."""


class Smoothed(NamedTuple):
    """What became of trajectories."""

    tracks: Trajectories
    """All rows of identities that stay, and the interpolated ones."""
    identity_of: dict[int, int | None]
    """What each identity is called now; ``None`` for one that was let go."""


def smoothed(tracks: Trajectories, frame: I64, time_s: F64, settings: Smoothing | None = None) -> Smoothed:
    """Return whole trajectories of what a tracker has seen in a recording.

    Args:
        tracks: what was seen; it may be empty.
        frame: (F,) ascending numbers of all frames of the recording.
        time_s: (F,) their times, ascending.
        settings: how; default: as chosen by cross-validation.
    """
    settings = settings or Smoothing()
    joined, first_of = _joined(tracks, settings.linking)
    kept = np.zeros(len(joined), np.bool_)
    for piece in joined.pieces():
        kept[piece] = joined.time_s[piece.stop - 1] - joined.time_s[piece.start] >= settings.least_s
    joined = joined.where(kept)
    stay = set(joined.identity.tolist())
    whole = filled(joined, frame, time_s, longest_gap_s=settings.path.longest_gap_s)
    names = {old: new if new in stay else None for old, new in first_of.items()}
    return Smoothed(smooth_paths(whole, settings.path), names)


def _joined(tracks: Trajectories, settings: Linking) -> tuple[Trajectories, dict[int, int]]:
    """Return the rows by the identity of each object's first piece, and what each identity is called now."""
    identity = [int(tracks.identity[piece.start]) for piece in tracks.pieces()]
    first = list(range(len(identity)))
    # A piece begins after all that it continues, so that its predecessor's first piece is known.
    begin_s = [float(tracks.time_s[piece.start]) for piece in tracks.pieces()]
    for earlier, later in sorted(links(tracks, settings), key=lambda link: begin_s[link[1]]):
        first[later] = first[earlier]
    names = {own: identity[of] for own, of in zip(identity, first, strict=True)}
    renamed = np.array([names[own] for own in tracks.identity.tolist()], np.int64)
    return Trajectories.of(**vars(replace(tracks, identity=renamed))), names


def smoothed_rows(rows: F64, number: I64, fps: float, settings: Smoothing | None = None) -> F64:
    """Return (N, 10) rows in MOTChallenge's form as whole trajectories.

    Args:
        rows: frame, identity, left, top, width, height, score and more, which is left out.
        number: (F,) ascending numbers of the frames, from 1.
        fps: frames per second.
        settings: as of :func:`smoothed`.
    """
    box = rows[:, 2:6]
    tracks = Trajectories.of(
        frame=rows[:, 0].astype(np.int64),
        time_s=(rows[:, 0] - 1) / fps,
        identity=rows[:, 1].astype(np.int64),
        box_xyxy_px=np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1),
        score=rows[:, 6],
        class_id=np.zeros(len(rows), np.int32),
    )
    whole = smoothed(tracks, number, (number - 1) / fps, settings).tracks
    made = np.full((len(whole), 10), -1.0)
    made[:, 0], made[:, 1], made[:, 6] = whole.frame, whole.identity, whole.score.round(4)
    made[:, 2:4] = whole.box_xyxy_px[:, :2]
    made[:, 4:6] = whole.box_xyxy_px[:, 2:] - whole.box_xyxy_px[:, :2]
    made[:, 2:6] = made[:, 2:6].round(2)
    return made[np.lexsort((made[:, 1], made[:, 0]))]
