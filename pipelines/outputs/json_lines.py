"""Detections as JSON lines (https://jsonlines.org): one frame a line, all streams in one file."""

from __future__ import annotations

import json
from typing import Any

from pipelines.outputs.line_file import LineFile
from pipelines.outputs.sink import SinkContext
from streamvision.core.frame import Result, describe
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
        self._file.append(json_line(frame_record(rendered.result, self._names)))

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.release()
            self._file = None


def frame_record(result: Result, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what a line says of a frame; ``names`` are those of the classes by class id."""
    frame = result.frame
    return {
        "stream": frame.stream_id,
        "frame": frame.index,
        "pts_s": round(frame.pts_s, 6),
        **describe(result, names),
    }


def json_line(record: dict[str, Any]) -> str:
    """Return a record as a line, with its end."""
    return json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n"


def open_json_lines(context: SinkContext) -> JsonLinesSink:
    """Return the sink of one stream; all streams share the file."""
    return JsonLinesSink(context.line_file(), names=context.names)
