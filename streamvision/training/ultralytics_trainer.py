"""Ultralytics' own trainers with atomic checkpoints, thawing, our curves, and fast arithmetic on CPUs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from ultralytics.data import dataset
from ultralytics.models import yolo
from ultralytics.models.rtdetr.train import RTDETRTrainer
from ultralytics.utils.torch_utils import unwrap_model

from streamvision.core.errors import ConfigError
from streamvision.training.augment import rand_augment
from streamvision.training.class_loss import class_weights, mix_batch
from streamvision.training.figures import as_written
from streamvision.training.freezing import frozen_layers, thaw_sentence
from streamvision.training.learning_rate import LrSweep, cut_sentence, epochs_that_fit, sweep, warmup_epochs
from streamvision.training.overfitting import is_learnt
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.report import LAST_EPOCH, CurveFile
from streamvision.training.run_folder import RunFolder
from streamvision.training.ultralytics_losses import FullPrecisionLoss, WeightedClassLoss
from streamvision.training.weights_fit import fitting_tensors

BASES = {
    "detect": yolo.detect.DetectionTrainer,
    "segment": yolo.segment.SegmentationTrainer,
    "pose": yolo.pose.PoseTrainer,
    "obb": yolo.obb.OBBTrainer,
    "semantic": yolo.semantic.SemanticSegmentationTrainer,
    "classify": yolo.classify.ClassificationTrainer,
}
CHOSEN_BY = {
    "segment": "map50_95_mask",
    "pose": "map50_95_keypoints",
    "semantic": "mean_iou",
    "classify": "top1",
}
"""The figure by which the best epoch of a task is chosen; ``map50_95`` for the others."""

FIGURES = {"mAP50": "map50", "mAP50-95": "map50_95", "accuracy_top1": "top1", "accuracy_top5": "top5"} | {
    "mIoU": "mean_iou",
    "pixel_acc": "pixel_accuracy",
}
"""Ultralytics' names of figures -> ours."""


class RandAugmentTransform:
    """RandAugment in ultralytics' chain of transforms, where pictures are BGR."""

    def __init__(self, *, operations: int, seed: int) -> None:
        self._operations = operations
        self._rng = np.random.default_rng(seed)

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Change the picture; boxes stay where they are."""
        image = rand_augment(labels["img"][..., ::-1], operations=self._operations, rng=self._rng)
        labels["img"] = np.ascontiguousarray(image[..., ::-1])
        return labels


class TrainerMixin:
    """What a :class:`Recipe` adds to ultralytics' trainers; made with :func:`make_trainer`."""

    recipe: Recipe
    folder: RunFolder
    progress: TrainingProgress
    bf16: bool
    spent_before_s: float
    figure: str
    fit: str = ""
    """How many tensors of the weights fit, in words."""
    _begin_s: float
    _learnt: bool = False

    def get_model(self: Any, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """Build the network; classes begin from the detectors that the recipe names."""
        model = super().get_model(cfg=cfg, weights=weights, verbose=verbose)  # type: ignore[misc]
        if weights is not None and not self.resume:
            self.fit = weights_fit(model, weights, self.recipe)
        # The last layer always learns, as everywhere else.
        self.args.freeze = min(self.recipe.freeze, len(model.model) - 1) or None
        if weights is not None and not self.resume:
            model.names = self.data["names"]
            same = [name for name in weights.names.values() if name in model.names.values()]
            if self.recipe.init_classes or (same and _branch(model, "cv3") and _branch(weights, "cv3")):
                copy_class_rows(model, weights, dict(zip(same, same, strict=True)) | self.recipe.init_classes)
        return model

    def build_dataset(self: Any, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Build the pictures, with RandAugment where the recipe asks for it."""
        dataset = super().build_dataset(img_path, mode, batch)  # type: ignore[misc]
        if mode == "train":
            self._add_rand_augment(dataset)
        return dataset

    def _add_rand_augment(self, dataset: Any) -> None:
        operations = self.recipe.augmentation().rand_augment
        if operations and hasattr(dataset, "transforms") and hasattr(dataset.transforms, "insert"):
            last = len(dataset.transforms.transforms) - 1
            dataset.transforms.insert(last, RandAugmentTransform(operations=operations, seed=self.recipe.seed))

    def _close_dataloader_mosaic(self: Any) -> None:
        super()._close_dataloader_mosaic()  # type: ignore[misc]
        self._add_rand_augment(self.train_loader.dataset)

    def _setup_train(self: Any) -> None:
        super()._setup_train()  # type: ignore[misc]
        self._begin_s = time.monotonic()
        self._mixing_rng = np.random.default_rng([self.recipe.seed, self.start_epoch])
        if self.device.type == "cpu":
            # Ultralytics leaves one core free, which on two cores is half of the machine.
            torch.set_num_threads(self.recipe.threads or os.cpu_count() or 1)
        model: Any = unwrap_model(self.model)
        if self.bf16:
            self.amp = True  # autocast on a CPU computes in bfloat16
            self.model.to(memory_format=torch.channels_last)
            model.criterion = FullPrecisionLoss(getattr(model, "criterion", None) or model.init_criterion())

    def _get_warmup_iterations(self: Any, num_batches: int) -> int:
        """Return the steps in which the rate rises, as for every trainer; a single epoch would have none."""
        return round(warmup_epochs(self.recipe.warmup, epochs=self.epochs) * num_batches)

    def _fit_into_time(self: Any) -> None:
        """Set the number of epochs, and with it the schedule, by the time that epochs have taken."""
        epochs = epochs_that_fit(
            hours=self.recipe.hours, most=self.recipe.epochs, done=self.epoch + 1, spent_s=self._spent_s()
        )
        if epochs == self.epochs:
            return
        self.epochs = self.args.epochs = epochs
        self.args.close_mosaic = round(epochs * self.recipe.augmentation().mosaic_off_share)
        self._setup_scheduler()
        self.scheduler.last_epoch = self.epoch
        self.stop |= self.epoch + 1 >= epochs

    def _spent_s(self) -> float:
        spent_s: float = self.spent_before_s + time.monotonic() - self._begin_s
        return spent_s

    def preprocess_batch(self: Any, batch: Any) -> Any:
        """Scale the pictures; on CPUs also in the order of bytes that bfloat16 kernels want."""
        batch = super().preprocess_batch(batch)  # type: ignore[misc]
        if self.bf16:
            batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        return self._mixed(batch) if self.args.task == "classify" else batch

    def set_class_weights(self: Any) -> None:
        """Weigh the loss as the recipe says; ultralytics does so itself for all but classifiers."""
        super().set_class_weights()  # type: ignore[misc]
        if self.args.task == "classify" and self.recipe.balance == "class-weights":
            counts = np.bincount([sample[1] for sample in self.train_loader.dataset.samples], minlength=self.data["nc"])
            unwrap_model(self.model).criterion = WeightedClassLoss(torch.tensor(class_weights(counts.tolist())))

    def _mixed(self: Any, batch: Any) -> Any:
        """Blend the pictures of a classifier's batch, which ultralytics does for boxes only."""
        settings = self.recipe.augmentation()
        if self.epoch < self.epochs * (1 - settings.mosaic_off_share):
            batch["img"], batch["cls"] = mix_batch(
                batch["img"], batch["cls"], settings=settings, classes=self.data["nc"], rng=self._mixing_rng
            )
        return batch

    def _model_train(self: Any) -> None:
        """Thaw the frozen layers when their epoch has come; then as ever."""
        network = unwrap_model(self.model)
        frozen = frozen_layers(self.recipe, self.epoch + 1, blocks=len(network.model) - 1)
        self.freeze_layer_names = [*(f"model.{layer}." for layer in range(frozen)), ".dfl"]
        for name, parameter in network.named_parameters():
            held = any(part in name for part in self.freeze_layer_names)
            if parameter.dtype.is_floating_point:
                parameter.requires_grad_(not held)
        if sentence := thaw_sentence(self.recipe, self.epoch + 1, blocks=len(network.model) - 1):
            self.progress.say(sentence)
        super()._model_train()  # type: ignore[misc]

    def validate(self: Any) -> Any:
        """Measure the held-out pictures; the epoch's rank is the figure that is published for it."""
        best = self.best_fitness
        metrics, fitness = super().validate()  # type: ignore[misc]
        if metrics is not None:
            fitness = as_written((curve_row(metrics) | {LAST_EPOCH: self.epoch + 1})[self.figure])
            self.best_fitness = fitness if best is None or fitness > best else best
        return metrics, fitness

    def run_callbacks(self: Any, event: str) -> None:
        """Show where training is; then as ever."""
        if event == "on_train_epoch_start":
            self._step = 0
            self.progress.begin_epoch()
        elif event == "on_train_batch_end":
            self._step += 1
            steps = len(self.train_loader)
            loss = float(sum(self.tloss.values()))
            self.progress.step(
                epoch=self.epoch + 1,
                epochs=self.epochs,
                step=self._step,
                steps=steps,
                loss=loss,
                pictures=self.batch_size,
                rate=self.optimizer.param_groups[0]["lr"],
            )
            where = {"epoch": self.epoch + 1, "step": self._step, "steps": steps}
            if cut := cut_sentence(self.recipe.hours, spent_s=self._spent_s(), **where):
                self.progress.say(cut)
                self.stop = True
        elif event == "on_fit_epoch_end" and not self.stop:
            self._fit_into_time()
            self.stop |= self._learnt
        super().run_callbacks(event)  # type: ignore[misc]

    def save_model(self: Any) -> bool:
        """Write the checkpoints so that a kill leaves the old or the new one complete."""
        last, best = self.last, self.best
        self.last, self.best = (path.with_name(f".{path.name}.partial") for path in (last, best))
        try:
            saved = bool(super().save_model())  # type: ignore[misc]
            if not self._improved():  # ultralytics keeps the later of two equals
                self.best.unlink(missing_ok=True)
            # The best first: a kill between the two repeats the epoch instead of forgetting that it was the best.
            for partial, path in ((self.best, best), (self.last, last)):
                if partial.exists():
                    partial.replace(path)
        finally:
            self.last, self.best = last, best
        return saved

    def save_metrics(self: Any, metrics: dict[str, Any]) -> None:
        """Write one epoch's line of the curves, and show it."""
        row = curve_row(metrics) | {"time_s": self._spent_s()}
        CurveFile(self.folder.curves_csv).append(self.epoch + 1, row)
        self.progress.end_epoch(epoch=self.epoch + 1, epochs=self.epochs, figures=row, best=self._improved())
        self._learnt = bool(self.recipe.overfit) and is_learnt(row, self.recipe, classes=self.data["nc"])

    def _improved(self: Any) -> bool:
        best_epoch = int(CurveFile(self.folder.curves_csv).best(self.figure)["epoch"])
        return best_epoch == int(self.epoch) + 1

    def read_results_csv(self) -> dict[str, Any]:
        """Return nothing: the curves live in the run folder, not in the checkpoint."""
        return {}

    def find_lr(self: Any) -> LrSweep:
        """Raise the learning rate step by step and watch the loss; the weights are spent afterwards."""
        self._setup_train()
        self.epoch = 0
        self._model_train()

        def endless() -> Any:
            while True:
                yield from self.train_loader

        batches = endless()

        def step(rate: float) -> float:
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast(self.device.type, enabled=self.bf16):
                loss, _ = self.model(self.preprocess_batch(next(batches)))
            total = loss.sum()
            total.backward()
            self.optimizer_step()
            per_picture: float = float(total.detach()) / self.batch_size
            return per_picture

        return sweep(step)


def make_trainer(
    recipe: Recipe,
    folder: RunFolder,
    progress: TrainingProgress,
    *,
    task: str,
    figure: str,
    queries: bool,
    overrides: dict[str, Any],
    bf16: bool,
    spent_before_s: float,
) -> Any:
    """Return a trainer whose ``train()`` trains.

    Args:
        recipe: what to do.
        folder: where everything goes.
        progress: shows how far the run is.
        task: what the network does, one of :data:`BASES`.
        figure: by which the best epoch is chosen.
        queries: whether it is RT-DETR, which has a trainer of its own.
        overrides: ultralytics' own settings.
        bf16: whether the network computes in bfloat16 on a CPU.
        spent_before_s: seconds that epochs took before this start.
    """
    attributes = {
        "recipe": recipe,
        "folder": folder,
        "progress": progress,
        "bf16": bf16 and not queries,  # its matching of boxes to queries fails on rounded costs
        "spent_before_s": spent_before_s,
        "figure": figure,
    }
    base = RTDETRTrainer if queries else BASES[task]
    read_no_caches()
    return type("RecipeTrainer", (TrainerMixin, base), attributes)(overrides=deepcopy(overrides))


def read_no_caches() -> None:
    """Have ultralytics read labels themselves: a ``labels.cache`` that came with them is a pickle and may run code."""

    def absent(path: Any) -> dict[str, Any]:
        raise FileNotFoundError(f"{path} is not read")

    dataset.load_dataset_cache_file = absent


def weights_fit(model: Any, weights: Any, recipe: Recipe) -> str:
    """Return how many tensors of the weights fit a network of ultralytics, whose head is its last layer, in words.

    Raises:
        ConfigError: when more than the head does not fit, and the recipe does not ask for that.
    """
    head = f"model.{len(model.model) - 1}."
    return fitting_tensors(
        model.state_dict(),
        weights.state_dict(),
        in_head=lambda key: key.startswith(head),
        partial=recipe.partial_weights,
        name=str(recipe.weights or recipe.model),
    )[1]


def copy_class_rows(model: Any, weights: Any, source_of: Mapping[str, str]) -> None:
    """Begin classes from the detectors of other classes: copy their rows of the last convolutions.

    Only the classification branches (``cv3``, and ``one2one_cv3`` of models without NMS) have rows per class.

    Raises:
        ConfigError: when a class is not one of the data set's, or its source is not one of the weights', or the network
            has no such rows.
    """
    if not _branch(model, "cv3"):
        raise ConfigError("init_classes works with YOLO's detectors only; leave it out for RT-DETR and classifiers")
    source_ids = {name: index for index, name in weights.names.items()}
    own_ids = {name: index for index, name in model.names.items()}
    for name, source in source_of.items():
        if name not in own_ids or source not in source_ids:
            raise ConfigError(
                f"init_classes: {name}: {source}: the data set has the classes {', '.join(own_ids)} and the weights "
                f"{', '.join(source_ids)}; name one of each"
            )
    for branch in ("cv3", "one2one_cv3"):
        for own, other in zip(_branch(model, branch), _branch(weights, branch), strict=True):
            if own[-1].in_channels != other[-1].in_channels:
                continue
            with torch.no_grad():
                for name, source in source_of.items():
                    own[-1].weight[own_ids[name]] = other[-1].weight[source_ids[source]].float()
                    own[-1].bias[own_ids[name]] = other[-1].bias[source_ids[source]].float()


def curve_row(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of an epoch under the names that every trainer uses.

    Segment and pose models are judged by their boxes (``map50``) and by their own figures (``map50_95_mask`` and so
    on), classifiers by accuracy (``top1``, ``top5``).
    """
    row: dict[str, float] = {}
    for key, value in metrics.items():
        part, _, name = key.partition("/")
        if part in {"train", "val"}:
            row[f"{part}_loss_{name.removesuffix('_loss')}"] = float(value)
        elif part == "metrics":
            kind = {"(M)": "_mask", "(P)": "_keypoints"}.get(name[-3:], "")
            plain = name.removesuffix("(B)").removesuffix("(M)").removesuffix("(P)")
            row[FIGURES.get(plain, plain) + kind] = float(value)
    return row | {"lr": float(metrics.get("lr/pg0", 0))}


def _branch(model: Any, name: str) -> Any:
    return getattr(model.model[-1], name, None) or ()
