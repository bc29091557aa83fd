"""Output of classifiers that end before the softmax: (batch, classes) logits, as torch models are trained.

Source: https://docs.pytorch.org/vision/stable/models.html#classification
"""

from __future__ import annotations

import numpy as np

from streamvision.inference.heads.classify import ClassifyHead
from streamvision.inference.heads.layout import F32


class ClassifyLogitsHead(ClassifyHead):
    """One tensor (batch, classes), whose softmax are the probabilities."""

    def _probabilities(self, rows: F32) -> F32:
        odds = np.exp(rows - rows.max(axis=1, keepdims=True))
        probabilities: F32 = odds / odds.sum(axis=1, keepdims=True)
        return probabilities
