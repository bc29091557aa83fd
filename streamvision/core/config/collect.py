"""Which frames are kept to be labelled: the section ``collect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from streamvision.core.config.section import Section

CollectReason = Literal["uncertain", "flicker", "disagreement", "unseen"]
ALL_REASONS: tuple[CollectReason, ...] = ("uncertain", "flicker", "disagreement", "unseen")


class CollectConfig(Section):
    """Frames that are worth labelling are kept in a folder with what the model proposes to mark on them. Of each window
    of time the hardest is kept, unless it looks like one that was kept, labelled or thrown away before."""

    folder: Path = Field(
        description="Folder for frames that are worth labelling: a new one, or one that was collected into before."
    )
    reasons: tuple[CollectReason, ...] = Field(
        ALL_REASONS,
        min_length=1,
        description="Why a frame is kept. uncertain: scores near the threshold, two classes in one place; flicker: "
        "identities that come, go or change their class; disagreement: with the tracker, or a second model; unseen: "
        "looks like nothing that was kept.",
    )
    second_model: str | None = Field(
        None, description="Another detector with classes in common, whose objects are compared: a model file."
    )
    second_score: float = Field(0.4, ge=0, le=1, description="Lowest score of its objects that count.")
    embedding_model: str | None = Field(
        None,
        description="A model that describes pictures, for `unseen`; default: their colours and edges are compared.",
    )
    most: int = Field(
        200,
        ge=1,
        le=20_000,
        description="Most frames of a run, over all streams; then a harder one takes the place of the easiest that "
        "nobody has looked at.",
    )
    every_s: float = Field(
        2.0, gt=0, le=86_400, description="Least seconds between two frames of a stream; the hardest between is kept."
    )
    per_hour: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        None, description="Most frames an hour of each stream, spread over the hour; default: as `every_s` says."
    )
    least: float = Field(
        0.25, ge=0, le=1, description="How hard a frame must be to be kept, 0 to 1; -v tells the value of each."
    )

    @property
    def window_s(self) -> float:
        """Seconds of a stream of which one frame is kept."""
        return max(self.every_s, 3600.0 / self.per_hour if self.per_hour else 0.0)
