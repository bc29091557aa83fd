"""Trains a network that sees an object's crop and says how it stands in space.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from streamvision.checkpoints.deep3dbox import STRIDE_PX, Deep3dBox, Deep3dBoxSource
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import CuboidPicture, PictureSet
from streamvision.evaluation.cuboid import evaluate_cuboids
from streamvision.inference.heads.cuboid import COLUMNS
from streamvision.training.cuboid.loss import cuboid_loss
from streamvision.training.cuboid.samples import CuboidSamples
from streamvision.training.data import TrainingData
from streamvision.training.torch_run import TorchRun


class CuboidRun(TorchRun):
    """One run. ``freeze`` counts the convolutions' blocks."""

    task = "cuboid"
    figure = "iou_3d"

    def _read_samples(self) -> CuboidSamples:
        side_px = self._recipe.imgsz
        if side_px % STRIDE_PX:
            raise ConfigError(f"imgsz is {side_px}; {self._recipe.model} sees squares of a multiple of {STRIDE_PX} px")
        return CuboidSamples(self._data.train, side_px=side_px)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        network = Deep3dBox(_mean_sizes_m(self._data), side_px=self._recipe.imgsz)
        head = ("features.weight", "last.weight", "last.bias", "mean_log_m")
        beginning = self._begin(network, weights, head=head)
        # A CPU convolves twice as fast in this order of bytes.
        return network.to(memory_format=torch.channels_last), beginning

    def _blocks(self) -> list[Any]:
        return list(self._model.blocks)

    def _loss(self, batch: Any) -> Any:
        crops, targets, class_ids = (tensor.to(self._device) for tensor in batch)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            raw = self._model.raw(crops.contiguous(memory_format=torch.channels_last))
        raw = raw.float()
        named = functional.cross_entropy(raw[:, COLUMNS:], class_ids)
        return cuboid_loss(self._model.cuboids(raw), targets) + named

    def _validate(self) -> dict[str, float]:
        source = Deep3dBoxSource(
            self._model,
            path=self._folder.last,
            names=self._data.names,
            side_px=self._recipe.imgsz,
            beginning=self.beginning,
        )
        # Measured as the finished file will be, by the runtime's own way from the picture to the cuboid.
        with self._as_file(source, dynamic_batch=True) as model:
            result = evaluate_cuboids(model, PictureSet[CuboidPicture](self._data.names, self._data.val))
        return {
            "iou_3d": result.found.iou_3d,
            "iou_bev": result.found.iou_bev,
            "distance_error": result.found.distance_error,
            "yaw_error_deg": result.found.yaw_error_deg,
        }


def _mean_sizes_m(data: TrainingData[CuboidPicture]) -> list[list[float]]:
    """Return the geometric mean of the sizes of each class, and that of all for a class that nothing is learnt of."""
    log_m = np.log([image.objects[0].cuboid.size_lwh_m for image in data.train])
    class_ids = np.array([image.objects[0].class_id for image in data.train])
    of_class = [log_m[class_ids == number] for number in range(len(data.names))]
    return [np.exp((own if len(own) else log_m).mean(axis=0)).tolist() for own in of_class]
