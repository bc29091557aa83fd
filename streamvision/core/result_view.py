"""What user code reads of a result, whether it stands behind the pipeline or within it."""

from __future__ import annotations

from functools import cached_property

from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, KeyFrame, Result
from streamvision.core.image_result import ImageResult


class ResultView:
    """A frame of one stream and what was found on it."""

    def __init__(self, result: Result, names: tuple[str, ...]) -> None:
        self.result = result
        """The result as the pipeline knows it."""
        self.names = names
        """Class names by class id."""

    @property
    def frame(self) -> Frame:
        """The frame, with its two clocks and the decoder's own planes."""
        return self.result.frame

    @property
    def stream_id(self) -> str:
        """The stream that the frame is of."""
        return self.frame.stream_id

    @cached_property
    def detections(self) -> Detections:
        """Objects in the frame's own pixels, with identities where a tracker has confirmed them."""
        return self.result.detections.with_names(self.names)

    @property
    def image_result(self) -> ImageResult | None:
        """What was found about the picture as a whole; ``None`` where the model only finds objects."""
        return self.result.image_result

    @property
    def whole(self) -> ImageResult | None:
        """The former name of :attr:`image_result`."""
        return self.image_result

    @property
    def key_frames(self) -> tuple[KeyFrame, ...]:
        """What slow models last said of the stream, each with its age; empty where there is none."""
        return self.result.key_frames
