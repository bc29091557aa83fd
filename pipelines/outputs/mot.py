"""Tracks as MOTChallenge text (https://motchallenge.net/instructions): what the evaluation tools of tracking read."""

from __future__ import annotations

import numpy as np

from pipelines.outputs.line_file import LineFile
from pipelines.outputs.sink import SinkContext
from streamvision.core.detections import Detections
from streamvision.core.rendered_frame import RenderedFrame


class MotSink:
    """Writes ``frame,id,left,top,width,height,score,-1,-1,-1`` for each confirmed identity; frames count from 1.

    Objects without identity are left out, so a run without a tracker, or one that saw nothing, gives an empty file,
    which is valid. Boxes are in the picture's own pixels with the origin at the left top corner.
    """

    def __init__(self, file: LineFile) -> None:
        self._file: LineFile | None = file
        file.retain()

    def write(self, rendered: RenderedFrame) -> None:
        """Append the frame's lines, all of them or none.

        Raises:
            OutputError: when the disk is full or the file was closed.
        """
        if self._file is None:
            return
        lines = mot_lines(rendered.result.detections, frame_number=rendered.result.frame.index + 1)
        if lines:
            self._file.append(lines)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.release()
            self._file = None


def mot_lines(detections: Detections, *, frame_number: int) -> str:
    """Return one frame's lines, each with its line end; empty where no identity is confirmed."""
    if detections.track_id is None:
        return ""
    confirmed = ~np.ma.getmaskarray(detections.track_id)
    box = detections.box_xyxy_px[confirmed].astype(np.float64)
    rows = zip(
        detections.track_id.data[confirmed].tolist(),
        np.concatenate([box[:, :2], box[:, 2:] - box[:, :2]], axis=1).tolist(),
        detections.score[confirmed].tolist(),
        strict=True,
    )
    return "".join(
        f"{frame_number},{identity},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
        for identity, (left, top, width, height), score in rows
    )


def open_mot(context: SinkContext) -> MotSink:
    """Return the sink of one stream, which has a file of its own."""
    return MotSink(context.line_file())
