"""The loop that every network of torch is trained in here; what a task is like is said by its subclass."""

from __future__ import annotations

import io
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.errors import ModelError
from streamvision.training.curves import CurveFile
from streamvision.training.lr_finder import LrSweep, sweep
from streamvision.training.order import batch_count
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder, write_atomically
from streamvision.training.schedule import epochs_that_fit, learning_rate
from streamvision.training.starting_weights import set_frozen

LARGEST_GRADIENT = 10.0


class TorchRun(ABC):
    """One run, from the recipe or from its last checkpoint.

    Args:
        recipe: what to do.
        names: class names.
        repeats: how often each picture is shown in an epoch.
        folder: where everything goes.
        progress: who is told.
        resume: whether to go on from ``weights/last.pt``.
    """

    task: str
    """What the model will do."""
    figure: str
    """The figure by which the best epoch is chosen; larger is better."""

    def __init__(
        self,
        recipe: Recipe,
        names: tuple[str, ...],
        repeats: Sequence[int],
        folder: RunFolder,
        progress: TrainingProgress,
        *,
        resume: bool,
    ) -> None:
        torch = import_torch()
        torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self._recipe, self._names, self._folder, self._progress = recipe, names, folder, progress
        self._device = torch.device("cpu" if recipe.device == "auto" else recipe.device)
        self._model, self.beginning = self._build(None if resume else recipe.weights)
        self._model.to(self._device)
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
        self._steps = batch_count(repeats, batch=recipe.batch)
        self._epochs_done, self._best, self._best_epoch, self._spent_s = 0, -1.0, 0, 0.0
        if resume:
            self._load()

    @abstractmethod
    def _build(self, weights: Path | None) -> tuple[Any, str]:
        """Return the network, and how it begins, in words."""

    @abstractmethod
    def _blocks(self) -> list[Any]:
        """Return what ``freeze`` counts, from the picture on."""

    def _size_px(self) -> tuple[int, int]:
        """Return width and height of the pictures that the network learns from."""
        return self._recipe.imgsz, self._recipe.imgsz

    @abstractmethod
    def _batches(self, epoch: int, *, mixing: bool) -> Iterator[Any]:
        """Yield the batches of an epoch; ``mixing`` is off in the last ones."""

    @abstractmethod
    def _loss(self, batch: Any) -> Any:
        """Return the loss of a batch as a scalar tensor."""

    @abstractmethod
    def _validate(self) -> dict[str, float]:
        """Return the figures on the held-out pictures, :attr:`figure` among them."""

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
            better = figures[self.figure] > self._best
            if better:
                self._best, self._best_epoch = figures[self.figure], epoch
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
            return self._step(next(batches), rate)

        self._model.train()
        set_frozen(self._blocks(), self._recipe.freeze)
        return sweep(step)

    def _endless_batches(self) -> Iterator[Any]:
        epoch = 0
        while True:
            yield from self._batches(epoch, mixing=True)
            epoch += 1

    def _train_epoch(self, epoch: int, epochs: int) -> tuple[float, float]:
        recipe = self._recipe
        self._model.train()
        frozen = recipe.freeze if recipe.unfreeze_at is None or epoch < recipe.unfreeze_at else 0
        set_frozen(self._blocks(), frozen)
        mixing = epoch <= epochs * (1 - recipe.augmentation().mosaic_off_share)
        total, rate = 0.0, recipe.lr
        for number, batch in enumerate(self._batches(epoch, mixing=mixing), 1):
            rate = learning_rate(recipe, epoch - 1 + number / self._steps, epochs=epochs)
            total += self._step(batch, rate)
            self._progress.step(epoch=epoch, epochs=epochs, step=number, steps=self._steps, loss=total / number)
        return total / self._steps, rate

    def _step(self, batch: Any, rate: float) -> float:
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = self._loss(batch)
        if not torch.isfinite(loss):
            raise ModelError(
                f"the loss became {float(loss.detach())} at learning rate {rate:.2g}; train with a lower --lr"
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        return float(loss.detach())

    def _epochs_in_time(self) -> int:
        return epochs_that_fit(
            hours=self._recipe.hours, most=self._recipe.epochs, done=self._epochs_done, spent_s=self._spent_s
        )

    def _save(self, *, better: bool) -> None:
        about = {
            "architecture": self._recipe.model,
            "names": list(self._names),
            "imgsz": self._recipe.imgsz,
            "size_px": list(self._size_px()),
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
