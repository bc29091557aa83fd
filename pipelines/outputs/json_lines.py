"""Detections as JSON lines (https://jsonlines.org): one frame a line, all streams in one file."""

from __future__ import annotations

import json

from pipelines.outputs.line_file import LineFile
from pipelines.outputs.sink import SinkContext
from streamvision.core.frame import describe
from streamvision.core.rendered_frame import RenderedFrame


class JsonLinesSink:
    """Writes one stream's results: ``{stream, frame, pts_s, objects: [{track_id, class_id, class_name, score,
    box_xyxy_px}]}``, with ``track_id`` null for objects without identity, and what else the model gives."""

    def __init__(self, file: LineFile, *, names: tuple[str, ...]) -> None:
        self._file: LineFile | None = file
        self._names = names
        file.retain()

    def write(self, rendered: RenderedFrame) -> None:
        """Append one line.

        Raises:
            OutputError: when the disk is full or the file was closed.
        """
        if self._file is None:
            return
        frame = rendered.result.frame
        record = {
            "stream": frame.stream_id,
            "frame": frame.index,
            "pts_s": round(frame.pts_s, 6),
            **describe(rendered.result, self._names),
        }
        self._file.append(json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n")

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.release()
            self._file = None


def open_json_lines(context: SinkContext) -> JsonLinesSink:
    """Return the sink of one stream; all streams share the file."""
    return JsonLinesSink(context.line_file(), names=context.names)
