"""The one interface of all trackers."""

from __future__ import annotations

from typing import Protocol

from streamvision.core.detections import Detections
from streamvision.core.picture import Picture


class Tracker(Protocol):
    """Gives identities to the objects of one stream. An instance belongs to one stream, and so do its identities."""

    @property
    def low_score(self) -> float:
        """The lowest score that the tracker has use for; the detector need not report less."""

    def update(self, detections: Detections, *, pts_s: float, picture: Picture | None = None) -> Detections:
        """Take the detections of the next frame and return them with identities.

        Args:
            detections: objects down to :attr:`low_score`, in pixels.
            pts_s: the frame's own time; frames in between may be missing, and the gap is what counts.
            picture: the frame's pixels, for trackers that look at them.

        Returns:
            Detections whose ``track_id`` is set for confirmed tracks and masked for objects without identity.
        """

    def carry(self, *, pts_s: float, picture_px: tuple[int, int]) -> Detections:
        """Return where the objects of the last :meth:`update` should be by now, on a frame that nothing looked at.

        Nothing is learnt from it: the next update goes on from the last one. Objects without an identity stay where
        they were seen.

        Args:
            pts_s: the frame's own time.
            picture_px: width and height of the picture.
        """

    def reset(self) -> None:
        """Forget all tracks, as after a reconnect; identities are never used again."""
