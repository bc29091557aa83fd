"""Batches of pictures with several answers each.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.checkpoints.answers import Answers
from streamvision.core.picture import BgrPicture
from streamvision.core.resampling import Window
from streamvision.datasets.dataset import AnsweredPicture
from streamvision.evaluation.predictions import read_bgr
from streamvision.inference.known_numbers import show
from streamvision.training.augment import Sample
from streamvision.training.batches import SquareSamples, to_tensor
from streamvision.training.recipe import Augmentation

UNKNOWN_CLASS = -1
"""Class of a picture of which it is not known."""


CACHED_BYTES = 400_000_000
"""Of decoded pictures that are kept."""


class AnswerSamples(SquareSamples[AnsweredPicture]):
    """Pictures with a class and numbers each.

    A batch is (N, 3, S, S) float32 pictures of 0..1, (N,) int64 classes, :data:`UNKNOWN_CLASS` where it is not known,
    and (N, numbers) float32 numbers less their mean and divided by their standard deviation, NaN where they are not
    known.
    """

    def __init__(self, images: Sequence[AnsweredPicture], *, side_px: int, answers: Answers) -> None:
        super().__init__(images, side_px=side_px)
        self._answers = answers
        if answers.stretches:  # small squares, of which more can be kept
            self.load = lru_cache(maxsize=max(CACHED_BYTES // (3 * side_px**2), 1))(self._load)
        known = [[math.nan if number is None else number for number in image.numbers] for image in images]
        self._numbers = (np.array(known, np.float64) - np.array(answers.mean)) / np.array(answers.deviation)

    def _load(self, index: int) -> Sample:
        if not self._answers.stretches:
            return super()._load(index)
        side_px = self._side_px
        window = Window(0, 0, side_px, side_px)
        picture = BgrPicture(read_bgr(self._images[index].path))
        return Sample(picture.resize_rgb_smoothly(side_px, side_px, window, "bicubic"))

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        sample = super()._augmented(index, settings, mixing, rng)
        if not self._answers.known:
            return sample
        image = sample.image.copy()
        show(image, self._answers.known, self._images[index].known)
        return replace(sample, image=image)

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        classes = [self._images[int(index)].class_id for index in indices]
        return (
            torch.stack([to_tensor(sample.image) for sample in samples]),
            torch.tensor([UNKNOWN_CLASS if class_id is None else class_id for class_id in classes]),
            torch.from_numpy(self._numbers[indices].astype(np.float32)),
        )
