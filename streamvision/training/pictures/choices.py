"""What a recipe leaves open, by the network that it trains."""

from __future__ import annotations

from streamvision.checkpoints.picture_names import DENOISER, PIX2PIX
from streamvision.training.recipe import Recipe

NOISE_LEVELS = 25.0
"""Of denoisers; the middle of those that are usually measured (15, 25, 50)."""
ADVERSARIAL = 0.01
"""Of pix2pix, beside a mean absolute difference of weight 1, as in the paper (1 to 100)."""

STYLE_WEIGHT = 3.0
"""Of a style, beside a difference in content of weight 1: with as much of each, little more than colours change."""


def noise_levels(recipe: Recipe) -> float:
    """Return the standard deviation of the noise that pictures are given, in levels of 0..255."""
    if recipe.noise is not None:
        return recipe.noise
    return NOISE_LEVELS if recipe.model == DENOISER else 0.0


def adversarial_weight(recipe: Recipe) -> float:
    """Return the weight of the discriminator's loss; 0 without one."""
    if recipe.adversarial is not None:
        return recipe.adversarial
    return ADVERSARIAL if recipe.model == PIX2PIX else 0.0


def is_to_look_real(recipe: Recipe) -> bool:
    """Say whether more than the difference of pixels is learnt, so that the PSNR cannot tell the best epoch."""
    return bool(adversarial_weight(recipe)) or recipe.perceptual is not None


def style_weight(recipe: Recipe) -> float:
    """Return the weight of the difference in style, where that in content has 1."""
    return STYLE_WEIGHT if recipe.style_weight is None else recipe.style_weight
