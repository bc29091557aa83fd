"""All sinks by name. A new one is one new file, its test and its line here; other packages bring theirs by entry point.

A sink whose name is a key under ``outputs`` in the configuration is chosen by that key, which gives its file or folder;
all others are chosen by name, with their options, under ``outputs.sinks``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.registry import Plugin, Registry


@dataclass(frozen=True, kw_only=True)
class SinkPlugin(Plugin):
    """One kind of sink; its factory takes a :class:`pipelines.outputs.sink.SinkContext` and returns the sink."""

    per_stream: bool = False
    """Whether each of several streams has a file of its own, which carries the stream's name."""
    lines: bool = False
    """Whether its file grows by lines, so that one of live streams is continued by the next run."""
    folder: bool = False
    """Whether it writes into a folder instead of a file."""
    suffixes: tuple[str, ...] | None = None
    """Endings that its file may have; ``None`` for any."""
    smoothed: str | None = None
    """What makes the sink of whole trajectories in its place, as ``factory``; ``None`` where it has none."""

    header: str | None = None
    """What gives the first line of a file by its path, as ``factory``; ``None`` where it has no columns."""

    def header_of(self, path: Path) -> str:
        """Return the first line of a file, which names its columns; empty where there is none."""
        return "" if self.header is None else str(self._imported(self.header)(path))

    def for_outputs(self, config: OutputsConfig) -> SinkPlugin:
        """Return the sink as these outputs want it."""
        return self if self.smoothed is None or not config.smooth else replace(self, factory=self.smoothed)


SINKS: Registry[Plugin] = Registry(
    "sink",
    group="streamvision.sinks",
    plugins=[
        SinkPlugin(
            name="detections",
            factory="pipelines.outputs.json_lines:open_json_lines",
            summary="results as JSON lines, one frame a line",
            lines=True,
            smoothed="pipelines.outputs.smoothed:open_smoothed_json",
        ),
        SinkPlugin(
            name="events",
            factory="pipelines.outputs.events:open_events",
            summary="events of the analytics, as JSON lines or CSV",
            lines=True,
            header="pipelines.outputs.events:header_of",
        ),
        SinkPlugin(
            name="event_pictures",
            factory="pipelines.outputs.event_pictures:open_event_pictures",
            summary="a folder with the annotated picture of each frame with an event",
            folder=True,
        ),
        SinkPlugin(
            name="heat_map",
            factory="pipelines.outputs.heat_map:open_heat_map",
            summary="the heat map as PNG, at the end",
            per_stream=True,
        ),
        SinkPlugin(
            name="mot",
            factory="pipelines.outputs.mot:open_mot",
            summary="MOTChallenge text",
            per_stream=True,
            lines=True,
            smoothed="pipelines.outputs.smoothed:open_smoothed_mot",
        ),
        SinkPlugin(
            name="record",
            factory="pipelines.outputs.mp4:open_recorder",
            summary="annotated video as fragmented MP4",
            per_stream=True,
            suffixes=(".mp4", ".m4v", ".mov", ""),
        ),
        SinkPlugin(
            name="table",
            factory="pipelines.outputs.table:open_table",
            summary="a table with a row an identity, as CSV, and pictures of them",
            lines=True,
            suffixes=(".csv",),
            header="pipelines.outputs.table:header_of",
        ),
    ],
)
