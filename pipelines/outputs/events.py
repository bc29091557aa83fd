"""Events of the analytics as JSON lines or CSV (RFC 4180): one event a line, all streams in one file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pipelines.outputs.line_file import LineFile
from pipelines.outputs.sink import SinkContext
from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.event_message import CSV_COLUMNS, csv_cells, csv_text
from streamvision.core.rendered_frame import RenderedFrame

HEADER = csv_text([CSV_COLUMNS])
"""First line of a file of CSV."""


class EventSink:
    """Writes one stream's events; absent values are ``null`` in JSON and empty in CSV.

    Args:
        file: where to; a name in ``.csv`` makes it CSV, whose first line names the columns.
    """

    def __init__(self, file: LineFile) -> None:
        self._file: LineFile | None = file
        self._as_text = csv_lines if is_csv(file.path) else json_lines
        file.retain()

    def write(self, rendered: RenderedFrame) -> None:
        """Append the frame's events, all of them or none.

        Raises:
            OutputError: when the disk is full or the file was closed.
        """
        analysis = rendered.result.analysis
        if self._file is not None and analysis is not None and analysis.events:
            self._file.append(self._as_text(analysis.events))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.release()
            self._file = None


def open_events(context: SinkContext) -> EventSink:
    """Return the sink of one stream; all streams share the file, whose first line names the columns where it is CSV.

    Raises:
        OutputError: when it cannot be written.
    """
    return EventSink(context.line_file(header=header_of(context.target)))


def header_of(path: Path) -> str:
    """Return the first line of a file of that name; empty for JSON lines, which have none."""
    return HEADER if is_csv(path) else ""


def is_csv(path: Path) -> bool:
    """Say whether a file is to be CSV, by its name."""
    return path.suffix.lower() == ".csv"


def json_lines(events: Iterable[AnalyticsEvent]) -> str:
    """Return one line of JSON for each event."""
    return "".join(
        json.dumps(event.to_json(), separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
        for event in events
    )


def csv_lines(events: Iterable[AnalyticsEvent]) -> str:
    """Return one line of CSV for each event."""
    return csv_text(map(csv_cells, events))
