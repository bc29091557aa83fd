"""What a service keeps of the identities that it has seen."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from streamvision.core.config.section import Section


class TrackletsConfig(Section):
    """What `streamvision serve` keeps of each identity: when and where it was, and a picture; the oldest make room."""

    enabled: bool = Field(True, description="Whether they are kept.")
    kept: int = Field(100_000, ge=1, le=10_000_000, description="Most identities.")
    days: float = Field(30.0, gt=0, le=3650, description="How long they are kept, in days.")
    crops_kept: int = Field(
        20_000, ge=0, le=1_000_000, description="Most pictures of them, about 10 kB each; 0: none are made."
    )
    embedder: Path | None = Field(
        None, description="An embedding model that describes the pictures, so that similar objects are found."
    )
    embedder_head: str | None = Field(
        None, description="Layout of that model's output, for files that do not say it: embed."
    )
    describe_per_s: float = Field(
        2.0, gt=0, le=1000, description="Most pictures that it describes a second, in the background, on one thread."
    )
