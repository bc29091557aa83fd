"""Batches of squares alone.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamvision.datasets.dataset import NamedPicture
from streamvision.training.augment import Sample
from streamvision.training.batches import SquareSamples, to_tensor
from streamvision.training.recipe import Augmentation


class PlainSamples(SquareSamples[NamedPicture]):
    """Pictures alone: a batch is (N, 3, S, S) float32 of 0..1."""

    def plain(self, *, batch: int) -> Iterator[Tensor]:
        """Yield all pictures in their order, as they are."""
        rng = np.random.default_rng(0)
        for begin in range(0, len(self._images), batch):
            indices = range(begin, min(begin + batch, len(self._images)))
            samples = [self._augmented(index, Augmentation(), False, rng) for index in indices]
            yield torch.stack([to_tensor(sample.image) for sample in samples])

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Tensor:
        return torch.stack([to_tensor(sample.image) for sample in samples])
