"""What the caller's loop gets for each frame."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.frame import describe
from streamvision.core.picture import YuvPicture
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.result_view import ResultView

if TYPE_CHECKING:
    import supervision


class StreamResult(ResultView):
    """One frame of one stream with all that was found on it; pictures are converted and drawn only if asked for."""

    def __init__(self, rendered: RenderedFrame, names: tuple[str, ...]) -> None:
        super().__init__(rendered.result, names)
        self._rendered = rendered

    @property
    def age_s(self) -> float:
        """How old the frame is now, in seconds since it reached this machine."""
        return self.frame.age_s()

    @cached_property
    def bgr(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR, read-only: a view where the source gives BGR, converted once where it gives YUV."""
        return _read_only(self.frame.picture.to_bgr())

    @cached_property
    def annotated_bgr(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR, read-only, with boxes, labels and whatever else is drawn."""
        canvas = self._rendered.canvas()
        return _read_only(YuvPicture(canvas.y, canvas.u, canvas.v, full_range=True).to_bgr())

    def jpeg(self) -> bytes:
        """Return the annotated picture as a JPEG file, encoded once for all who ask."""
        return self._rendered.jpeg()

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as plain Python values, in the form of a line of ``--detections``."""
        frame = self.frame
        head = {"stream": frame.stream_id, "frame": frame.index, "pts_s": round(frame.pts_s, 6)}
        return {**head, **describe(self.result, self.names)}

    def to_supervision(self, *, unconfirmed: bool = False) -> supervision.Detections:
        """Return the objects for the supervision library, with class names and masks.

        Args:
            unconfirmed: as for :meth:`streamvision.Detections.to_supervision`.
        """
        picture = self.frame.picture
        size = (picture.width_px, picture.height_px)
        return self.detections.to_supervision(names=self.names, picture_px=size, unconfirmed=unconfirmed)

    def __repr__(self) -> str:
        return f"StreamResult({self.stream_id} #{self.frame.index}, {len(self.detections)} objects)"


def _read_only(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    view: NDArray[np.uint8] = pixels.view()
    view.flags.writeable = False
    return view
