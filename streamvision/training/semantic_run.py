"""Trains networks to give the class of every pixel.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from streamvision.checkpoints.scene_networks import check_size, logits_of, scene_network
from streamvision.checkpoints.scenes import SceneSource
from streamvision.datasets.class_labels import UNKNOWN
from streamvision.datasets.dataset import MappedPictures
from streamvision.evaluation.semantic import evaluate_semantic
from streamvision.training.batches import RegionSamples
from streamvision.training.torch_run import TorchRun, flattened, forget_statistics_soon


class SemanticRun(TorchRun):
    """One run of a network for scenes. ``freeze`` counts its layers down, those of its encoder where it has one."""

    task = "semantic"
    figure = "mean_iou"

    def _read_samples(self) -> RegionSamples:
        self._described = scene_network(self._recipe.model)
        return RegionSamples(self._data.train, side_px=self._recipe.imgsz, stride_px=self._described.stride_px)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        check_size(self._recipe.model, self._samples.size_px)
        network = self._described.create(len(self._data.names))
        beginning = self._begin(network, weights, head=self._described.class_tensors(), part=self._described.encoder)
        forget_statistics_soon(network)
        if self._described.mean is not None and self._described.std is not None:
            self._mean, self._std = (
                torch.tensor(each, device=self._device)[:, None, None]
                for each in (self._described.mean, self._described.std)
            )
        # A CPU convolves twice as fast in this order of bytes.
        return network.to(memory_format=torch.channels_last), beginning

    def _blocks(self) -> list[Any]:
        if self._described.encoder is None:
            return list(self._model.down)
        return [block for _, block in flattened(getattr(self._model, self._described.encoder))]

    def _loss(self, batch: Any) -> Any:
        pictures, classes = (tensor.to(self._device) for tensor in batch)
        if self._described.mean is not None:
            pictures = (pictures - self._mean) / self._std
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            logits = logits_of(self._model(pictures.contiguous(memory_format=torch.channels_last)))
        logits = logits.float()
        cross_entropy = torch.nn.functional.cross_entropy(
            logits, classes, ignore_index=UNKNOWN, label_smoothing=self._recipe.label_smoothing
        )
        return cross_entropy + dice_loss(logits, classes)

    def _validate(self) -> dict[str, float]:
        source = SceneSource(
            self._described,
            self._model,
            path=self._folder.last,
            names=self._data.names,
            size_px=self._samples.size_px,
            beginning=self.beginning,
        )
        # Measured as the finished file will be, by the runtime's own way from the picture to the map.
        with self._as_file(source, dynamic_size=True) as detector:
            result = evaluate_semantic(detector, MappedPictures(self._data.names, self._data.val))
        return {"mean_iou": result.mean_iou or 0.0, "pixel_accuracy": result.pixel_accuracy}


def dice_loss(logits: Any, classes: Any) -> Any:
    """Return one less the mean overlap of what is marked and what is likely, over the classes that the batch shows.

    Small classes count as much as large ones (V-Net, Milletari, Navab and Ahmadi, 3DV 2016).

    Args:
        logits: (N, C, H, W) float32.
        classes: (N, H, W) int64; 255 counts neither way.
    """
    known = (classes != UNKNOWN).unsqueeze(1)
    likely = logits.softmax(dim=1) * known
    marked = torch.zeros_like(likely).scatter_(1, torch.where(known[:, 0], classes, 0).unsqueeze(1), 1.0) * known
    axes = (0, 2, 3)
    both, total, shown = (likely * marked).sum(axes), (likely + marked).sum(axes), marked.sum(axes) > 0
    overlap = (2 * both + 1) / (total + 1)
    return 1 - overlap[shown].mean() if bool(shown.any()) else logits.sum() * 0
