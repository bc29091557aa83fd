"""The loss of several answers, summed with weights.

Each answer's loss is one of a guess at chance or less at the beginning: cross-entropy for the class, the squared error
of numbers as shares of their standard deviation. They are summed with the weights of the recipe; where it gives none,
by weights that the network learns with everything else, those of the answers' own uncertainty (Kendall, Gal and
Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics", CVPR 2018).

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from streamvision.training.answers.samples import NO_CLASS


def answer_losses(results: Tensor, classes: Tensor, numbers: Tensor, *, class_count: int) -> Tensor:
    """Return (A,) the loss of each answer, the class first where there is one; 0 where no picture has the answer.

    Args:
        results: (N, K + M) what the network gives.
        classes: (N,) int64 class, or :data:`~.samples.NO_CLASS`.
        numbers: (N, M) float32, NaN where it is not known.
        class_count: K.
    """
    known = ~numbers.isnan()
    error = torch.where(known, results[:, class_count:] - numbers.nan_to_num(), 0.0)
    losses = (error**2).sum(dim=0) / known.sum(dim=0).clamp(min=1)
    if not class_count:
        return losses
    of_class = functional.cross_entropy(results[:, :class_count], classes, ignore_index=NO_CLASS, reduction="sum")
    return torch.cat([(of_class / (classes != NO_CLASS).sum().clamp(min=1))[None], losses])


def weighted_sum(losses: Tensor, weights: Sequence[float]) -> Tensor:
    """Return the sum of (A,) losses by fixed weights."""
    return (losses * losses.new_tensor(weights)).sum()


def by_uncertainty(losses: Tensor, log_variance: Tensor, *, has_class: bool) -> Tensor:
    """Return the sum of (A,) losses by the uncertainty of each answer, as in equation 10 of the paper.

    Args:
        losses: (A,) of each answer.
        log_variance: (A,) what is learnt; 0 at the beginning.
        has_class: whether the first is that of a class, whose likelihood is scaled in another way.
    """
    share = torch.full_like(losses, 0.5)
    if has_class:
        share[0] = 1.0
    return (share * torch.exp(-log_variance) * losses + log_variance / 2).sum()
