"""Where each identity was, frame by frame: columns of equal length, one row an object on a frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """All rows of one recording, ordered by identity and, within one, by frame; each frame shows an identity once."""

    frame: I64
    """(N,) number of the frame."""
    time_s: F64
    """(N,) its time in the recording's own clock."""
    identity: I64
    """(N,) the identity."""
    box_xyxy_px: F64
    """(N, 4) left, top, right, bottom in pixels."""
    score: F64
    """(N,) confidence, 0 to 1."""
    class_id: NDArray[np.int32]
    """(N,) class."""
    interpolated: Bool
    """(N,) whether nobody saw it there: it is known from before and behind."""

    @classmethod
    def of(cls, **columns: Any) -> Trajectories:
        """Return the rows in order; ``interpolated`` may be left out where all were seen."""
        columns.setdefault("interpolated", np.zeros(len(columns["frame"]), np.bool_))
        order = np.lexsort((columns["frame"], columns["identity"]))
        return cls(**{name: np.asarray(column)[order] for name, column in columns.items()})

    def with_rows(self, **columns: Any) -> Trajectories:
        """Return these rows and others, in order."""
        return Trajectories.of(**{name: np.concatenate([own, columns[name]]) for name, own in vars(self).items()})

    def where(self, chosen: Bool | NDArray[np.intp]) -> Trajectories:
        """Return the rows that a mask or their numbers choose."""
        return Trajectories(**{name: column[chosen] for name, column in vars(self).items()})

    def __len__(self) -> int:
        return len(self.frame)

    def pieces(self) -> list[slice]:
        """Return the rows of each identity, by identity."""
        edges = np.flatnonzero(np.diff(self.identity)) + 1
        bounds = [0, *edges.tolist(), len(self)] if len(self) else []
        return [slice(low, high) for low, high in pairwise(bounds)]
