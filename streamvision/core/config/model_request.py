"""Which model is to take the place of one that runs, and how it is proven before."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from streamvision.core.config.model import Precision
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import MAX_THREADS, Section, listed_in


class ModelProofConfig(Section):
    """What a new model has to show, and who lets it take over."""

    prove: Literal["streams", "data", "report", "gate", "none"] = Field(
        "streams",
        description="What it is proven on before it sees live frames: pictures of its running streams; pictures of a "
        "folder; the report that its export left beside it (FILE.parity.json); the comparison with the present one on "
        "labelled pictures that `train --add` or `eval compare --record` left there (FILE.gate.json); or nothing.",
    )
    data: str | None = Field(
        None, max_length=4096, description="For `prove: data`: folder of JPEG and PNG pictures, others below it too."
    )
    pictures: int = Field(24, ge=1, le=1000, description="Most pictures that it is proven on.")
    min_agreement: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Least agreement with the present model, in the proof and in the shadow run: 2 x objects that both "
        "find / all objects that either finds.",
    )
    min_iou: float = Field(
        0.5, gt=0, le=1, description="Least overlap of two boxes of one class that are the same object."
    )
    min_objects: int = Field(
        20,
        ge=0,
        le=1_000_000,
        description="For `take_over: automatic`: least number of objects of the present model that were compared; the "
        "shadow run goes on until then.",
    )
    shadow_share: float = Field(
        0.1, ge=0, le=1, description="Share of the frames that the new model sees too, while the present one rules."
    )
    shadow_s: float = Field(60.0, ge=0, le=86400, description="How long it does so at least; 0: not at all.")
    take_over: Literal["ask", "automatic"] = Field(
        "ask",
        description="ask: when somebody says so; automatic: after the shadow run, where agreement and number of "
        "objects suffice. Where they do not, it is refused.",
    )

    @model_validator(mode="after")
    def _data_is_for_a_folder(self) -> ModelProofConfig:
        if (self.prove == "data") != (self.data is not None):
            raise ValueError("data is the folder for `prove: data`; give both or neither")
        return self

    @model_validator(mode="after")
    def _automatic_has_seen_something(self) -> ModelProofConfig:
        if self.take_over == "automatic" and self.prove == "none" and not (self.shadow_s and self.shadow_share):
            raise ValueError(
                "take_over is automatic, but nothing would be compared before; give `prove` or a shadow run, or let "
                "take_over be ask"
            )
        return self


class ModelRequest(ModelProofConfig):
    """The new model, what it has to show, and who lets it take over. Scores and classes stay those that are set."""

    path: str = Field(
        min_length=1,
        max_length=4096,
        description="The new model, as `model.path`: a file, an address or a shipped model; or the name of one of "
        "`models`, whose settings it has then.",
    )
    backend: str = Field(
        "auto",
        description="Runtime that executes it; auto: by the file's ending.",
        json_schema_extra=listed_in("streamvision.inference.backends.registry:BACKENDS"),
    )
    device: str | None = Field(
        None, description="Where it executes, as `model.device`; default: where the present one does."
    )
    precision: Precision = Field("auto", description="Arithmetic, as `model.precision`.")
    threads: int | None = Field(
        None,
        ge=1,
        le=MAX_THREADS,
        description="CPU threads of each call, as `model.threads`; default: as is set for the present one.",
    )
    requests: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Calls at the same time, as `model.requests`; default: as is set for the present one.",
    )
    side_px: int | None = Field(None, ge=32, le=8192, description="Longer side of its input, as `model.side_px`.")
    head: str | None = Field(
        None,
        description="Layout of its outputs, for files that do not say it.",
        json_schema_extra=listed_in("streamvision.inference.heads.registry:HEADS"),
    )
    names: tuple[str, ...] | None = Field(None, description="Its class names, for files that do not say them.")
    input: ModelInputConfig = Field(
        default_factory=ModelInputConfig, description="How pictures are fed to it, where its file does not say it."
    )
