"""What classifiers learn by: weights of rare classes, and batches whose pictures and classes are blended.

MixUp is of Zhang et al. (2018), CutMix of Yun et al. (2019); both are torchvision's. This file imports torch; see
:func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torchvision.transforms import v2

from streamvision.training.recipe import Augmentation

MIXUP_ALPHA, CUTMIX_ALPHA = 0.2, 1.0
"""Of the beta distributions of the shares, as in both papers on ImageNet."""


def class_weights(counts: Sequence[int]) -> list[float]:
    """Return a weight for each class, proportional to the square root of its rarity; 1 on an average picture.

    Args:
        counts: pictures of each class; a class without any has the weight of a class with one.
    """
    shown = np.maximum(np.asarray(counts, np.float64), 1)
    weights = shown**-0.5
    normalised: list[float] = (weights * shown.sum() / (weights * shown).sum()).tolist()
    return normalised


def mix_batch(
    pictures: torch.Tensor, class_ids: torch.Tensor, *, settings: Augmentation, classes: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blend a batch by MixUp, or else by CutMix, with the probabilities that the settings give to each.

    Args:
        pictures: (N, 3, H, W) float32.
        class_ids: (N,) int64.
        settings: ``mixup`` and ``cutmix`` hold.
        classes: how many classes there are.
        rng: source of all chance.

    Returns:
        The pictures, and where they were blended (N, classes) float32 shares of each class; else the class ids.
    """
    kind = None
    if rng.random() < settings.mixup:
        kind = v2.MixUp(alpha=MIXUP_ALPHA, num_classes=classes)
    elif rng.random() < settings.cutmix:
        kind = v2.CutMix(alpha=CUTMIX_ALPHA, num_classes=classes)
    if kind is None or len(pictures) < 2:
        return pictures, class_ids
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(1 << 63)))
        blended: tuple[torch.Tensor, torch.Tensor] = kind(pictures, class_ids)
    return blended
