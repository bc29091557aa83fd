"""Trains torchvision's Mask R-CNN (He, Gkioxari, Dollár and Girshick, ICCV 2017): boxes with masks. Nothing is fetched.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError
from streamvision.core.masks import decode_rle
from streamvision.datasets.class_labels import UNKNOWN
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage
from streamvision.evaluation.evaluate import evaluate_shapes
from streamvision.training.augment import LEAST_SIDE_PX, Sample, augment_centre, fit
from streamvision.training.batches import DetectionSamples, read_rgb, to_tensor
from streamvision.training.recipe import Augmentation
from streamvision.training.torchvision_run import DetectorRun

MOST_OBJECTS = UNKNOWN
"""Objects of a picture that are learnt, the largest."""
_SHIFT = 4
"""Bits behind the point of the corners that OpenCV fills."""


class MaskSamples(DetectionSamples):
    """Pictures with masks, their longer side scaled.

    A pixel belongs to one object, the smallest of those that are marked there. A batch is that of
    :class:`DetectionSamples`, with boxes around what is seen of each mask; targets have ``masks`` (N, H, W) uint8 too.
    """

    def __init__(self, images: Sequence[LabelledImage], *, side_px: int) -> None:
        super().__init__(images, side_px=side_px)
        self._classes: dict[int, list[int]] = {}
        """By picture the class of each object, in the order of their numbers on its map."""

    def _load(self, index: int) -> Sample:
        image = self._images[index]
        sample = fit(Sample(read_rgb(image.path)), side_px=self._side_px)
        height, width = sample.image.shape[:2]
        numbers = np.full((height, width), UNKNOWN, np.uint8)
        masks = ((box.class_id, mask_of(box, image, width, height)) for box in image.boxes if not box.ignore)
        # A crowd of thousands would take gigabytes all at once.
        marked = heapq.nlargest(MOST_OBJECTS, masks, key=lambda one: int(one[1].sum()))
        for number, (_, mask) in enumerate(marked):
            numbers[mask] = number
        self._classes[index] = [class_id for class_id, _ in marked]
        return Sample(sample.image, class_map=numbers)

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        sample = self.load(index)
        height, width = sample.image.shape[:2]
        return augment_centre(sample, (width, height), settings, rng)

    def _collate(self, indices: NDArray[np.intp], samples: list[Sample]) -> Any:
        targets = [self._seen(int(index), sample) for index, sample in zip(indices, samples, strict=True)]
        return [to_tensor(sample.image) for sample in samples], targets

    def _seen(self, index: int, sample: Sample) -> dict[str, torch.Tensor]:
        """Return what is left of the objects of a picture after augmentation."""
        assert sample.class_map is not None
        height, width = sample.class_map.shape
        classes = self._classes[index]
        boxes, labels, masks = [], [], []
        for number in np.unique(sample.class_map[sample.class_map != UNKNOWN]).tolist():
            mask = sample.class_map == number
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            if min(box[2] - box[0], box[3] - box[1]) >= LEAST_SIDE_PX:
                boxes.append(box)
                labels.append(classes[number] + 1)
                masks.append(mask)
        return {
            "boxes": torch.tensor(np.array(boxes, np.float32).reshape(-1, 4)),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "masks": torch.tensor(np.array(masks, np.uint8).reshape(-1, height, width)),
        }


class MaskRun(DetectorRun):
    """One run of Mask R-CNN. ``freeze`` counts its backbone's blocks."""

    task = "segment"
    figure = "map50_95_mask"

    def _read_samples(self) -> MaskSamples:
        return MaskSamples(self._data.train, side_px=self._recipe.imgsz)

    def _validate(self) -> dict[str, float]:
        with self._as_detector() as detector:
            result = evaluate_shapes("segment", detector, Dataset(self._data.names, self._data.val))
        return {
            "map50": result.box_figures.map50,
            "map50_95": result.box_figures.map50_95,
            "map50_mask": result.figures.map50,
            "map50_95_mask": result.figures.map50_95,
        }


def mask_of(box: LabelledBox, image: LabelledImage, width: int, height: int) -> NDArray[np.bool_]:
    """Return (height, width) the mask of a marked object in the picture scaled to this size.

    Raises:
        ConfigError: when its run lengths are not those of the picture.
    """
    shape = box.shape
    bits = np.zeros((height, width), np.uint8)
    if shape is None:
        return bits > 0
    if shape.rle_counts is not None and not shape.polygons_px:
        try:
            full = decode_rle(shape.rle_counts, width_px=image.width_px, height_px=image.height_px)
        except ValueError as error:
            raise ConfigError(f"{image.path} is marked by run lengths, but {error}; mark it anew") from error
        resized = cv2.resize(full.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(resized) >= 128
    scale = np.array([width / image.width_px, height / image.height_px])
    # Corners lie between pixels, and OpenCV's in their middles.
    rings = [np.asarray(polygon, np.float64).reshape(-1, 2) * scale - 0.5 for polygon in shape.polygons_px]
    cv2.fillPoly(bits, [np.rint(ring * (1 << _SHIFT)).astype(np.int32) for ring in rings], (1,), shift=_SHIFT)
    return bits > 0
