"""Trains YOLOv8, YOLO11 and YOLO26 models with ultralytics; nothing is fetched.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_ultralytics`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from streamvision.checkpoints.torch_runtime import refuse_address
from streamvision.checkpoints.ultralytics import check_architecture, check_checkpoint
from streamvision.core.errors import ConfigError, ModelError, StreamVisionError
from streamvision.training.data import TrainingData
from streamvision.training.learning_rate import LrSweep
from streamvision.training.model_names import architectures, refusal_of_head, refuse_missing, refuse_own_run
from streamvision.training.precision import use_bf16
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.report import LAST_EPOCH, CurveFile
from streamvision.training.run_folder import RunFolder

_REFUSALS = (RuntimeError, ValueError, KeyError, TypeError, AssertionError, SyntaxError, IndexError, OSError)
"""What ultralytics raises at data sets, sizes and devices that it cannot use."""


QUERIES_HEAD = "RTDETRDecoder"
"""Last layer of RT-DETR, which has a trainer of its own."""
TASKS = ("detect", "segment", "pose", "obb", "semantic", "classify")
"""What networks of ultralytics are trained for here."""


@dataclass(frozen=True)
class Architecture:
    """What decides how a network of ultralytics is trained."""

    task: str
    """What it does, in ultralytics' words."""
    head: str
    """Class of its last layer."""

    @property
    def finds_by_queries(self) -> bool:
        """Whether it is RT-DETR, which matches boxes to queries and has a trainer of its own."""
        return self.head == QUERIES_HEAD


class UltralyticsRun:
    """One run of an ultralytics model, from the recipe or from its last checkpoint.

    Args:
        recipe: what to do.
        architecture: what the model is, as :func:`architecture_of` says it.
        laid_out: ``data.yaml`` in ultralytics' form, or a folder of classes for classifiers.
        data: what is learnt from.
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
        architecture: Architecture,
        laid_out: Path,
        data: TrainingData[Any],
        folder: RunFolder,
        progress: TrainingProgress,
        *,
        resume: bool,
        trusted: bool = False,
    ) -> None:
        self._recipe, self._folder, self._data = recipe, folder, data
        rows = CurveFile(folder.curves_csv).rows() if resume else []
        spent_s = rows[-1].get("time_s", 0.0) if rows else 0.0
        # Ultralytics writes to stdout, which belongs to --json.
        with contextlib.redirect_stdout(sys.stderr):
            from streamvision.training.ultralytics_trainer import CHOSEN_BY, make_trainer

            weights = str(folder.last) if resume else resolve_weights(recipe.model)
            self.beginning = _beginning(recipe) + (f", went on after epoch {len(rows)}" if resume else "")
            self.task = architecture.task
            """What the model will do."""
            if resume:
                _check_resumed(folder, trusted=trusted)
            elif recipe.weights:
                read_network(recipe.weights, trusted=trusted)
            overrides = hyperparameters(recipe) | {
                "task": self.task,
                "model": weights,
                "pretrained": str(recipe.weights) if recipe.weights and not resume else True,
                "data": str(laid_out),
                "save_dir": str(folder.root),
                "resume": str(folder.last) if resume else False,
            }
            self.figure = LAST_EPOCH if data.unproven else CHOSEN_BY.get(self.task, "map50_95")
            """The figure by which the best epoch is chosen; larger is better."""
            with self._refusals():
                self._trainer = make_trainer(
                    recipe,
                    folder,
                    progress,
                    task=self.task,
                    figure=self.figure,
                    queries=architecture.finds_by_queries,
                    overrides=overrides,
                    bf16=use_bf16(recipe.precision, overrides["device"]),
                    spent_before_s=spent_s,
                )

    def train(self) -> None:
        """Train to the end of the recipe, or until nothing gets better."""
        with contextlib.redirect_stdout(sys.stderr), self._refusals():
            self._trainer.train()
        self.beginning += f" ({self._trainer.fit})" if self._trainer.fit else ""

    def data(self) -> TrainingData[Any]:
        """Return what is learnt from."""
        return self._data

    def idle(self) -> tuple[str, ...]:
        """Return no tensor: before each epoch ultralytics' loop lets learn what the recipe does not freeze."""
        return ()

    def find_lr(self) -> LrSweep:
        """Raise the learning rate step by step and watch the loss."""
        with contextlib.redirect_stdout(sys.stderr), self._refusals():
            sweep: LrSweep = self._trainer.find_lr()
        return sweep

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn what ultralytics says before the first epoch is over into a sentence; later it is a fault."""
        try:
            yield
        except StreamVisionError:
            raise
        except _REFUSALS as error:
            if self._folder.last.exists():
                raise
            cause = " ".join(str(error).split())
            raise ConfigError(
                f"ultralytics cannot train {self._recipe.model} on {self._recipe.data} with these settings: {cause}"
            ) from error


def _beginning(recipe: Recipe) -> str:
    """Return what a run began from, in words."""
    name = Path(recipe.model).name
    if recipe.weights:
        return f"began from {recipe.weights.name} as {name}"
    return f"began from {name}" if not name.endswith((".yaml", ".yml")) else f"began from nothing as {name}"


def architecture_of(weights: str, *, trusted: bool = False) -> Architecture:
    """Return what weights, or an architecture by its name, are.

    Raises:
        ConfigError: when they are not trained here, saying what is.
        ModelError: when they are a checkpoint that is none or is not trusted, or an architecture of other things than
            layers.
    """
    found = _of_checkpoint(Path(weights), trusted=trusted) if weights.endswith(".pt") else _of_yaml(weights)
    why = refusal_of_head(found.head)
    if why is None and found.task not in TASKS:
        why = f"it is for {found.task!r}; give one for {', '.join(TASKS)}"
    if why is not None:
        raise ConfigError(f"{weights} is not trained here: {why}")
    return found


def _of_checkpoint(weights: Path, *, trusted: bool) -> Architecture:
    if own := refuse_own_run(weights, trusted=trusted):
        raise own
    network = read_network(weights, trusted=trusted)
    return Architecture(str(getattr(network, "task", "detect")), type(network.model[-1]).__name__)


def _of_yaml(name: str) -> Architecture:
    from ultralytics.nn.tasks import guess_model_task, yaml_model_load

    check_architecture(Path(name))
    try:
        document = yaml_model_load(name)
        head = str(document["head"][-1][2])
        return Architecture("detect" if head == QUERIES_HEAD else str(guess_model_task(document)), head)
    except Exception as error:  # whatever the file's content leads to
        raise ConfigError(
            f"{name} is not an architecture that ultralytics can build ({str(error).splitlines()[0]}); give one such "
            "as yolo11n.yaml"
        ) from error


def resolve_weights(model: str) -> str:
    """Return the weights file, or the architecture (``NAME.yaml``) to begin from nothing.

    A name without an ending stands for the file NAME.pt in the present folder.

    Raises:
        ConfigError: when there is no such file or architecture, saying what there is.
    """
    refuse_address(model)
    path = Path(model).expanduser()
    if path.suffix in {".yaml", ".yml"} and (path.is_file() or path.stem in architectures()):
        return model
    if path.suffix == "":
        path = path.with_suffix(".pt")
    if path.suffix == ".pt" and path.is_file():
        return str(path.resolve())
    raise refuse_missing(model)


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
        "dropout": recipe.dropout or 0.0,
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
