"""Batches of crops with what they show of their cuboids.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.core.crops import crop_edges
from streamvision.core.cuboid import BoxedCuboid, Corners
from streamvision.datasets.dataset import CuboidPicture
from streamvision.evaluation.cuboid.evaluate import MARGIN
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard
from streamvision.training.augment import Sample, colour, flip
from streamvision.training.batches import Samples, read_rgb, to_tensor
from streamvision.training.recipe import Augmentation

_KEPT_MARGIN = 0.3
"""Of what is kept around a box, so that it can be moved."""
_KEPT_PICTURES = 10_000
_TARGETS = 7


@dataclass(frozen=True, eq=False)
class CuboidSample(Sample):
    """A crop in the network's size, and what it shows."""

    boxed: BoxedCuboid | None = None
    """What the network is to say."""


@dataclass(frozen=True, eq=False)
class _Surrounding(Sample):
    """An object with what is around it, and where that lies in the picture."""

    left_px: int = 0
    top_px: int = 0

    def flipped(self, picture_width_px: int) -> _Surrounding:
        """Return it as it is in the mirrored picture."""
        left_px = picture_width_px - self.left_px - self.image.shape[1]
        return _Surrounding(flip(Sample(self.image)).image, left_px=left_px, top_px=self.top_px)


def crop_box(box_xyxy_px: Corners, picture_px: tuple[int, int], margin: float = MARGIN) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of an object's crop, as secondary models are given it."""
    edges = crop_edges(np.array([box_xyxy_px], np.float32), picture_px=picture_px, margin=margin)
    left, top, right, bottom = edges[0].tolist()
    return left, top, max(right, left + 1), max(bottom, top + 1)


class CuboidSamples(Samples[CuboidPicture]):
    """Crops of single objects, letterboxed. Boxes are moved a little, as those of a detector are.

    A batch is (N, 3, S, S) float32 crops of 0..1, (N, 7) float32, which are the logarithms of length, width and height,
    the yaw against the ray, the logarithm of the distance's ratio, and the middle's place, and (N,) int64 class ids.
    """

    def __init__(self, images: Sequence[CuboidPicture], *, side_px: int) -> None:
        super().__init__(images, side_px=side_px)
        self._of_path: dict[Any, list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            self._of_path[image.path].append(index)
        self._cut = lru_cache(maxsize=_KEPT_PICTURES)(self._cut_all)

    def _load(self, index: int) -> Sample:
        return self._cut(self._images[index].path)[index]

    def _cut_all(self, path: Any) -> dict[int, _Surrounding]:
        picture = read_rgb(path)
        found = {}
        for index in self._of_path[path]:
            image = self._images[index]
            box, size = image.objects[0].box_xyxy_px, (image.width_px, image.height_px)
            left, top, right, bottom = crop_box(box, size, _KEPT_MARGIN)
            found[index] = _Surrounding(picture[top:bottom, left:right].copy(), left_px=left, top_px=top)
        return found

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        around, image = self.load(index), self._images[index]
        assert isinstance(around, _Surrounding)
        one = image.objects[0]
        box = _moved(one.box_xyxy_px, settings.translate, rng, (image.width_px, image.height_px))
        boxed = BoxedCuboid.of(one.cuboid, box, image.camera)
        if rng.random() < settings.flip:  # before it is cut: crops begin at even columns
            width_px = image.width_px
            around = around.flipped(width_px)
            box = width_px - box[2], box[1], width_px - box[0], box[3]
            mirrored = math.remainder(-boxed.alpha_rad, 2 * math.pi), (-boxed.offset[0], boxed.offset[1])
            boxed = BoxedCuboid(boxed.size_lwh_m, mirrored[0], boxed.depth_factor, mirrored[1], 0.0)
        left, top, right, bottom = crop_box(box, (image.width_px, image.height_px))
        height, width = around.image.shape[:2]
        rows = slice(min(max(top - around.top_px, 0), height - 1), max(bottom - around.top_px, 1))
        columns = slice(min(max(left - around.left_px, 0), width - 1), max(right - around.left_px, 1))
        crop = letterboxed(around.image[rows, columns], self._side_px)
        return CuboidSample(colour(crop, settings, rng), boxed=boxed)

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        targets = np.zeros((len(samples), _TARGETS), np.float32)
        for row, sample in zip(targets, samples, strict=True):
            assert isinstance(sample, CuboidSample) and sample.boxed is not None
            boxed = sample.boxed
            row[:3] = np.log(boxed.size_lwh_m)
            row[3:] = boxed.alpha_rad, math.log(max(boxed.depth_factor, 1e-3)), *boxed.offset
        class_ids = torch.tensor([self._images[int(index)].objects[0].class_id for index in indices])
        return torch.stack([to_tensor(sample.image) for sample in samples]), torch.from_numpy(targets), class_ids


def letterboxed(crop: Any, side_px: int) -> Any:
    """Return a crop in the middle of a grey square, as the runtime feeds it."""
    height, width = crop.shape[:2]
    place = Letterbox.fit(width, height, InputCard(width_px=side_px, height_px=side_px))
    canvas = np.full((side_px, side_px, 3), 114, np.uint8)
    size = place.content_width_px, place.content_height_px
    small = cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR)
    canvas[place.top_px : place.top_px + size[1], place.left_px : place.left_px + size[0]] = small
    return canvas


def _moved(box: Corners, reach: float, rng: np.random.Generator, picture_px: tuple[int, int]) -> Corners:
    """Move each side of a box by a share of its length at most."""
    if not reach:
        return box
    left, top, right, bottom = box
    sides = np.array([right - left, bottom - top] * 2)
    moved = np.array(box) + rng.uniform(-reach, reach, 4) * sides
    x0, y0, x1, y1 = np.clip(moved, 0, picture_px * 2).tolist()
    return (x0, y0, x1, y1) if x1 - x0 > 2 and y1 - y0 > 2 else box
