"""Trains torchvision's detectors: the permissive path (BSD-3-Clause)."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.backends.torch_libraries import import_torch
from streamvision.detections import Detections
from streamvision.errors import ConfigError, ModelError
from streamvision.training.evaluation.coco_metrics import coco_figures
from streamvision.training.evaluation.predictions import Predictions
from streamvision.training.trainers.curves import CurveFile
from streamvision.training.trainers.lr_finder import LrSweep, sweep
from streamvision.training.trainers.prepare import TrainingData
from streamvision.training.trainers.progress import TrainingProgress
from streamvision.training.trainers.recipe import Recipe
from streamvision.training.trainers.run_folder import RunFolder, write_atomically
from streamvision.training.trainers.schedule import epochs_that_fit, lr_factor
from streamvision.training.trainers.torchvision_models import build, set_frozen

LARGEST_GRADIENT = 10.0


class TorchvisionRun:
    """One run of a torchvision detector, from the recipe or from its last checkpoint."""

    def __init__(
        self, recipe: Recipe, data: TrainingData, folder: RunFolder, progress: TrainingProgress, *, resume: bool
    ) -> None:
        torch = import_torch()
        if recipe.balance == "class-weights":
            raise ConfigError(
                "--balance class-weights works with ultralytics models only, as torchvision's detectors "
                "compute their loss inside; use --balance oversample"
            )
        if recipe.init_classes:
            raise ConfigError("init_classes works with ultralytics models only; leave it out for torchvision's")
        from streamvision.training.trainers.torchvision_data import Pictures, batch_count

        torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self._recipe, self._data, self._folder, self._progress = recipe, data, folder, progress
        self._device = torch.device("cpu" if recipe.device == "auto" else recipe.device)
        self._model, self.beginning = build(
            recipe.model,
            classes=len(data.names),
            side_px=recipe.imgsz,
            weights=None if resume else recipe.weights,
        )
        self._model.to(self._device)
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
        self._pictures = Pictures(data.train, side_px=recipe.imgsz)
        self._steps = batch_count(data.repeats, batch=recipe.batch)
        self._epochs_done, self._best, self._best_epoch, self._spent_s = 0, -1.0, 0, 0.0
        if resume:
            self._load()

    def train(self) -> None:
        """Train to the end of the recipe, or until nothing gets better."""
        recipe = self._recipe
        epochs = recipe.epochs
        if self._epochs_done:
            epochs = self._epochs_in_time()
        while self._epochs_done < epochs:
            begin_s = time.monotonic()
            self._progress.begin_epoch()
            epoch = self._epochs_done + 1
            loss, rate = self._train_epoch(epoch, epochs)
            figures = {"train_loss": loss, **self._validate(), "lr": rate}
            self._spent_s += time.monotonic() - begin_s
            self._epochs_done = epoch
            better = figures["map50_95"] > self._best
            if better:
                self._best, self._best_epoch = figures["map50_95"], epoch
            CurveFile(self._folder.curves_csv).append(epoch, figures | {"time_s": self._spent_s})
            self._save(better=better)
            epochs = self._epochs_in_time()
            self._progress.end_epoch(epoch=epoch, epochs=epochs, figures=figures, best=better)
            if epoch - self._best_epoch >= recipe.patience:
                self._progress.say(
                    f"Stopped: {recipe.patience} epochs brought nothing better than epoch {self._best_epoch}."
                )
                break

    def find_lr(self) -> LrSweep:
        """Raise the learning rate step by step and watch the loss; the weights are spent afterwards."""
        batches = self._endless_batches()

        def step(rate: float) -> float:
            pictures, targets = next(batches)
            return self._step(pictures, targets, rate)

        self._model.train()
        set_frozen(self._model, self._recipe.freeze)
        return sweep(step)

    def _endless_batches(self) -> Any:
        epoch = 0
        while True:
            yield from self._batches(epoch, mixing=True)
            epoch += 1

    def _batches(self, epoch: int, *, mixing: bool) -> Any:
        from streamvision.training.trainers.torchvision_data import batches

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

    def _train_epoch(self, epoch: int, epochs: int) -> tuple[float, float]:
        recipe = self._recipe
        self._model.train()
        frozen = recipe.freeze if recipe.unfreeze_at is None or epoch < recipe.unfreeze_at else 0
        set_frozen(self._model, frozen)
        mixing = epoch <= epochs * (1 - recipe.augmentation().mosaic_off_share)
        total, rate = 0.0, recipe.lr
        for number, (pictures, targets) in enumerate(self._batches(epoch, mixing=mixing), 1):
            at = epoch - 1 + number / self._steps
            rate = recipe.lr * lr_factor(at, epochs=epochs, warmup=recipe.warmup, final=recipe.final_lr)
            total += self._step(pictures, targets, rate)
            self._progress.step(epoch=epoch, epochs=epochs, step=number, steps=self._steps, loss=total / number)
        return total / self._steps, rate

    def _step(self, pictures: list[Any], targets: list[dict[str, Any]], rate: float) -> float:
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = rate
        pictures = [picture.to(self._device) for picture in pictures]
        targets = [{key: value.to(self._device) for key, value in target.items()} for target in targets]
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._recipe.precision == "bf16"):
            loss = sum(self._model(pictures, targets).values())
        if not torch.isfinite(loss):
            raise ModelError(
                f"the loss became {float(loss.detach())} at learning rate {rate:.2g}; train with a lower --lr"
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        return float(loss.detach())

    def _validate(self) -> dict[str, float]:
        import torch

        from streamvision.training.trainers.torchvision_data import read_rgb, to_tensor

        self._model.eval()
        found = []
        with torch.inference_mode():
            for image in self._data.val:
                (result,) = self._model([to_tensor(read_rgb(image)).to(self._device)])
                found.append(
                    Detections(
                        result["boxes"].cpu().numpy().astype(np.float32),
                        result["scores"].cpu().numpy().astype(np.float32),
                        (result["labels"].cpu().numpy() - 1).astype(np.int32),
                    )
                )
        figures = coco_figures(Predictions(self._data.names, self._data.val, tuple(found)))
        return {"map50": figures.map50, "map50_95": figures.map50_95}

    def _epochs_in_time(self) -> int:
        return epochs_that_fit(
            hours=self._recipe.hours, most=self._recipe.epochs, done=self._epochs_done, spent_s=self._spent_s
        )

    def _save(self, *, better: bool) -> None:
        about = {
            "architecture": self._recipe.model,
            "names": list(self._data.names),
            "imgsz": self._recipe.imgsz,
            "epoch": self._epochs_done,
        }
        state = {"model": self._model.state_dict(), **about}
        if better:
            _write_tensors(self._folder.best, state)
        progress = {"best": self._best, "best_epoch": self._best_epoch, "spent_s": self._spent_s}
        _write_tensors(self._folder.last, state | {"optimizer": self._optimizer.state_dict(), **progress})

    def _load(self) -> None:
        import torch

        state = torch.load(self._folder.last, map_location=self._device, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._epochs_done, self._best, self._best_epoch = state["epoch"], state["best"], state["best_epoch"]
        self._spent_s = state["spent_s"]
        self.beginning = f"went on after epoch {self._epochs_done}"


def _write_tensors(path: Path, state: dict[str, Any]) -> None:
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())
