"""Trains torchvision's Keypoint R-CNN (He et al. 2017): boxes with keypoints. Nothing is fetched.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.checkpoints.torchvision_build import class_tensors
from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.datasets.keypoints import KeypointLayout
from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.inference.coco import COCO_KEYPOINTS, COCO_SIGMAS
from streamvision.training.augment import Sample, augment, fit
from streamvision.training.batches import DetectionSamples, read_rgb
from streamvision.training.recipe import Augmentation
from streamvision.training.torchvision_run import DetectorRun, build_detector

KEYPOINT_TENSORS = tuple(f"roi_heads.keypoint_predictor.kps_score_lowres.{key}" for key in ("weight", "bias"))
"""What grows with the number of keypoints."""


class KeypointSamples(DetectionSamples):
    """Pictures with boxes and keypoints, their longer side scaled.

    A batch is that of :class:`DetectionSamples`; targets have ``keypoints`` (N, K, 3) float32 too: x and y in pixels,
    and whether the keypoint is marked.
    """

    def __init__(self, images: Sequence[LabelledImage], layout: KeypointLayout, *, side_px: int) -> None:
        super().__init__(images, side_px=side_px)
        self._layout = layout

    def _load(self, index: int) -> Sample:
        image = self._images[index]
        boxes = [box for box in image.boxes if not box.ignore]
        sample = Sample(
            read_rgb(image.path),
            np.array([box.box_xyxy_px for box in boxes], np.float32).reshape(-1, 4),
            np.array([box.class_id for box in boxes], np.int64),
            keypoint_xyv=self._keypoints(boxes),
            mirrored=self._layout.mirrored,
        )
        return fit(sample, side_px=self._side_px)

    def _keypoints(self, boxes: Sequence[LabelledBox]) -> NDArray[np.float32]:
        points = np.zeros((len(boxes), len(self._layout.names), 3), np.float32)
        for row, box in zip(points, boxes, strict=True):
            if box.shape and box.shape.keypoints:
                row[:] = box.shape.keypoints
                row[:, 2] = row[:, 2] > 0
        return points

    def _augmented(self, index: int, settings: Augmentation, mixing: bool, rng: np.random.Generator) -> Sample:
        if self._layout.mirrored is None:
            settings = settings.model_copy(update={"flip": 0.0})
        count = len(self._images)
        return augment(index, self.load, count=count, side_px=self._side_px, settings=settings, mixing=False, rng=rng)

    def _target(self, sample: Sample) -> dict[str, torch.Tensor]:
        assert sample.keypoint_xyv is not None
        return super()._target(sample) | {"keypoints": torch.from_numpy(sample.keypoint_xyv)}


class KeypointRun(DetectorRun):
    """One run of Keypoint R-CNN. ``freeze`` counts its backbone's blocks."""

    task = "pose"
    figure = "map50_95_keypoints"

    @property
    def _layout(self) -> KeypointLayout:
        assert self._data.keypoints is not None
        return self._data.keypoints

    def _read_samples(self) -> KeypointSamples:
        return KeypointSamples(self._data.train, self._layout, side_px=self._recipe.imgsz)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        name, count = self._recipe.model, len(self._layout.names)
        classes, side_px = len(self._data.names), self._recipe.imgsz
        model = build_detector(name, classes=classes, side_px=side_px, num_keypoints=count)
        return model, self._begin(model, weights, head={*class_tensors(name), *KEYPOINT_TENSORS})

    def _about(self) -> dict[str, Any]:
        return {"keypoints": list(self._layout.names)}

    def _validate(self) -> dict[str, float]:
        count = len(self._layout.names)
        sigmas = COCO_SIGMAS if count == len(COCO_KEYPOINTS) else (1 / count,) * count
        predictions = self._predictions()
        boxes, points = coco_figures(predictions), coco_figures(predictions, by="keypoints", sigmas=sigmas)
        return {
            "map50": boxes.map50,
            "map50_95": boxes.map50_95,
            "map50_keypoints": points.map50,
            "map50_95_keypoints": points.map50_95,
        }

    def _keypoint_names(self) -> tuple[str, ...]:
        return tuple(self._layout.names)
