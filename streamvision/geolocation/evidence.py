"""Whether an identity is enough of an object to be believed."""

from __future__ import annotations

import numpy as np

from streamvision.geolocation.records import TrackBoxes

_FEWEST_BOXES = 3
_SURE_SCORE, _SURE_S = 0.5, 0.3
"""Something that a detector is this sure of need be seen no longer than this."""
_UNSURE_SCORE, _UNSURE_S = 0.35, 3.0
"""Something that it is less sure of, at its best moments, must be seen as long as what a car passes is seen."""


def doubt(track: TrackBoxes) -> str | None:
    """Return why a track is taken for no object, or ``None`` where it is one.

    Detectors are wrong for moments, with a low score; what is there is seen until it is passed, and the surer the
    nearer it comes.
    """
    boxes, seen_s = len(track.score), float(np.ptp(track.time_unix_s)) if len(track.score) else 0.0
    if boxes < _FEWEST_BOXES or seen_s < _SURE_S:
        return f"it was seen for {seen_s:.1f} s only"
    score = sureness(track)
    if score < _UNSURE_SCORE or (score < _SURE_SCORE and seen_s < _UNSURE_S):
        return f"its score never got far above {score:.2f}"
    return None


def sureness(track: TrackBoxes) -> float:
    """Return how sure the detector was at its best moments."""
    return float(np.quantile(track.score, 0.9))
