"""Pictures that two clips share at their seam, told apart by what they show.

Cameras begin a clip up to some seconds before the end of the one before; their clocks tell this to a second at best.
One picture in two clips differs by its coding alone, which is less than two pictures that follow on each other.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import Picture, YuvPicture

ROWS, COLUMNS = 18, 32
"""Pixels of a picture that are compared."""
REMEMBERED_S = 3.0
"""How much of the end of a clip is compared with the beginning of the next."""
MOST_REMEMBERED = 3600
"""A minute of 60 pictures a second."""
MOVES = 1.0
"""Levels by which neighbours differ at least where the picture moves; noise makes half as much."""
NEARER = 0.7
"""A picture is found again where it differs from one by less than this share of what it does from its neighbours, and
of what these differ by."""
ALIKE = 0.5
"""The last picture has one neighbour only, and what is like it may follow on it: it takes this share of a step."""


class Glance(NamedTuple):
    """A picture at its time in its clip."""

    media_s: float
    """Its time from the beginning of the clip."""
    levels: NDArray[np.int16]
    """(ROWS, COLUMNS) brightness of some of its pixels, 0..255."""


def glance(picture: Picture, media_s: float) -> Glance:
    """Return what is compared of a picture."""
    grey = picture.y if isinstance(picture, YuvPicture) else picture.to_bgr()[..., 1]
    height, width = grey.shape
    rows = (np.arange(ROWS) * height + height // 2) // ROWS
    columns = (np.arange(COLUMNS) * width + width // 2) // COLUMNS
    return Glance(media_s, grey[rows[:, None], columns].astype(np.int16))


class Seam:
    """The end of a clip, in which the first picture of the next one may be found again."""

    def __init__(self) -> None:
        self._last: deque[Glance] = deque(maxlen=MOST_REMEMBERED)

    def remember(self, seen: Glance, for_s: float = REMEMBERED_S) -> None:
        """Take the newest picture of a clip; those that are older than so many seconds are forgotten."""
        self._last.append(seen)
        while seen.media_s - self._last[0].media_s > for_s:
            self._last.popleft()

    def repeated_s(self, first: Glance) -> float | None:
        """Return how much of the next clip's beginning this one has shown already, in seconds.

        Args:
            first: the first picture of the next clip.

        Returns:
            ``None`` where nothing moves, so that nobody can tell.
        """
        if len(self._last) < 2:
            return None
        levels = np.stack([one.levels for one in self._last])
        differences = np.abs(levels - first.levels).mean(axis=(1, 2))
        steps = np.abs(np.diff(levels, axis=0)).mean(axis=(1, 2))
        nearest = int(differences.argmin())
        step = float(steps[max(nearest - 1, 0) : nearest + 1].min())
        beside = [float(differences[one]) for one in (nearest - 1, nearest + 1) if 0 <= one < len(differences)]
        limit = ALIKE * step if nearest == len(steps) else NEARER * min(step, *beside)
        if differences[nearest] < limit:
            interval_s = (self._last[-1].media_s - self._last[0].media_s) / (len(self._last) - 1)
            return self._last[-1].media_s - self._last[nearest].media_s + interval_s
        return 0.0 if step >= MOVES else None
