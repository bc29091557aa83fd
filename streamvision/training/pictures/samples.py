"""Batches of what a network is given and what it is to make of it.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.core.errors import SourceError
from streamvision.datasets.dataset import PairedPicture
from streamvision.datasets.picture_files import BrokenPictureError, read_picture
from streamvision.evaluation.picture_pairs import made_worse, whole_cells
from streamvision.training.augment import Sample, colour
from streamvision.training.batches import CACHED_PICTURES, Samples, read_rgb, to_tensor
from streamvision.training.recipe import Augmentation

U8 = NDArray[np.uint8]
CACHED_BYTES = 1 << 29
"""Of decoded pictures that are kept."""
_BYTES_A_PIXEL = 3


@dataclass(frozen=True, eq=False)
class PairSample(Sample):
    """A picture, and what it is to become."""

    target: U8 | None = None
    """(scale * H, scale * W, 3) RGB; ``None`` before a single picture has been made worse."""


class PairSamples(Samples[PairedPicture]):
    """Random parts of pictures, flipped and coloured alike on both sides; a batch is two (N, 3, H, W) of 0..1.

    Pictures are not scaled, as noise and sharpness would change with them; those that are too small are mirrored at
    their edges. Of those that are made worse, each part has noise of its own, of any strength up to the picture's.

    Args:
        images: the pictures.
        side_px: side of the parts that the network is to make.
        scale: how many times larger it makes what it is given.
    """

    def __init__(self, images: Sequence[PairedPicture], *, side_px: int, scale: int) -> None:
        super().__init__(images, side_px=side_px - side_px % scale)
        self._scale = scale
        own_px = self._side_px // scale
        self.size_px = own_px, own_px
        largest = max((_pixels(image) for image in images), default=1) * _BYTES_A_PIXEL
        self.load = lru_cache(maxsize=min(max(CACHED_BYTES // largest, 1), CACHED_PICTURES))(self._load)

    def _load(self, index: int) -> Sample:
        image = self._images[index]
        target = None if image.target_path is None else read_rgb(image.target_path)
        return PairSample(read_rgb(image.path), target=target)

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        sample, image = self.load(index), self._images[index]
        assert isinstance(sample, PairSample)
        if sample.target is None:
            (target,) = _cut([sample.image], [self._side_px], rng)
            target = _flipped(colour(target, settings, rng), settings, rng)
            noise = image.noise * float(rng.random())
            target = whole_cells(target, image.shrink)
            return PairSample(made_worse(target, noise=noise, shrink=image.shrink, rng=rng), target=target)
        sides = [self._side_px // self._scale, self._side_px]
        pair = np.random.default_rng(int(rng.integers(1 << 63)))
        given, target = _cut([sample.image, sample.target], sides, pair)
        if rng.random() < settings.flip:
            given, target = (np.ascontiguousarray(pixels[:, ::-1]) for pixels in (given, target))
        return PairSample(given, target=target)

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        pairs = [(sample.image, sample.target) for sample in samples if isinstance(sample, PairSample)]
        return tuple(torch.stack([to_tensor(pixels) for pixels in side]) for side in zip(*pairs, strict=True))


def _cut(pictures: list[U8], sides: list[int], rng: np.random.Generator) -> list[U8]:
    """Return the same random square of pictures that differ in size by whole factors; the first is the smallest."""
    height, width = (max(side, sides[0]) for side in pictures[0].shape[:2])
    top, left = (int(rng.integers(0, side - sides[0] + 1)) for side in (height, width))
    cut = []
    for pixels, side in zip(pictures, sides, strict=True):
        factor = side // sides[0]
        y, x = factor * top, factor * left
        padded = _at_least(pixels, side)
        cut.append(np.ascontiguousarray(padded[y : y + side, x : x + side]))
    return cut


def _at_least(pixels: U8, side_px: int) -> U8:
    """Return a picture that is mirrored at its right and lower edge where it is smaller than a square."""
    down, right = (max(side_px - side, 0) for side in pixels.shape[:2])
    if not (down or right):
        return pixels
    return np.asarray(cv2.copyMakeBorder(pixels, 0, down, 0, right, cv2.BORDER_REFLECT), np.uint8)


def _flipped(pixels: U8, settings: Augmentation, rng: np.random.Generator) -> U8:
    return np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < settings.flip else pixels


def _pixels(image: PairedPicture) -> int:
    """Return how many pixels both sides of a pair have."""
    total = 0
    for path in (image.path, image.target_path):
        if path is None:
            continue
        try:
            file = read_picture(path)
        except BrokenPictureError as error:
            raise SourceError(f"{path} {error}; take it out") from error
        total += file.width_px * file.height_px
    return total
