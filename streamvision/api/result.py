"""What the caller's loop gets for each frame."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streamvision.api.showing import png_of, save_picture, show_picture, table_of, unused_path
from streamvision.core.analysis import Analysis
from streamvision.core.detection import Detection
from streamvision.core.frame import describe
from streamvision.core.picture import YuvPicture
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.result_view import ResultView

if TYPE_CHECKING:
    import pandas
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

    @property
    def analysis(self) -> Analysis | None:
        """What lines, zones and speeds make of the frame: counts and events; ``None`` without ``analytics``."""
        return self.result.analysis

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.detections)

    def __bool__(self) -> bool:
        """Return true, also where nothing was found: it is a result."""
        return True

    def __iter__(self) -> Iterator[Detection]:
        """Yield each object."""
        return iter(self.detections)

    def __getitem__(self, index: int) -> Detection:
        """Return one object."""
        return self.detections[index]

    def show(self) -> None:
        """Show the annotated picture: in a notebook below its cell, elsewhere in the program that opens pictures."""
        show_picture(self, self._repr_png_())

    def save(self, path: str | Path | None = None) -> Path:
        """Write the annotated picture and return its file.

        Args:
            path: the file, .png or .jpg, which is replaced if it is there; by default a new one in the present folder.

        Raises:
            OutputError: when it cannot be written.
        """
        file = unused_path(f"{self.stream_id}-{self.frame.index:06d}") if path is None else Path(path)
        save_picture(self.annotated_bgr, file)
        return file

    def to_pandas(self) -> pandas.DataFrame:
        """Return the objects as a table: stream, frame, pts_s, track_id, class_id, class_name, score, and the edges.

        Raises:
            MissingDependencyError: when pandas is not installed.
        """
        frame = self.frame
        return table_of(self.detections, stream=frame.stream_id, frame=frame.index, pts_s=frame.pts_s)

    def _repr_png_(self) -> bytes:
        """Return the annotated picture for notebooks."""
        return png_of(self.annotated_bgr)

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
