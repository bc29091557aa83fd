"""The training loop of all networks but ultralytics'; a subclass for each task.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from streamvision.checkpoints.base import TorchSource
from streamvision.checkpoints.checkpoint_file import read_run, read_tensors
from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.words import counted
from streamvision.evaluation.model import open_model
from streamvision.inference.model import Model
from streamvision.training.batches import Samples, batch_count
from streamvision.training.class_rows import carry_classes
from streamvision.training.data import TrainingData
from streamvision.training.freezing import frozen_layers, thaw_sentence
from streamvision.training.learning_rate import LrSweep, cut_sentence, epochs_that_fit, learning_rate, sweep
from streamvision.training.overfitting import is_learnt
from streamvision.training.precision import use_bf16
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.report import LAST_EPOCH, CurveFile
from streamvision.training.run_folder import RunFolder
from streamvision.training.tensor_file import write_tensors
from streamvision.training.weight_average import WeightAverage
from streamvision.training.weights_fit import fitting_tensors

LARGEST_GRADIENT = 10.0
LEAST_MOMENTUM = 0.1
"""Share of a batch in the running statistics, torch's own default."""


class TorchRun(ABC):
    """One run, from the recipe or from its last checkpoint.

    Args:
        recipe: what to do.
        data: what to learn from.
        folder: where everything goes.
        progress: shows how far the run is.
        resume: whether to go on from ``weights/last.pt``.
        trusted: whether weights to begin from may run their author's code.
    """

    task: str
    """What the model will do."""
    figure: str
    """The figure by which the best epoch is chosen."""
    betas = (0.9, 0.999)
    """How long the optimizer remembers gradients and their squares."""
    _average: WeightAverage | None = None
    """What is kept and measured in place of the weights themselves, for networks that gain by it."""

    def __init__(
        self,
        recipe: Recipe,
        data: TrainingData[Any],
        folder: RunFolder,
        progress: TrainingProgress,
        *,
        resume: bool,
        trusted: bool = False,
    ) -> None:
        torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self._recipe, self._data, self._folder, self._progress = recipe, data, folder, progress
        if data.unproven:
            self.figure = LAST_EPOCH
        self._trusted = trusted
        self._device = torch.device("cpu" if recipe.device == "auto" else recipe.device)
        self._bf16 = use_bf16(recipe.precision, self._device.type)
        self._samples = self._read_samples()
        self._model, self._began = self._build(None if resume else recipe.weights)
        self.beginning = self._began
        """How the network began, in words."""
        self._model.to(self._device)
        if self._average:
            self._average.network.to(self._device)
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), lr=recipe.lr, betas=self.betas, weight_decay=recipe.weight_decay
        )
        self._steps = batch_count(data.repeats, batch=recipe.batch)
        self._epochs_done, self._best_epoch, self._spent_s = 0, 0, 0.0
        if resume:
            self._load()

    def data(self) -> TrainingData[Any]:
        """Return what is learnt from."""
        return self._data

    def idle(self) -> tuple[str, ...]:
        """Return the names of tensors that took no part in the last step, though the recipe does not freeze them."""
        blocks = self._layers()
        frozen = blocks[: frozen_layers(self._recipe, self._epochs_done, blocks=len(blocks))]
        meant = {id(parameter) for block in frozen for parameter in block.parameters()}
        named = self._model.named_parameters()
        return tuple(name for name, parameter in named if parameter.grad is None and id(parameter) not in meant)

    @abstractmethod
    def _read_samples(self) -> Samples[Any]:
        """Return what batches are made of."""

    @abstractmethod
    def _build(self, weights: Path | None) -> tuple[Any, str]:
        """Return the network, and how it begins, in words."""

    @abstractmethod
    def _blocks(self) -> list[Any]:
        """Return the parts that can be frozen, from the picture on, such as have no weights too."""

    def _layers(self) -> list[Any]:
        """Return what ``freeze`` counts: an activation, pooling or dropout has nothing to learn."""
        return [block for block in self._blocks() if any(True for _ in block.parameters())]

    def _begin(self, network: Any, weights: Path | None, *, head: Collection[str], part: str | None = None) -> str:
        """Load the weights that the recipe names; see :func:`begin_from`. Classes of the same name go on."""
        partial, trusted = self._recipe.partial_weights, self._trusted
        said = begin_from(network, weights, head=head, part=part, partial=partial, trusted=trusted)
        return said if weights is None else said + self._carry_classes(network, weights, head=head)

    def _carry_classes(self, network: Any, weights: Path, *, head: Collection[str]) -> str:
        """Let classes of an earlier run go on under their names where there are others now, and say how many."""
        run = read_run(weights, trusted=self._trusted)
        if run is None:
            return ""
        stored = read_tensors(weights, trusted=self._trusted)
        names = list(map(str, run["names"]))
        carried = carry_classes(network, stored, head=head, names=self._data.names, stored_names=names)
        return f", {counted(carried, 'classes')} by name" if carried else ""

    def _batches(self, epoch: int, *, mixing: bool) -> Iterator[Any]:
        return self._samples.batches(self._data.repeats, self._recipe, epoch=epoch, mixing=mixing)

    @abstractmethod
    def _loss(self, batch: Any) -> Any:
        """Return the loss of a batch as a scalar tensor."""

    @abstractmethod
    def _validate(self) -> dict[str, float]:
        """Return the figures on the held-out pictures, :attr:`figure` among them."""

    def _about(self) -> dict[str, Any]:
        """Return what checkpoints say of the network beside its tensors, as plain values and tensors."""
        return {}

    def _beside(self) -> dict[str, Any]:
        """Return what only going on needs, beside the network and its optimizer, as plain values and tensors."""
        return {}

    def _take_up(self, state: dict[str, Any]) -> None:
        """Go on from the state that :meth:`_beside` is a part of."""

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
            curves = CurveFile(self._folder.curves_csv)
            curves.append(epoch, figures | {"time_s": self._spent_s})
            self._best_epoch = int(curves.best(self.figure)["epoch"])
            better = self._best_epoch == epoch
            self._save(better=better)
            epochs = self._epochs_in_time()
            self._progress.end_epoch(epoch=epoch, epochs=epochs, figures=figures, best=better)
            if recipe.overfit and is_learnt(figures, recipe, classes=len(self._data.names)):
                break
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
        set_frozen(self._layers(), self._recipe.freeze)
        return sweep(step)

    def _endless_batches(self) -> Iterator[Any]:
        epoch = 0
        while True:
            yield from self._batches(epoch, mixing=True)
            epoch += 1

    def _train_epoch(self, epoch: int, epochs: int) -> tuple[float, float]:
        recipe = self._recipe
        self._model.train()
        blocks = self._layers()
        set_frozen(blocks, frozen_layers(recipe, epoch, blocks=len(blocks)))
        if sentence := thaw_sentence(recipe, epoch, blocks=len(blocks)):
            self._progress.say(sentence)
        mixing = epoch <= epochs * (1 - recipe.augmentation().mosaic_off_share)
        total, rate, number, begin_s = 0.0, recipe.lr, 0, time.monotonic()
        for number, batch in enumerate(self._batches(epoch, mixing=mixing), 1):
            rate = learning_rate(recipe, epoch - 1 + number / self._steps, epochs=epochs)
            total += self._step(batch, rate)
            self._progress.step(
                epoch=epoch,
                epochs=epochs,
                step=number,
                steps=self._steps,
                loss=total / number,
                pictures=recipe.batch,
                rate=rate,
            )
            spent_s = self._spent_s + time.monotonic() - begin_s
            if cut := cut_sentence(recipe.hours, spent_s=spent_s, epoch=epoch, step=number, steps=self._steps):
                self._progress.say(cut)
                break
        return total / number, rate

    def _step(self, batch: Any, rate: float) -> float:
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
        if self._average:
            self._average.update(self._model)
        return float(loss.detach())

    def _as_file(self, source: TorchSource, **free: bool) -> Model:
        """Open the network as its finished file will be: by the runtime's own way, but executed by torch.

        Args:
            source: of the network.
            free: what of the input is free, as :meth:`~.model_card.ModelCard.with_input` takes it.
        """
        card = source.card.with_input(**free)
        backend = TorchBackend(
            source.module(),
            path=self._folder.last,
            card=card,
            output_names=source.output_names,
            device=str(self._device),
        )
        return open_model(self._folder.last, loaded=backend)

    def _epochs_in_time(self) -> int:
        return epochs_that_fit(
            hours=self._recipe.hours, most=self._recipe.epochs, done=self._epochs_done, spent_s=self._spent_s
        )

    def _save(self, *, better: bool) -> None:
        about = {
            "architecture": self._recipe.model,
            "names": list(self._data.names),
            "imgsz": self._recipe.imgsz,
            "size_px": list(self._samples.size_px),
            "epoch": self._epochs_done,
            **self._about(),
        }
        state = {"model": self._average.network.state_dict() if self._average else self._model.state_dict(), **about}
        if better:
            write_tensors(self._folder.best, state)
        progress = {
            "best_epoch": self._best_epoch,
            "spent_s": self._spent_s,
            "beginning": self._began,
            **self._beside(),
        }
        if self._average:
            progress |= {"learning": self._model.state_dict(), "averaged_steps": self._average.steps}
        write_tensors(self._folder.last, state | {"optimizer": self._optimizer.state_dict(), **progress})

    def _load(self) -> None:
        state = read_run(self._folder.last)
        if state is None:
            raise ModelError(f"{self._folder.last} is not the checkpoint of a run of these models; start a new run")
        try:
            self._take_over(state)
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
            cause = " ".join(str(error).split())[:200]
            raise ModelError(f"{self._folder.last} is not of this run ({cause}); start a new run") from error

    def _take_over(self, state: dict[str, Any]) -> None:
        self._model.load_state_dict(state.get("learning", state["model"]))
        if self._average:
            self._average.network.load_state_dict(state["model"])
            self._average.steps = state["averaged_steps"]
        self._optimizer.load_state_dict(state["optimizer"])
        done, best, spent_s = int(state["epoch"]), int(state["best_epoch"]), float(state["spent_s"])
        known = len(CurveFile(self._folder.curves_csv).rows())
        if not (1 <= best <= done <= known and 0 <= spent_s < math.inf):
            raise ValueError(f"epoch {done}, the best {best}, {known} in curves.csv, {spent_s} s")
        self._epochs_done, self._best_epoch, self._spent_s = done, best, spent_s
        self._began = state["beginning"]
        self._take_up(state)
        self.beginning = f"{self._began}, went on after epoch {self._epochs_done}"


def begin_from(
    model: Any,
    weights: Path | None,
    *,
    head: Collection[str],
    part: str | None = None,
    partial: bool = False,
    trusted: bool = False,
) -> str:
    """Load the tensors of a file that fit, by name and shape, and return how the network begins, in words.

    Args:
        model: the network.
        weights: the file; ``None`` to begin from nothing.
        head: names of the tensors that differ with the number of classes; those that do not fit begin from nothing.
        part: attribute of the network whose own weights the file may hold alone, such as an encoder's; what is outside
            of it then begins from nothing.
        partial: whether others may do so, too.
        trusted: whether the file may run its author's code.

    Raises:
        ConfigError: when there is no such file, or not enough of it fits.
        ModelError: when it is no file of tensors, or is not trusted.
    """
    if weights is None:
        return "began from nothing"
    if not weights.exists():
        raise ConfigError(
            f"there are no weights at {weights}, and nothing is downloaded unasked: put the file there "
            "(https://docs.pytorch.org/vision/stable/models.html lists them), or leave --weights out"
        )
    stored = read_tensors(weights, trusted=trusted)
    own, alone = model.state_dict(), False
    if part is not None and not any(key in own for key in stored):
        stored, alone = {f"{part}.{key}": tensor for key, tensor in stored.items()}, True

    def in_head(key: str) -> bool:
        return not key.startswith(f"{part}.") if alone else key in head

    fitting, in_words = fitting_tensors(own, stored, in_head=in_head, partial=partial, name=str(weights))
    model.load_state_dict(fitting, strict=False)
    return f"began from {weights.name} ({in_words}{f', of its {part}' if alone else ''})"


def forget_statistics_soon(network: Any) -> None:
    """Let batch normalisation follow the pictures as fast as torch's own default does.

    MobileNet and others keep 99 % of their statistics a step: after a short run they would still be those of its
    beginning.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.momentum is not None:
            module.momentum = max(module.momentum, LEAST_MOMENTUM)


def set_frozen(blocks: Sequence[Any], layers: int) -> None:
    """Freeze the first blocks of a network (their batch statistics too); thaw the others.

    To be called after every ``model.train()``, which would set the statistics moving again.
    """
    for index, block in enumerate(blocks):
        for parameter in block.parameters():
            parameter.requires_grad_(index >= layers)
        if index < layers:
            for module in block.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()


def flattened(network: Any) -> list[tuple[str, Any]]:
    """Return a network's children in order, with their names, sequences replaced by what they hold."""
    blocks: list[tuple[str, Any]] = []
    for name, child in network.named_children():
        inner = [(f"{name}.{key}", block) for key, block in child.named_children()]
        blocks += inner if isinstance(child, nn.Sequential) else [(name, child)]
    return blocks
