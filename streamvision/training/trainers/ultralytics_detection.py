"""Ultralytics' own detection trainer, with atomic checkpoints, thawing, and fast arithmetic on CPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils.torch_utils import unwrap_model

from streamvision.training.trainers.curves import CurveFile
from streamvision.training.trainers.recipe import Recipe
from streamvision.training.trainers.run_folder import RunFolder


class FullPrecisionLoss:
    """A criterion that computes in float32 whatever the network computed in.

    Box coordinates in bfloat16 would be rounded to a quarter of a grid cell.
    """

    def __init__(self, criterion: Any) -> None:
        self._criterion = criterion

    def __call__(self, predictions: Any, batch: Any) -> Any:
        """Return the criterion's result for float32 predictions."""
        with torch.autocast(batch["img"].device.type, enabled=False):
            return self._criterion(_to_float32(predictions), batch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._criterion, name)


def _to_float32(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: _to_float32(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_to_float32(item) for item in value)
    return value


def copy_class_rows(model: nn.Module, weights: nn.Module, source_of: Mapping[str, str]) -> int:
    """Begin classes from the detectors of other classes: copy their rows of the last convolutions.

    Only the classification branches (``cv3``, and ``one2one_cv3`` of models without NMS) have rows per class. Returns
    the number of rows copied.
    """
    head, source_head = model.model[-1], weights.model[-1]  # type: ignore[index,union-attr]
    source_ids = {name: index for index, name in weights.names.items()}  # type: ignore[union-attr,operator]
    copied = 0
    for branch in ("cv3", "one2one_cv3"):
        ours, theirs = getattr(head, branch, None), getattr(source_head, branch, None)
        if ours is None or theirs is None:
            continue
        for own, other in zip(ours, theirs, strict=True):
            if own[-1].in_channels != other[-1].in_channels:
                continue
            with torch.no_grad():
                for index, name in model.names.items():  # type: ignore[union-attr,operator]
                    if name in source_of:
                        row = source_ids[source_of[name]]
                        own[-1].weight[index] = other[-1].weight[row].float()
                        own[-1].bias[index] = other[-1].bias[row].float()
                        copied += 1
    return copied


class StreamVisionDetectionTrainer(DetectionTrainer):  # type: ignore[misc]  # ultralytics has no types
    """The trainer of a :class:`Recipe`; made with :func:`make_trainer`."""

    recipe: Recipe
    folder: RunFolder
    bf16: bool

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """Build the network; classes begin from the detectors that the recipe names."""
        model = super().get_model(cfg=cfg, weights=weights, verbose=verbose)
        if weights is not None and self.recipe.init_classes and not self.resume:
            model.names = self.data["names"]
            copy_class_rows(model, weights, self.recipe.init_classes)
        return model

    def _setup_train(self) -> None:
        super()._setup_train()
        model = unwrap_model(self.model)
        if self.bf16 and self.device.type == "cpu":
            self.amp = True  # autocast on a CPU computes in bfloat16
            self.model.to(memory_format=torch.channels_last)
        model.criterion = FullPrecisionLoss(getattr(model, "criterion", None) or model.init_criterion())

    def _setup_scheduler(self) -> None:
        """Fit the schedule to the epochs that the time allows; never more than the recipe's."""
        self.epochs = self.args.epochs = min(self.epochs, self.recipe.epochs)
        self.args.close_mosaic = round(self.epochs * self.recipe.augmentation().mosaic_off_share)
        super()._setup_scheduler()

    def preprocess_batch(self, batch: Any) -> Any:
        """Scale the pictures; on CPUs also in the order of bytes that bfloat16 kernels want."""
        batch = super().preprocess_batch(batch)
        if self.bf16 and self.device.type == "cpu":
            batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        return batch

    def _model_train(self) -> None:
        """Thaw the frozen layers when their epoch has come; then as ever."""
        thaw_at = self.recipe.unfreeze_at
        if thaw_at is not None and self.epoch + 1 >= thaw_at and len(self.freeze_layer_names) > 1:
            self.freeze_layer_names = [".dfl"]
            for name, parameter in unwrap_model(self.model).named_parameters():
                if ".dfl" not in name:
                    parameter.requires_grad_(True)
        super()._model_train()

    def save_model(self) -> bool:
        """Write the checkpoints so that a kill leaves the old or the new one, whole."""
        last, best = self.last, self.best
        self.last, self.best = (path.with_name(f".{path.name}.partial") for path in (last, best))
        try:
            saved = bool(super().save_model())
            for partial, path in ((self.last, last), (self.best, best)):
                if partial.exists():
                    os.replace(partial, path)
        finally:
            self.last, self.best = last, best
        return saved

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Write one epoch's line of the curves."""
        CurveFile(self.folder.curves_csv).append(self.epoch + 1, self.curve_row(metrics))

    def curve_row(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Return the figures of an epoch under the names that every trainer uses."""
        row = {key.replace("train/", "train_loss_"): float(v) for key, v in metrics.items() if key.startswith("train/")}
        row |= {key.replace("val/", "val_loss_"): float(v) for key, v in metrics.items() if key.startswith("val/")}
        row["precision"] = float(metrics.get("metrics/precision(B)", 0))
        row["recall"] = float(metrics.get("metrics/recall(B)", 0))
        row["map50"] = float(metrics.get("metrics/mAP50(B)", 0))
        row["map50_95"] = float(metrics.get("metrics/mAP50-95(B)", 0))
        row["lr"] = float(metrics.get("lr/pg0", 0))
        return row

    def plot_metrics(self) -> None:
        """Draw the curves."""
        CurveFile(self.folder.curves_csv).draw(self.folder.curves_png)

    def read_results_csv(self) -> dict[str, Any]:
        """Return nothing: the curves live in the run folder, not in the checkpoint."""
        return {}


def make_trainer(recipe: Recipe, folder: RunFolder, *, overrides: dict[str, Any], bf16: bool) -> Any:
    """Return a trainer whose ``train()`` trains."""
    kind = type("StreamVisionDetectionTrainer", (StreamVisionDetectionTrainer,), {})
    kind.recipe, kind.folder, kind.bf16 = recipe, folder, bf16  # type: ignore[attr-defined]
    return kind(overrides=deepcopy(overrides))
