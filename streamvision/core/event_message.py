"""Events as others read them: when they were, their JSON Schema, and rows of CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.frame import Frame
from streamvision.core.spreadsheet import without_formula

CSV_COLUMNS = tuple(one.name for one in fields(AnalyticsEvent))
"""The keys of an event, in order."""


def moment_of(frame: Frame) -> dict[str, Any]:
    """Return what an event says of the frame on which it was noticed, by the names of its fields."""
    return {
        "time_unix_s": None if frame.time_unix_s is None else round(frame.time_unix_s, 3),
        "time_source": frame.time_source,
        "captured_unix_s": round(frame.captured_unix_s, 3),
        "frame": frame.index,
        "pts_s": round(frame.pts_s, 6),
        "file": frame.place.name if frame.place else None,
        "file_frame": frame.place.frame if frame.place else None,
    }


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an event, as plain values."""
    schema = TypeAdapter(AnalyticsEvent).json_schema(mode="serialization")
    schema["properties"]["id"]["pattern"] = "^[0-9a-f]{32}$"
    for one in schema["properties"].values():
        one.pop("default", None)
        one.pop("title", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of StreamVision",
        "description": AnalyticsEvent.__doc__,
        "type": "object",
        "properties": schema["properties"],
        "required": list(CSV_COLUMNS),
    }


def csv_cells(event: AnalyticsEvent) -> list[object]:
    """Return an event as cells of :data:`CSV_COLUMNS`; what is several numbers stands in one, with ``;`` between."""
    joined = {
        "box": None if event.box is None else ";".join(map(str, event.box)),
        "values": ";".join(f"{name}={json.dumps(value)}" for name, value in event.values.items()),
    }
    told = event.to_json()
    return [joined[column] if column in joined else without_formula(told[column]) for column in CSV_COLUMNS]


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as lines of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
