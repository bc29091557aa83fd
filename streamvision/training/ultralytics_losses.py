"""Criteria that ultralytics' trainers are given in place of, or around, their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


class FullPrecisionLoss:
    """A criterion that computes in float32 whatever the network computed in.

    Box coordinates in bfloat16 would be rounded to a quarter of a grid cell.
    """

    def __init__(self, criterion: Any) -> None:
        self._criterion = criterion

    def __call__(self, predictions: Any, batch: Any) -> Any:
        """Return the criterion's result for float32 predictions."""
        with torch.autocast(batch["img"].device.type, enabled=False):
            return self._criterion(_to_float32(predictions), batch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._criterion, name)


class WeightedClassLoss:
    """Cross-entropy of classifiers with a weight for each class; takes class ids, or shares of classes.

    Args:
        weight: (C,) float32.
    """

    def __init__(self, weight: torch.Tensor) -> None:
        self._weight = weight

    def __call__(self, predictions: Any, batch: Any) -> Any:
        """Return the loss, and by its name what is shown of it."""
        logits = predictions[1] if isinstance(predictions, (list, tuple)) else predictions
        loss = torch.nn.functional.cross_entropy(logits, batch["cls"], weight=self._weight.to(logits.device))
        return loss, {"loss": loss.detach()}


def _to_float32(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: _to_float32(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_to_float32(item) for item in value)
    return value
