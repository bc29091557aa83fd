"""The loss of several answers, summed with weights.

Each answer's loss is about one at the beginning, whatever its unit: cross-entropy for the class, the squared error of
numbers as shares of their standard deviation. So all count alike where the recipe gives no weights. Weights that the
network learns by each answer's uncertainty (Kendall, Gal and Cipolla, CVPR 2018) were cross-validated beside that and
gained nothing (docs/training-classes.md).

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from streamvision.training.answers.samples import UNKNOWN_CLASS


def answer_losses(results: Tensor, classes: Tensor, numbers: Tensor, *, class_count: int) -> Tensor:
    """Return (A,) the loss of each answer, the class first where there is one; 0 where no picture has the answer.

    Args:
        results: (N, K + M) what the network gives.
        classes: (N,) int64 class, or :data:`~.samples.UNKNOWN_CLASS`.
        numbers: (N, M) float32, NaN where it is not known.
        class_count: K.
    """
    known = ~numbers.isnan()
    error = torch.where(known, results[:, class_count:] - numbers.nan_to_num(), 0.0)
    losses = (error**2).sum(dim=0) / known.sum(dim=0).clamp(min=1)
    if not class_count:
        return losses
    of_class = functional.cross_entropy(results[:, :class_count], classes, ignore_index=UNKNOWN_CLASS, reduction="sum")
    return torch.cat([(of_class / (classes != UNKNOWN_CLASS).sum().clamp(min=1))[None], losses])


def weighted_sum(losses: Tensor, weights: Sequence[float]) -> Tensor:
    """Return the sum of (A,) losses by (A,) weights."""
    return (losses * losses.new_tensor(weights)).sum()
