"""Tracks as MOTChallenge text (https://motchallenge.net/instructions): what the evaluation tools of tracking read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipelines.outputs.line_file import LineFile, cannot_write
from pipelines.outputs.sink import SinkContext
from streamvision.core.detections import Detections
from streamvision.core.rendered_frame import RenderedFrame

_LONGEST_LINE = 4096


class MotSink:
    """Writes ``frame,id,left,top,width,height,score,-1,-1,-1`` for each confirmed identity; frames count from 1.

    Objects without identity are left out, so a run without a tracker, or one that saw nothing, gives an empty file,
    which is valid. Boxes are in the picture's own pixels with the origin at the left top corner.

    Args:
        file: where to.
        before: the numbers that the file has used already, behind which frames and identities are counted.
    """

    def __init__(self, file: LineFile, *, before: MotNumbers | None = None) -> None:
        self._file: LineFile | None = file
        self._before = before or MotNumbers(0, 0)
        file.retain()

    def write(self, rendered: RenderedFrame) -> None:
        """Append the frame's lines, all of them or none.

        Raises:
            OutputError: when the disk is full or the file was closed.
        """
        if self._file is None:
            return
        number = self._before.frame + rendered.result.frame.index + 1
        lines = mot_lines(rendered.result.detections, frame_number=number, identities_before=self._before.identity)
        if lines:
            self._file.append(lines)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.release()
            self._file = None


class MotNumbers(NamedTuple):
    """The highest numbers in a file."""

    frame: int
    """Of a frame; 0 where there is none."""
    identity: int
    """Of an identity; 0 where there is none."""


def used_numbers(path: Path) -> MotNumbers:
    """Return the highest numbers in a file, which is read line by line; lines of another form are passed over.

    Raises:
        OutputError: when it cannot be read.
    """
    frame = identity = 0
    try:
        if not path.is_file():
            return MotNumbers(0, 0)
        with path.open("rb") as lines:
            while line := lines.readline(_LONGEST_LINE):
                numbers = line.split(b",", 2)[:2]
                if len(numbers) == 2 and numbers[0].isdigit() and numbers[1].isdigit():
                    frame, identity = max(frame, int(numbers[0])), max(identity, int(numbers[1]))
    except OSError as error:
        raise cannot_write(path, error) from error
    return MotNumbers(frame, identity)


def mot_lines(detections: Detections, *, frame_number: int, identities_before: int = 0) -> str:
    """Return one frame's lines, each with its line end; empty where no identity is confirmed."""
    if detections.track_id is None:
        return ""
    confirmed = ~np.ma.getmaskarray(detections.track_id)
    box = detections.box_xyxy_px[confirmed].astype(np.float64)
    rows = zip(
        (detections.track_id.data[confirmed] + identities_before).tolist(),
        np.concatenate([box[:, :2], box[:, 2:] - box[:, :2]], axis=1).tolist(),
        detections.score[confirmed].tolist(),
        strict=True,
    )
    return "".join(
        f"{frame_number},{identity},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
        for identity, (left, top, width, height), score in rows
    )


def open_mot(context: SinkContext) -> MotSink:
    """Return the sink of one stream, which has a file of its own.

    Raises:
        OutputError: when it cannot be written.
    """
    if "before" not in context.memory:
        context.memory["before"] = used_numbers(context.target) if context.existing == "continue" else MotNumbers(0, 0)
    return MotSink(context.line_file(), before=context.memory["before"])
