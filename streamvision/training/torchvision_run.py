"""Trains torchvision's detectors: the permissive path (BSD-3-Clause)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.detections import Detections
from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.predictions import Predictions
from streamvision.training.prepare import TrainingData
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.torch_run import TorchRun
from streamvision.training.torchvision_models import backbone_blocks, build


class TorchvisionRun(TorchRun):
    """One run of a torchvision detector; see :class:`TorchRun`."""

    task = "detect"
    figure = "map50_95"

    def __init__(
        self, recipe: Recipe, data: TrainingData, folder: RunFolder, progress: TrainingProgress, *, resume: bool
    ) -> None:
        import_torch()
        from streamvision.training.torchvision_data import Pictures

        self._data = data
        self._pictures = Pictures(data.train, side_px=recipe.imgsz)
        super().__init__(recipe, data.names, data.repeats, folder, progress, resume=resume)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        recipe = self._recipe
        return build(recipe.model, classes=len(self._data.names), side_px=recipe.imgsz, weights=weights)

    def _blocks(self) -> list[Any]:
        return backbone_blocks(self._model)

    def _batches(self, epoch: int, *, mixing: bool) -> Iterator[Any]:
        from streamvision.training.torchvision_data import batches

        return batches(
            self._pictures,
            self._data.repeats,
            batch=self._recipe.batch,
            side_px=self._recipe.imgsz,
            settings=self._recipe.augmentation(),
            mixing=mixing,
            seed=self._recipe.seed,
            epoch=epoch,
        )

    def _loss(self, batch: Any) -> Any:
        import torch

        pictures, targets = batch
        pictures = [picture.to(self._device) for picture in pictures]
        targets = [{key: value.to(self._device) for key, value in target.items()} for target in targets]
        # The loss is part of the network and computes as it does, so that bfloat16 must be asked for here.
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._recipe.precision == "bf16"):
            return sum(self._model(pictures, targets).values())

    def _validate(self) -> dict[str, float]:
        import torch

        from streamvision.training.torchvision_data import read_rgb, to_tensor

        self._model.eval()
        found = []
        with torch.inference_mode():
            for image in self._data.val:
                (result,) = self._model([to_tensor(read_rgb(image.path)).to(self._device)])
                found.append(
                    Detections(
                        result["boxes"].cpu().numpy().astype(np.float32),
                        result["scores"].cpu().numpy().astype(np.float32),
                        (result["labels"].cpu().numpy() - 1).astype(np.int32),
                    )
                )
        figures = coco_figures(Predictions(self._data.names, self._data.val, tuple(found)))
        return {"map50": figures.map50, "map50_95": figures.map50_95}
