"""Batches of pictures with the words of a sentence each.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.checkpoints.captioner import STRIDE_PX, padded
from streamvision.datasets.dataset import CaptionedPicture
from streamvision.inference.sentence_words import Vocabulary
from streamvision.training.augment import Sample, augment_centre, fit
from streamvision.training.batches import Samples, canvas_px, read_rgb, to_tensor
from streamvision.training.recipe import Augmentation, Recipe


class CaptionSamples(Samples[CaptionedPicture]):
    """Pictures with a sentence each, their longer side scaled, on a canvas that all of them fit into.

    A batch is (N, 3, H, W) float32 pictures of 0..1 and (N, T) int64 words; of several sentences about a picture one is
    drawn anew each time. Pictures are never mirrored.

    Args:
        images: the pictures.
        side_px: longer side of the pictures.
        names: the vocabulary.
        longest: most words of a sentence, the end included.
    """

    def __init__(self, images: Sequence[CaptionedPicture], *, side_px: int, names: Sequence[str], longest: int) -> None:
        super().__init__(images, side_px=side_px)
        self.size_px = canvas_px([image.path for image in images], side_px=side_px, stride_px=STRIDE_PX)
        known = Vocabulary(names)
        self._words = [[known.encode(caption, longest) for caption in image.captions] for image in images]
        self._choosing = np.random.default_rng()

    def batches(self, repeats: Sequence[int], recipe: Recipe, *, epoch: int, mixing: bool) -> Iterator[Any]:
        """Yield the batches of one epoch; see :meth:`Samples.batches`."""
        self._choosing = np.random.default_rng([recipe.seed, epoch, 1])
        yield from super().batches(repeats, recipe, epoch=epoch, mixing=mixing)

    def _load(self, index: int) -> Sample:
        return fit(Sample(read_rgb(self._images[index].path)), side_px=self._side_px)

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        unmirrored = settings.model_copy(update={"flip": 0.0})
        return augment_centre(self.load(index), self.size_px, unmirrored, rng)

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        sentences = [self._words[index] for index in indices.tolist()]
        chosen = [of_one[int(self._choosing.integers(len(of_one)))] for of_one in sentences]
        return torch.stack([to_tensor(sample.image) for sample in samples]), padded(chosen)
