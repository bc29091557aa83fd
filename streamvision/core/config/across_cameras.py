"""Identities across cameras: the section ``across_cameras``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from streamvision.core.config.section import ID, MAX_THREADS, ClassName, Section

MAX_TRANSITS = 256
"""Most pairs of cameras with a transit time."""


class TransitConfig(Section):
    """How long the way from one camera to another takes."""

    between: tuple[Annotated[str, Field(pattern=ID)], Annotated[str, Field(pattern=ID)]] = Field(
        description="Ids of two streams; the way counts in both directions."
    )
    min_s: float = Field(0.0, ge=0, le=86400, description="Least seconds from the last frame in one to the other.")
    max_s: float = Field(86400.0, gt=0, le=86400, description="Most seconds from the last frame in one to the other.")

    @model_validator(mode="after")
    def _is_a_way(self) -> TransitConfig:
        if self.min_s > self.max_s:
            raise ValueError(f"min_s {self.min_s:g} is more than max_s {self.max_s:g}; exchange them")
        if self.between[0] == self.between[1]:
            raise ValueError(f"between has {self.between[0]!r} twice; give two streams")
        return self


class AcrossCamerasConfig(Section):
    """The same object in another camera gets the same `global_id`, by its appearance and the time. It is described a
    few times with an embedding model, not on each frame; nothing of that is kept on a disk."""

    model: str = Field(
        description="Embedding model by which the same object gets one `global_id` in all cameras: its file, "
        "or `package:NAME/FILE` for one that a Python package ships."
    )
    head: str | None = Field(None, description="Layout of its output, for files that do not say it: embed.")
    backend: str = Field("auto", description="As for the first model.")
    device: str = Field("auto", description="As for the first model.")
    threads: int | None = Field(None, ge=1, le=MAX_THREADS, description="CPU threads of a call.")
    streams: tuple[Annotated[str, Field(pattern=ID)], ...] | None = Field(
        None, max_length=256, description="Ids of the streams that take part; default: all."
    )
    classes: tuple[ClassName, ...] | None = Field(
        None, description="Objects of these classes only; default: all that are reported."
    )
    similarity: float = Field(
        0.6,
        gt=-1,
        lt=1,
        description="Least cosine similarity of two views of one object. It depends on the model; "
        "-v tells those of all decisions.",
    )
    memory_s: float = Field(
        300.0, gt=0, le=86400, description="How long an object may be out of all views and keep its identity."
    )
    overlap_s: float | None = Field(
        None,
        ge=0,
        le=86400,
        description="How long an object may be seen by two cameras at the same time; default: as long as it likes, as "
        "where views overlap. 0 is for views that lie apart.",
    )
    transit: tuple[TransitConfig, ...] = Field(
        (), max_length=MAX_TRANSITS, description="How long the way between two cameras takes, where that is known."
    )
    views: int = Field(
        3, ge=1, le=16, description="How many views of an object are described before it gets its identity."
    )
    every_s: float = Field(
        2.0, gt=0, le=3600, description="Describe an object again after so many seconds, while it is seen."
    )
    margin: float = Field(0.0, ge=0, le=1, description="How far a crop reaches beyond its box, as a share of it.")
    min_side_px: int = Field(24, ge=2, description="Objects whose shorter side is below this are left out.")
    max_identities: int = Field(
        1000, ge=1, le=20000, description="Most identities that are remembered, those seen last."
    )

    def takes_part(self, stream_id: str) -> bool:
        """Say whether a stream takes part."""
        return self.streams is None or stream_id in self.streams
