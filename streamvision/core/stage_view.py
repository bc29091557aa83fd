"""What a stage is given: one frame of one stream, with all that is known of it so far."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from streamvision.core.analysis import Analysis
from streamvision.core.picture import Picture
from streamvision.core.result_view import ResultView


class StageView(ResultView):
    """A frame and its results, as a stage sees them; the picture is converted only if the stage asks for it."""

    @property
    def analysis(self) -> Analysis | None:
        """Counts of lines and zones, and speeds, where the configuration asks for them."""
        return self.result.analysis

    @property
    def picture(self) -> Picture:
        """The picture that goes on, which is the network's own where that makes pictures."""
        return self.result.picture

    @cached_property
    def bgr(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR, read-only, since others look at it, too; to change it, change a ``.copy()``."""
        pixels: NDArray[np.uint8] = self.picture.to_bgr().view()
        pixels.flags.writeable = False
        return pixels

    def class_ids(self, *names: str) -> list[int]:
        """Return the ids of these classes.

        Raises:
            ValueError: when the model has no such class.
        """
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise ValueError(f"the model has no class {unknown[0]!r}; it has {', '.join(self.names[:10])}")
        return [self.names.index(name) for name in names]

    def __repr__(self) -> str:
        return f"StageView({self.stream_id} #{self.frame.index}, {len(self.detections)} objects)"
