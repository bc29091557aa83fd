"""Trains YOLOv8, YOLO11 and YOLO26 models with ultralytics; nothing is fetched.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_ultralytics`.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import torch

from streamvision.checkpoints.ultralytics import check_architecture, check_checkpoint
from streamvision.core.errors import ConfigError, ModelError
from streamvision.training.learning_rate import LrSweep
from streamvision.training.recipe import Recipe
from streamvision.training.report import CurveFile, TrainingProgress
from streamvision.training.run_folder import RunFolder
from streamvision.training.torch_run import use_bf16

RELEASES = "https://github.com/ultralytics/assets/releases"


class UltralyticsRun:
    """One run of an ultralytics model, from the recipe or from its last checkpoint.

    Args:
        recipe: what to do.
        data: ``data.yaml`` in ultralytics' form, or a folder of classes for classifiers.
        folder: where everything goes.
        progress: shows how far the run is.
        resume: whether to go on from ``weights/last.pt``.
        trusted: whether checkpoints may run their author's code.

    Raises:
        ConfigError: when there are no weights, or they are for a task that is not supported.
        ModelError: when a checkpoint is none, or is not trusted.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Path,
        folder: RunFolder,
        progress: TrainingProgress,
        *,
        resume: bool,
        trusted: bool = False,
    ) -> None:
        rows = CurveFile(folder.curves_csv).rows() if resume else []
        spent_s = rows[-1].get("time_s", 0.0) if rows else 0.0
        # Ultralytics writes to stdout, which belongs to --json.
        with contextlib.redirect_stdout(sys.stderr):
            from streamvision.training.ultralytics_trainer import make_trainer

            weights = str(folder.last) if resume else resolve_weights(recipe.model)
            self.beginning = f"went on after epoch {len(rows)}" if resume else f"began from {Path(weights).name}"
            self.task = model_task(weights, trusted=trusted)
            """What the model will do."""
            if resume:
                _check_resumed(folder, trusted=trusted)
            elif recipe.weights:
                read_network(recipe.weights, trusted=trusted)
            overrides = hyperparameters(recipe) | {
                "task": self.task,
                "model": weights,
                "pretrained": str(recipe.weights) if recipe.weights and not resume else True,
                "data": str(data),
                "save_dir": str(folder.root),
                "resume": str(folder.last) if resume else False,
            }
            self._trainer = make_trainer(
                recipe,
                folder,
                progress,
                task=self.task,
                overrides=overrides,
                bf16=use_bf16(recipe.precision, overrides["device"]),
                spent_before_s=spent_s,
            )

    @property
    def figure(self) -> str:
        """The figure by which the best epoch is chosen; larger is better."""
        return "top1" if self.task == "classify" else "map50_95"

    def train(self) -> None:
        """Train to the end of the recipe, or until nothing gets better."""
        with contextlib.redirect_stdout(sys.stderr):
            self._trainer.train()
        self.beginning += f" ({self._trainer.fit})" if self._trainer.fit else ""

    def find_lr(self) -> LrSweep:
        """Raise the learning rate step by step and watch the loss."""
        with contextlib.redirect_stdout(sys.stderr):
            sweep: LrSweep = self._trainer.find_lr()
        return sweep


def model_task(weights: str, *, trusted: bool = False) -> str:
    """Return what weights, or an architecture by its name, are for: detect, segment, pose, classify or another.

    Raises:
        ModelError: when they are a checkpoint that is none or is not trusted, or an architecture of other things than
            layers.
    """
    if weights.endswith(".pt"):
        return str(getattr(read_network(Path(weights), trusted=trusted), "task", "detect"))
    from ultralytics.nn.tasks import guess_model_task

    check_architecture(Path(weights))
    return str(guess_model_task(weights))


def resolve_weights(model: str) -> str:
    """Return the weights file, or the architecture (``NAME.yaml``) to begin from nothing.

    A name without an ending stands for the file NAME.pt in the present folder.

    Raises:
        ConfigError: when there is no such file, saying where to put it.
    """
    path = Path(model).expanduser()
    if path.suffix in {".yaml", ".yml"}:
        return model
    if path.suffix == "":
        path = path.with_suffix(".pt")
    if path.is_file():
        return str(path.resolve())
    raise ConfigError(
        f"there are no weights at {path}, and nothing is downloaded unasked: put the file there (ultralytics' own are "
        f"at {RELEASES}), give another with --model, or begin from nothing with --model {path.stem}.yaml"
    )


def read_network(path: Path, *, trusted: bool) -> Any:
    """Return the network of a checkpoint that ultralytics may train on.

    Raises:
        ModelError: when the file is not one, or is not trusted.
    """
    from ultralytics.nn.tasks import load_checkpoint

    check_checkpoint(path, trusted=trusted, rebuilt=True)
    try:
        return load_checkpoint(str(path))[0]
    except Exception as error:  # ultralytics raises whatever the file's content leads to
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"{path} is not a checkpoint that ultralytics can load ({first}); give another") from error


def _check_resumed(folder: RunFolder, *, trusted: bool) -> None:
    """Refuse a run folder whose files ultralytics would read, or have others read, unseen."""
    stored = check_checkpoint(folder.last, trusted=trusted, rebuilt=True)
    settings = stored.get("train_args")
    if isinstance(settings, dict) and settings.get("distill_model") and not trusted:
        raise ModelError(f"{folder.last} learns from another model, which no run of ours does; start a new run")
    if folder.best.exists():
        check_checkpoint(folder.best, trusted=trusted)


def hyperparameters(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe under ultralytics' names."""
    augmentation, cuda = recipe.augmentation(), bool(torch.cuda.is_available())
    return {
        "epochs": recipe.epochs,
        "imgsz": recipe.imgsz,
        "batch": recipe.batch,
        "nbs": recipe.batch,
        "freeze": recipe.freeze or None,
        "optimizer": "AdamW",
        "lr0": recipe.lr,
        "lrf": recipe.final_lr,
        "momentum": 0.9,
        "cos_lr": True,
        "weight_decay": recipe.weight_decay,
        "warmup_epochs": recipe.warmup,
        "warmup_bias_lr": 0.0,
        "patience": recipe.patience,
        "seed": recipe.seed,
        "device": recipe.device if recipe.device != "auto" else "0" if cuda else "cpu",
        "workers": 0,
        "cache": "ram",
        "exist_ok": True,
        "plots": False,
        # Its mixed precision is checked with a model from the network; ours (bf16) needs no check.
        "amp": "bf16" if recipe.precision == "bf16" and cuda else False,
        "cls_pw": 0.5 if recipe.balance == "class-weights" else 0.0,
        "mosaic": augmentation.mosaic,
        "close_mosaic": round(recipe.epochs * augmentation.mosaic_off_share),
        "mixup": augmentation.mixup,
        "cutmix": augmentation.cutmix,
        "fliplr": augmentation.flip,
        "hsv_h": augmentation.hue,
        "hsv_s": augmentation.saturation,
        "hsv_v": augmentation.brightness,
        "degrees": augmentation.rotate_deg,
        "translate": augmentation.translate,
        "scale": augmentation.scale,
        "perspective": augmentation.perspective,
        # For classifiers, whose pictures have no boxes to spoil, the original operations.
        "auto_augment": "randaugment" if augmentation.rand_augment else None,
        "erasing": 0.0,
    }
