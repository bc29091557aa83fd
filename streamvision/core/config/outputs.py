"""Files that results are written to: the section ``outputs``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from streamvision.core.config.section import Section


class SinkConfig(Section):
    """A sink that has no key of its own here, such as one of another package."""

    name: str = Field(description="Its name; `streamvision doctor` lists what is there.")
    options: dict[str, Any] = Field(default_factory=dict, description="Its settings.")


class OutputsConfig(Section):
    """Files that results are written to. With several streams, .mot and .record files carry the stream's id."""

    detections: Path | None = Field(None, description="File for what was found: JSON lines, one frame a line.")
    mot: Path | None = Field(None, description="File for the tracks: MOTChallenge text, confirmed identities only.")
    record: Path | None = Field(None, description="File for the annotated video: MP4 that survives a crash.")
    events: Path | None = Field(None, description="File for the events: JSON lines, or CSV for a name in .csv.")
    event_pictures: Path | None = Field(None, description="Folder for an annotated JPEG of each frame with an event.")
    event_pictures_kept: int = Field(1000, ge=1, le=1_000_000, description="Most of them; the oldest go first.")
    heat_map: Path | None = Field(None, description="File for the heat map, a PNG, at the end of the run.")
    table: Path | None = Field(
        None, description="File for one row an identity, CSV; pictures of them in a folder beside it, `F.crops`."
    )
    table_crops_kept: int = Field(
        10_000, ge=0, le=1_000_000, description="Most of these pictures of a stream; the oldest go first. 0: none."
    )
    smooth: bool = Field(
        False,
        description="For files: write detections and mot once all is seen, with pieces of one object joined, gaps "
        "filled and paths smoothed.",
    )
    overwrite: bool = Field(
        False,
        description="Replace existing files; by default text of live streams goes on, and the rest gets a dated name.",
    )
    sinks: tuple[SinkConfig, ...] = Field(
        (), max_length=16, description="Sinks without a key of their own here, such as those of other packages."
    )
