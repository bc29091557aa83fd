"""Batches of augmented pictures; the same seed and epoch give the same batches.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.datasets.class_labels import read_class_map
from streamvision.datasets.dataset import LabelledImage, MappedPicture, NamedPicture, Picture
from streamvision.datasets.picture_files import read_picture
from streamvision.evaluation.predictions import read_bgr
from streamvision.training.augment import Sample, augment, augment_centre, fit, fitted_size
from streamvision.training.class_loss import mix_batch
from streamvision.training.recipe import Augmentation, Recipe

CACHED_PICTURES = 2000
"""Decoded pictures that are kept; at 416 px about 700 MB."""


class Samples(ABC, Generic[Picture]):
    """Reads pictures once, scaled to the training size, and makes batches of them."""

    def __init__(self, images: Sequence[Picture], *, side_px: int) -> None:
        self._images: Sequence[Picture] = images
        self._side_px = side_px
        self.size_px = side_px, side_px
        """(width, height) of the pictures that the network learns from, at most."""
        self.load = lru_cache(maxsize=CACHED_PICTURES)(self._load)
        """Returns a picture by its index, before augmentation."""

    def batches(self, repeats: Sequence[int], recipe: Recipe, *, epoch: int, mixing: bool) -> Iterator[Any]:
        """Yield the batches of one epoch.

        Args:
            repeats: how often each picture is shown.
            recipe: its batch size, seed and augmentation hold.
            epoch: which epoch.
            mixing: whether augmentations that mix pictures are on.
        """
        settings, rng = recipe.augmentation(), np.random.default_rng([recipe.seed, epoch])
        for indices in batches_of(repeats, batch=recipe.batch, rng=rng):
            batch = self._collate(indices, [self._augmented(int(i), settings, mixing, rng) for i in indices])
            yield self._mixed(batch, settings, rng) if mixing else batch

    @abstractmethod
    def _load(self, index: int) -> Sample: ...

    @abstractmethod
    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample: ...

    @abstractmethod
    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        """Return a batch as the trainer's loss takes it."""

    def _mixed(self, batch: Any, settings: Augmentation, rng: np.random.Generator) -> Any:
        """Return a batch whose pictures are blended as a whole, for those that do not blend them one by one."""
        return batch


class DetectionSamples(Samples[LabelledImage]):
    """Pictures with boxes, their longer side scaled.

    A batch is a list of (3, H, W) float32 pictures of 0..1, and of dicts of torchvision's targets; labels count from 1,
    as 0 is background.
    """

    def _load(self, index: int) -> Sample:
        image = self._images[index]
        boxes = [box for box in image.boxes if not box.ignore]
        corners = np.array([box.box_xyxy_px for box in boxes], np.float32).reshape(-1, 4)
        classes = np.array([box.class_id for box in boxes], np.int64)
        return fit(Sample(read_rgb(image.path), corners, classes), side_px=self._side_px)

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        count = len(self._images)
        return augment(index, self.load, count=count, side_px=self._side_px, settings=settings, mixing=mixing, rng=rng)

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        return [to_tensor(sample.image) for sample in samples], [self._target(sample) for sample in samples]

    def _target(self, sample: Sample) -> dict[str, torch.Tensor]:
        return {"boxes": torch.from_numpy(sample.box_xyxy_px), "labels": torch.from_numpy(sample.class_id + 1)}


MOST_SQUARES = 8
"""How many of their squares pictures keep along their longer side; all of a line of pixels would fill the memory."""


class SquareSamples(Samples[Picture]):
    """Pictures whose shorter side is scaled; a square is cut out of the middle."""

    def _load(self, index: int) -> Sample:
        image = read_rgb(self._images[index].path)
        side_px = min(image.shape[:2])
        rows, columns = (_middle(length, most=side_px * MOST_SQUARES) for length in image.shape[:2])
        image = np.ascontiguousarray(image[rows, columns])
        return fit(Sample(image), side_px=round(max(image.shape[:2]) * self._side_px / side_px))

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        size = (self._side_px, self._side_px)
        return augment_centre(self.load(index), size, settings, rng, border=cv2.BORDER_REFLECT_101, moving=True)


class ClassSamples(SquareSamples[NamedPicture]):
    """Pictures with a class each.

    A batch is (N, 3, S, S) float32 pictures of 0..1 and (N,) int64 classes, or where pictures are blended (N, classes)
    float32 shares of each class.
    """

    def __init__(self, images: Sequence[NamedPicture], *, side_px: int, classes: int) -> None:
        super().__init__(images, side_px=side_px)
        self._classes = classes

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        classes = [self._images[int(index)].class_id for index in indices]
        return torch.stack([to_tensor(sample.image) for sample in samples]), torch.tensor(classes)

    def _mixed(self, batch: Any, settings: Augmentation, rng: np.random.Generator) -> Any:
        return mix_batch(*batch, settings=settings, classes=self._classes, rng=rng)


class RegionSamples(Samples[MappedPicture]):
    """Pictures with a class for each pixel, their longer side scaled, on a canvas that all of them fit into.

    A batch is (N, 3, H, W) float32 pictures of 0..1 and (N, H, W) int64 classes.
    """

    def __init__(self, images: Sequence[MappedPicture], *, side_px: int, stride_px: int) -> None:
        super().__init__(images, side_px=side_px)
        self.size_px = canvas_px([image.path for image in images], side_px=side_px, stride_px=stride_px)

    def _load(self, index: int) -> Sample:
        image = fit(Sample(read_rgb(self._images[index].path)), side_px=self._side_px).image
        classes = read_class_map(self._images[index].map_path)
        nearest = cv2.resize(classes, image.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        return Sample(image, class_map=nearest.astype(np.uint8, copy=False))

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        return augment_centre(self.load(index), self.size_px, settings, rng)

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        maps = np.stack([sample.class_map for sample in samples if sample.class_map is not None])
        return torch.stack([to_tensor(sample.image) for sample in samples]), torch.from_numpy(maps.astype(np.int64))


def _middle(length: int, *, most: int) -> slice:
    """Return where the middle of a side begins and ends, of which no more than ``most`` is kept."""
    kept = min(length, most)
    begin = (length - kept) // 2
    return slice(begin, begin + kept)


def canvas_px(pictures: Sequence[Path], *, side_px: int, stride_px: int) -> tuple[int, int]:
    """Return (width, height), multiples of a stride, of what all pictures fit on, their longer side scaled."""
    files = [read_picture(path) for path in pictures]
    sizes = [fitted_size((file.width_px, file.height_px), side_px) for file in files]
    width, height = (-(-max(sides) // stride_px) * stride_px for sides in zip(*sizes, strict=True))
    return width, height


def batches_of(repeats: Sequence[int], *, batch: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of each batch of one epoch; picture N is shown ``repeats[N]`` times.

    A last batch of one picture is left out: batch statistics of a single value would be undefined.
    """
    order = rng.permutation(np.repeat(np.arange(len(repeats)), repeats))
    for begin in range(0, len(order), batch):
        indices = order[begin : begin + batch]
        if len(indices) == 1 and len(order) > 1:
            return
        yield indices


def batch_count(repeats: Sequence[int], *, batch: int) -> int:
    """Return the number of batches that :func:`batches_of` yields."""
    shown = sum(repeats)
    full, rest = divmod(shown, batch)
    return full + (rest > 1 or (rest == 1 and shown == 1))


def read_rgb(path: Path) -> Any:
    """Return a picture as (H, W, 3) uint8 RGB."""
    return cv2.cvtColor(read_bgr(path), cv2.COLOR_BGR2RGB)


def to_tensor(pixels: Any) -> torch.Tensor:
    """Return a picture as (3, H, W) float32, 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255
