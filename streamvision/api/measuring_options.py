"""What says how models are measured from Python, checked as the options of the commands are."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from streamvision.core.config.section import Section


class MeasuringOptions(Section):
    """Options of :func:`streamvision.evaluate` beside those that say how the model is opened."""

    slices: str | None = Field(None, description="Tiles of each picture, such as 2x2.")
    camera_height_m: float | None = Field(None, ge=0.1, le=50, description="Of the cameras above a flat road.")
    pitch_deg: float | None = Field(None, ge=0, le=10, description="How far the cameras pitch, a standard deviation.")
    detector: str | Path | None = Field(None, description="Finds the objects that are placed in space.")
    noise: float | None = Field(None, gt=0, le=255, description="Standard deviation of the noise, in levels of 0..255.")
    shrink: int | None = Field(None, ge=2, le=8, description="How many times smaller pictures are given.")
    reverse: bool | None = Field(None, description="Give the targets of pairs, and compare with their inputs.")
    lpips: str | Path | None = Field(None, description="Weights of LPIPS.")
    features: str | Path | None = Field(None, description="Network whose features are compared.")
    nearest_colour: bool | None = Field(None, description="Count pixels by the nearest colour of the true maps.")
    style: Path | None = Field(None, description="Picture whose style is painted.")
    train_data: Path | None = Field(None, description="What the model was trained with, for the baselines.")
    answers: tuple[str, ...] | None = Field(None, description="Columns of the table that are measured.")
