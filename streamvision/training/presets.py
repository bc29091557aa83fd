"""Named sets of augmentations, the same words for every trainer."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

PresetName = Literal["plain", "light", "road", "strong"]
PRESETS: tuple[str, ...] = get_args(PresetName)


class Augmentation(BaseModel):
    """What is done to a picture before the network sees it; probabilities are per picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mosaic: float = Field(0.0, ge=0, le=1, description="Probability of four pictures in one (YOLOv4).")
    mosaic_off_share: float = Field(
        0.33, ge=0, le=1, description="Last share of the epochs without mosaic, MixUp and CutMix."
    )
    mixup: float = Field(0.0, ge=0, le=1, description="Probability of MixUp: two pictures blended.")
    cutmix: float = Field(0.0, ge=0, le=1, description="Probability of CutMix: a part of one pasted into another.")
    rand_augment: int = Field(
        0, ge=0, le=4, description="RandAugment: random operations on brightness, colour and sharpness per picture."
    )
    flip: float = Field(0.0, ge=0, le=1, description="Probability of a left-right flip.")
    hue: float = Field(0.0, ge=0, le=0.5, description="Largest change of hue, as a part of the circle.")
    saturation: float = Field(0.0, ge=0, le=1, description="Largest relative change of saturation.")
    brightness: float = Field(0.0, ge=0, le=1, description="Largest relative change of brightness.")
    rotate_deg: float = Field(0.0, ge=0, le=45, description="Largest rotation, in degrees.")
    translate: float = Field(0.0, ge=0, le=0.5, description="Largest shift, as a part of the picture.")
    scale: float = Field(0.0, ge=0, lt=1, description="Largest relative change of size.")
    perspective: float = Field(0.0, ge=0, le=0.001, description="Largest perspective coefficient.")


AUGMENTATIONS: dict[str, Augmentation] = {
    "plain": Augmentation(),
    "light": Augmentation(flip=0.5, hue=0.01, saturation=0.3, brightness=0.3, translate=0.05, scale=0.2),
    # Signs point left and right, so they are not flipped here; see a recipe's `augment` to change that.
    "road": Augmentation(
        mosaic=0.6,
        hue=0.015,
        saturation=0.6,
        brightness=0.4,
        rotate_deg=3,
        translate=0.1,
        scale=0.5,
        perspective=0.0003,
    ),
    "strong": Augmentation(
        mosaic=1.0,
        mixup=0.1,
        cutmix=0.1,
        rand_augment=2,
        flip=0.5,
        hue=0.02,
        saturation=0.7,
        brightness=0.4,
        rotate_deg=5,
        translate=0.15,
        scale=0.6,
        perspective=0.0005,
    ),
}
"""What each name stands for."""
