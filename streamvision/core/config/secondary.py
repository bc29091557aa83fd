"""Models beside the first one: secondary models on the objects that it found, and models on key frames."""

from __future__ import annotations

from pydantic import Field

from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import MAX_THREADS, ClassName, Section
from streamvision.core.config.wording import in_words

NAME = in_words(
    r"^[A-Za-z_][A-Za-z0-9_-]{0,31}$",
    "give 1 to 32 letters without accents, digits, hyphens and underscores, a letter or underscore first",
)
"""What the name of a second model looks like."""


class AuxiliaryModelConfig(Section):
    """A model beside the first one."""

    model: str = Field(description="Model file, or `package:NAME/FILE` for one that a Python package ships.")
    name: str = Field(
        pattern=NAME,
        description="Name of what it finds, in the results.",
    )
    score: float = Field(0.5, ge=0, le=1, description="Lowest score of a result that is kept.")
    backend: str = Field("auto", description="As for the first model.")
    device: str = Field("auto", description="As for the first model.")
    threads: int | None = Field(None, ge=1, le=MAX_THREADS, description="CPU threads of a call.")
    head: str | None = Field(None, description="Layout of the outputs, for files without it.")
    names: tuple[str, ...] | None = Field(None, description="Class names, for files that do not say them.")
    input: ModelInputConfig = Field(
        default_factory=ModelInputConfig, description="How pictures are fed to it, as for the first model."
    )


class SecondaryModelConfig(AuxiliaryModelConfig):
    """A model for the crops of objects: a further class (car: make), a text (plate), a pose. What does not change (a
    class, a text) is asked once for each object, and again when it appears larger or with a higher score, so the cost
    grows with the number of new objects and not of frames; what has a place on it (a pose, a part) is asked by time."""

    classes: tuple[ClassName, ...] | None = Field(None, description="Run on objects of these classes only.")
    margin: float = Field(0.05, ge=0, le=1, description="How far a crop reaches beyond its box, as a share of it.")
    min_side_px: int = Field(16, ge=2, description="Objects whose shorter side is below this are left out.")
    refresh: float = Field(
        1.5, gt=1, description="Run again when size times score has grown by this factor since the last run."
    )
    every_s: float | None = Field(
        None,
        ge=0,
        le=3600,
        description="Run again after so many seconds, however the object appears; 0: on every frame. Not given: poses "
        "on every frame, cuboids every 0.2 s, parts (boxes, masks) every 0.5 s, all else by `refresh` alone.",
    )
    retry_s: float = Field(
        0.5, gt=0, le=3600, description="Run again after so many seconds where nothing was found so far."
    )


class KeyFrameConfig(AuxiliaryModelConfig):
    """A slow model for whole images (distances, classes, a scene, a text): it gets a frame now and then, and no live
    frame waits for it. Later frames carry its last result, with its age."""

    every_s: float = Field(
        1.0, gt=0, le=3600, description="Seconds of the stream between two key frames; more if the model is slower."
    )
