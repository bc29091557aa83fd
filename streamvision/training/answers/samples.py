"""Batches of pictures with several answers each.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.checkpoints.answers import Answers
from streamvision.datasets.dataset import AnsweredPicture
from streamvision.training.augment import Sample
from streamvision.training.batches import SquareSamples, to_tensor

NO_CLASS = -1
"""Class of a picture of which it is not known."""


class AnswerSamples(SquareSamples[AnsweredPicture]):
    """Pictures with a class and numbers each.

    A batch is (N, 3, S, S) float32 pictures of 0..1, (N,) int64 classes, :data:`NO_CLASS` where it is not known, and
    (N, numbers) float32 numbers less their mean and divided by their standard deviation, NaN where they are not known.
    """

    def __init__(self, images: Sequence[AnsweredPicture], *, side_px: int, answers: Answers) -> None:
        super().__init__(images, side_px=side_px)
        known = [[math.nan if number is None else number for number in image.numbers] for image in images]
        self._numbers = (np.array(known, np.float64) - np.array(answers.mean)) / np.array(answers.deviation)

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        classes = [self._images[int(index)].class_id for index in indices]
        return (
            torch.stack([to_tensor(sample.image) for sample in samples]),
            torch.tensor([NO_CLASS if class_id is None else class_id for class_id in classes]),
            torch.from_numpy(self._numbers[indices].astype(np.float32)),
        )
