"""Batches of pictures with one class each; the same seed and epoch give the same batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.datasets.dataset import NamedPicture
from streamvision.training.augment import colour, random_matrix
from streamvision.training.order import batches_of
from streamvision.training.presets import Augmentation
from streamvision.training.rand_augment import rand_augment
from streamvision.training.torchvision_data import CACHED_PICTURES, read_rgb, to_tensor

U8 = NDArray[np.uint8]


class NamedSamples:
    """Reads pictures once, their shorter side scaled to the size that training wants."""

    def __init__(self, images: Sequence[NamedPicture], *, side_px: int) -> None:
        self.images = images
        """The pictures."""
        self._side_px = side_px
        self.load = lru_cache(maxsize=CACHED_PICTURES)(self._load)

    def _load(self, index: int) -> U8:
        image = read_rgb(self.images[index].path)
        height, width = image.shape[:2]
        scale = self._side_px / min(height, width)
        size = max(round(width * scale), self._side_px), max(round(height * scale), self._side_px)
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        resized: U8 = cv2.resize(image, size, interpolation=interpolation).astype(np.uint8, copy=False)
        return resized


def class_batches(
    samples: NamedSamples,
    repeats: Sequence[int],
    *,
    batch: int,
    side_px: int,
    settings: Augmentation,
    seed: int,
    epoch: int,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield one epoch of augmented (N, 3, S, S) float32 pictures of 0..1 and (N,) int64 classes."""
    rng = np.random.default_rng([seed, epoch])
    for indices in batches_of(repeats, batch=batch, rng=rng):
        pictures = [augmented(samples.load(int(index)), side_px, settings, rng) for index in indices]
        classes = [samples.images[int(index)].class_id for index in indices]
        yield torch.stack([to_tensor(picture) for picture in pictures]), torch.tensor(classes)


def augmented(image: U8, side_px: int, settings: Augmentation, rng: np.random.Generator) -> U8:
    """Return a square out of a picture's middle as training sees it; shifts look beyond the square."""
    height, width = image.shape[:2]
    matrix = np.eye(3)
    matrix[:2, 2] = (side_px - width) // 2, (side_px - height) // 2
    matrix = random_matrix(side_px, side_px, settings, rng) @ matrix
    size = (side_px, side_px)
    square = cv2.warpPerspective(image, matrix, size, borderMode=cv2.BORDER_REFLECT_101).astype(np.uint8, copy=False)
    square = colour(square, settings, rng)
    if settings.rand_augment:
        square = rand_augment(square, operations=settings.rand_augment, rng=rng)
    return np.ascontiguousarray(square[:, ::-1]) if rng.random() < settings.flip else square
