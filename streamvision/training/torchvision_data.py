"""Batches for torchvision's detectors; the same seed and epoch give the same batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from streamvision.datasets.dataset import LabelledImage
from streamvision.training.augment import Sample, augment, fit
from streamvision.training.order import batches_of
from streamvision.training.presets import Augmentation

CACHED_PICTURES = 2000
"""Decoded pictures that are kept; at 416 px about 700 MB."""


class Pictures:
    """Reads pictures once, scaled to the size that training wants."""

    def __init__(self, images: Sequence[LabelledImage], *, side_px: int) -> None:
        self._images = images
        self._side_px = side_px
        self.load = lru_cache(maxsize=CACHED_PICTURES)(self._load)

    def __len__(self) -> int:
        return len(self._images)

    def _load(self, index: int) -> Sample:
        image = self._images[index]
        boxes = [box for box in image.boxes if not box.ignore]
        return fit(
            Sample(
                read_rgb(image.path),
                np.array([box.box_xyxy_px for box in boxes], np.float32).reshape(-1, 4),
                np.array([box.class_id for box in boxes], np.int64),
            ),
            side_px=self._side_px,
        )


def read_rgb(path: Path) -> Any:
    """Return a picture as (H, W, 3) uint8 RGB."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise OSError(f"{path} could be read before, but cannot be now")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def to_tensor(pixels: Any) -> torch.Tensor:
    """Return a picture as (3, H, W) float32, 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255


def batches(
    pictures: Pictures,
    repeats: Sequence[int],
    *,
    batch: int,
    side_px: int,
    settings: Augmentation,
    mixing: bool,
    seed: int,
    epoch: int,
) -> Iterator[tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]]:
    """Yield one epoch of augmented pictures and targets; labels count from 1, as 0 is background."""
    rng = np.random.default_rng([seed, epoch])
    for indices in batches_of(repeats, batch=batch, rng=rng):
        samples = [
            augment(
                int(index),
                pictures.load,
                count=len(pictures),
                side_px=side_px,
                settings=settings,
                mixing=mixing,
                rng=rng,
            )
            for index in indices
        ]
        yield (
            [to_tensor(sample.image) for sample in samples],
            [
                {"boxes": torch.from_numpy(sample.box_xyxy_px), "labels": torch.from_numpy(sample.class_id + 1)}
                for sample in samples
            ],
        )
