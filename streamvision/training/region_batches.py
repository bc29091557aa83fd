"""Batches of pictures with maps of classes; the same seed and epoch give the same batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.datasets.class_labels import UNKNOWN, read_class_map
from streamvision.datasets.dataset import MappedPicture
from streamvision.training.augment import GREY, colour, random_matrix
from streamvision.training.order import batches_of
from streamvision.training.presets import Augmentation
from streamvision.training.rand_augment import rand_augment
from streamvision.training.torchvision_data import CACHED_PICTURES, read_rgb, to_tensor

U8 = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class MappedSample:
    """A picture and the class of each of its pixels."""

    image: U8
    """(H, W, 3) RGB."""
    classes: U8
    """(H, W) class ids; 255 counts neither way."""


class MappedSamples:
    """Reads pictures and maps once, scaled to the size that training wants."""

    def __init__(
        self,
        images: Sequence[MappedPicture],
        sizes_px: Sequence[tuple[int, int]],
        *,
        side_px: int,
        stride_px: int,
    ) -> None:
        self._images = images
        self._side_px = side_px
        self.load = lru_cache(maxsize=CACHED_PICTURES)(self._load)
        width, height = (max(sides) for sides in zip(*(fitted(size, side_px) for size in sizes_px), strict=True))
        self.size_px = -(-width // stride_px) * stride_px, -(-height // stride_px) * stride_px
        """(width, height) of every batch: what all pictures fit into."""

    def _load(self, index: int) -> MappedSample:
        image = read_rgb(self._images[index].path)
        classes = read_class_map(self._images[index].map_path)
        height, width = classes.shape
        size = fitted((width, height), self._side_px)
        shrinks = self._side_px < max(height, width)
        smaller = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        nearest = cv2.resize(classes, size, interpolation=cv2.INTER_NEAREST_EXACT)
        return MappedSample(smaller.astype(np.uint8, copy=False), nearest.astype(np.uint8, copy=False))


def fitted(size_px: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Return (width, height) of a picture whose longer side is given a length."""
    width, height = (max(round(side * side_px / max(size_px)), 1) for side in size_px)
    return width, height


def region_batches(
    samples: MappedSamples, repeats: Sequence[int], *, batch: int, settings: Augmentation, seed: int, epoch: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield one epoch of augmented (N, 3, H, W) float32 pictures of 0..1 and (N, H, W) int64 classes."""
    rng = np.random.default_rng([seed, epoch])
    for indices in batches_of(repeats, batch=batch, rng=rng):
        chosen = [augmented(samples.load(int(index)), samples.size_px, settings, rng) for index in indices]
        yield (
            torch.stack([to_tensor(sample.image) for sample in chosen]),
            torch.from_numpy(np.stack([sample.classes for sample in chosen]).astype(np.int64)),
        )


def augmented(
    sample: MappedSample, size_px: tuple[int, int], settings: Augmentation, rng: np.random.Generator
) -> MappedSample:
    """Return a sample as training sees it, on a canvas of (width, height); beyond it nobody knows the class."""
    width, height = size_px
    own_height, own_width = sample.classes.shape
    matrix = np.eye(3)
    matrix[:2, 2] = (width - own_width) // 2, (height - own_height) // 2
    matrix = random_matrix(width, height, settings, rng) @ matrix
    image = cv2.warpPerspective(sample.image, matrix, size_px, borderValue=GREY).astype(np.uint8, copy=False)
    classes = cv2.warpPerspective(
        sample.classes, matrix, size_px, flags=cv2.INTER_NEAREST, borderValue=(UNKNOWN,)
    ).astype(np.uint8, copy=False)
    image = colour(image, settings, rng)
    if settings.rand_augment:
        image = rand_augment(image, operations=settings.rand_augment, rng=rng)
    if rng.random() < settings.flip:
        image, classes = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(classes[:, ::-1])
    return MappedSample(image, classes)
