"""Trains torchvision's classifiers, from nothing or from weights that know other classes (transfer learning)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.checkpoints.torchvision import TorchvisionSource
from streamvision.checkpoints.torchvision_build import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    as_classifier,
    class_tensors,
    create,
)
from streamvision.core.config.model import ModelConfig
from streamvision.datasets.dataset import NamedPicture, NamedPictures
from streamvision.evaluation.classes import TOP, measure_classes
from streamvision.inference.model import Model
from streamvision.training.picture_data import PictureData
from streamvision.training.precision import use_bf16
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.starting_weights import begin_from, flattened
from streamvision.training.torch_run import TorchRun

LEAST_MOMENTUM = 0.1
"""Share of a batch in the running statistics, torch's own default."""


class ClassifyRun(TorchRun):
    """One run of a classifier; see :class:`TorchRun`. ``freeze`` counts all its layers but the one with the classes."""

    task = "classify"
    figure = "top1"

    def __init__(
        self,
        recipe: Recipe,
        data: PictureData[NamedPicture],
        folder: RunFolder,
        progress: TrainingProgress,
        *,
        resume: bool,
    ) -> None:
        import_torch()
        from streamvision.training.class_batches import NamedSamples

        self._data = data
        self._samples = NamedSamples(data.train, side_px=recipe.imgsz)
        super().__init__(recipe, data.names, data.repeats, folder, progress, resume=resume)
        self._bf16 = use_bf16(recipe.precision, self._device.type)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        import torch

        network = create(self._recipe.model, classes=len(self._names))
        beginning = begin_from(network, weights)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d) and module.momentum is not None:
                # MobileNet and others keep 99 % of their statistics a step: after a short run they would still be those
                # of its beginning.
                module.momentum = max(module.momentum, LEAST_MOMENTUM)
        own = class_tensors(self._recipe.model)
        self._backbone = [
            block
            for name, block in flattened(network)
            if not any(f"{name}.{key}" in own for key, _ in block.named_parameters())
        ]
        return network.to(memory_format=torch.channels_last), beginning

    def _blocks(self) -> list[Any]:
        return self._backbone

    def _batches(self, epoch: int, *, mixing: bool) -> Iterator[Any]:
        from streamvision.training.class_batches import class_batches

        return class_batches(
            self._samples,
            self._data.repeats,
            batch=self._recipe.batch,
            side_px=self._recipe.imgsz,
            settings=self._recipe.augmentation(),
            seed=self._recipe.seed,
            epoch=epoch,
        )

    def _loss(self, batch: Any) -> Any:
        import torch

        pictures, classes = (tensor.to(self._device) for tensor in batch)
        mean, std = (torch.tensor(each, device=self._device)[:, None, None] for each in (IMAGENET_MEAN, IMAGENET_STD))
        pictures = ((pictures - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            found = self._model(pictures)
        # Inception and GoogLeNet give more than logits in training.
        logits = getattr(found, "logits", found).float()
        return torch.nn.functional.cross_entropy(logits, classes, label_smoothing=self._recipe.label_smoothing)

    def _validate(self) -> dict[str, float]:
        built = as_classifier(
            self._recipe.model,
            self._model,
            names=self._names,
            side_px=self._recipe.imgsz,
            beginning=self.beginning,
        )
        source = TorchvisionSource(built, path=self._folder.last)
        backend = source.backend(size_px=(built.side_px, built.side_px), device=str(self._device))
        # Measured as the finished file will be, by the runtime's own way from the picture to the class.
        with Model(backend, source.card, ModelConfig(path=self._folder.last)) as detector:
            result = measure_classes(detector, NamedPictures(self._names, self._data.val))
        return {"top1": result.top(1) or 0.0, f"top{TOP}": result.top(TOP) or 0.0}
