"""What a generator's file says of itself: a network from latent vectors to pictures, which is no model of a picture.

It is stored as JSON under :data:`GENERATOR_KEY` in the file's own metadata, in place of a model card.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from streamvision.inference.model_card import Words

GENERATOR_KEY = "streamvision.generator"
MOST_LATENTS = 4096
"""Numbers of a latent vector that are read."""
MOST_SIDE_PX = 1024
"""Largest side of its pictures; a wall of tiles holds 32 of them."""


class GeneratorCard(BaseModel):
    """How a generator is fed and read.

    Its input is (B, latents) float32, standard normal; its output (B, 3, H, W) float32 RGB of 0..1. B is free in
    ONNX and OpenVINO, and 1 in TFLite and Core ML.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    latents: int = Field(gt=0, le=MOST_LATENTS, description="Numbers of a latent vector.")
    width_px: int = Field(gt=0, le=MOST_SIDE_PX, description="Width of the pictures.")
    height_px: int = Field(gt=0, le=MOST_SIDE_PX, description="Height of the pictures.")
    source: Words | None = Field(None, description="What the weights were made from.")
    measured: dict[Words, float] | None = Field(None, description="Figures where it was made, by name.")

    def to_metadata(self) -> dict[str, str]:
        """Return the card in the form in which files store it."""
        return {GENERATOR_KEY: self.model_dump_json(exclude_none=True)}
