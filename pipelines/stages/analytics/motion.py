"""Which way objects move, told only where they really moved: by a good part of their own size."""

from __future__ import annotations

import numpy as np

from pipelines.stages.analytics.track_table import Change, Float, Sighting

STEP_SHARE = 0.5
"""How far a box must have moved for its heading to be told, as a share of its width and height; a detected box seldom
jitters by more than a tenth."""


class Motion:
    """The headings of one stream's identities, from step to step."""

    def __init__(self, rows: int = 0) -> None:
        self._from_xy = np.full((2, rows), np.nan)
        self._from_s = np.zeros(rows)

    def carry(self, change: Change) -> None:
        """Follow a change of the table."""
        self._from_xy, self._from_s = change.carry(self._from_xy, np.nan), change.carry(self._from_s, 0.0)

    def update(self, seen: Sighting) -> tuple[Float, Float]:
        """Take the next frame's objects; return their headings and since when they have gone that way.

        Returns:
            (n,) degrees clockwise on the picture, 0 to the right, NaN where no step was completed on this frame; and
            (n,) the time at which the step began.
        """
        scale_px, center_px = seen.scale_px, seen.center_px
        begin_s = self._from_s[seen.row]
        step_px = center_px - self._from_xy[:, seen.row].T * scale_px
        far = np.hypot(*(step_px / seen.size_px).T) >= STEP_SHARE
        heading_deg = np.where(far, np.degrees(np.arctan2(step_px[:, 1], step_px[:, 0])), np.nan)
        renew = far | np.isnan(step_px[:, 0])
        self._from_xy[:, seen.row[renew]] = (center_px[renew] / scale_px).T
        self._from_s[seen.row[renew]] = seen.pts_s
        return heading_deg, begin_s
