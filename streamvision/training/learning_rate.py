"""Learning rates: their course over a run, and the test that looks for the highest.

The course is a linear warm-up, then half a cosine (SGDR, Loshchilov and Hutter 2017); it is computed from the place in
the run instead of step by step, as torch's schedulers do, since the number of epochs changes while they are fitted into
a time. The learning-rate range test raises the rate and watches the loss (Smith, "Cyclical Learning Rates", WACV 2017).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamvision.core.errors import ModelError
from streamvision.training.recipe import Recipe

MOST_WARMUP = 0.5
"""Share of a run in which the rate may rise."""
LOWEST, HIGHEST, STEPS = 1e-6, 0.3, 100
SMOOTHING = 0.8
FALL = 0.75
"""Share of the loss's fall that is over at the suggested rate."""
LEAST_STEPS = 8
"""A loss that is lowest fewer steps after the first ones does not fall."""
LEAST_FALL = 6.0
"""A fall of fewer times the difference of neighbouring steps is none: the least of a hundred smoothed losses is low."""
MARGIN = 3.0
"""How many times lower than the rate with the lowest loss, at least: beyond that one the loss rises."""
DIVERGED = 3.0
"""The test ends where the smoothed loss is so many times its lowest value."""


def lr_factor(epoch: float, *, epochs: int, warmup: float, final: float) -> float:
    """Return the learning rate as a part of the highest.

    Args:
        epoch: how far the run is, counted from 0; fractions are parts of an epoch.
        epochs: length of the run.
        warmup: epochs in which the rate rises from zero; half of the run at most.
        final: the last rate, as a part of the highest.
    """
    warmup = warmup_epochs(warmup, epochs=epochs)
    rise = min(epoch / warmup, 1.0) if warmup else 1.0
    share = min(max(epoch / epochs, 0.0), 1.0)
    return rise * (final + (1 - final) * (1 + math.cos(math.pi * share)) / 2)


def warmup_epochs(warmup: float, *, epochs: int) -> float:
    """Return how long the rate rises: as long as it is asked for, but half of a short run at most."""
    return min(warmup, epochs * MOST_WARMUP)


def learning_rate(recipe: Recipe, epoch: float, *, epochs: int) -> float:
    """Return the learning rate of a recipe at a place in the run; see :func:`lr_factor`.

    With ``unfreeze_lr`` there are two stages, each with its own warm-up and cosine.
    """
    highest = recipe.lr
    if recipe.unfreeze_lr is not None and recipe.unfreeze_at is not None:
        first = recipe.unfreeze_at - 1
        if epoch > first:
            epoch, epochs, highest = epoch - first, max(epochs - first, 1), recipe.unfreeze_lr
        else:
            epochs = max(first, 1)
    return highest * lr_factor(epoch, epochs=epochs, warmup=recipe.warmup, final=recipe.final_lr)


def epochs_that_fit(*, hours: float | None, most: int, done: int, spent_s: float) -> int:
    """Return how many epochs the run will have, given how long the first ones took.

    Args:
        hours: longest training time, or ``None``.
        most: the recipe's number of epochs.
        done: epochs that are over, at least 1.
        spent_s: seconds that they took.
    """
    if hours is None:
        return most
    return min(most, max(done, math.floor(hours * 3600 / (spent_s / done))))


def cut_sentence(hours: float | None, *, spent_s: float, epoch: int, step: int, steps: int) -> str | None:
    """Return what is said where a run has had its time, so that an epoch ends before its last step; else ``None``."""
    if hours is None or spent_s < hours * 3600 or step >= steps:
        return None
    return f"Stopped in epoch {epoch}, after batch {step} of {steps}: the time is over (--hours {hours:g})."


@dataclass(frozen=True)
class LrSweep:
    """Losses by learning rate."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    """Smoothed losses."""

    @property
    def falls(self) -> bool:
        """Whether the loss falls at all: by more than its noise, and not at the very beginning alone."""
        losses = np.array(self.losses)
        first, lowest = self._first, int(losses.argmin())
        if lowest < first + LEAST_STEPS:
            return False
        noise = float(np.std(np.diff(losses[: lowest + 1])))
        return float(np.median(losses[:first]) - losses[lowest]) > LEAST_FALL * noise

    @property
    def suggested(self) -> float:
        """A good highest learning rate: where most of the loss's fall is over, well below where it is lowest.

        The place of the fall is taken by its depth and not by its slope, which noise decides between neighbouring
        batches. Where the loss does not fall, a tenth of the rate with the lowest loss.
        """
        losses = np.array(self.losses)
        lowest = int(losses.argmin())
        if not self.falls:
            return self.rates[lowest] / 10
        top = float(np.median(losses[: self._first]))
        level = top - FALL * (top - losses[lowest])
        fallen = int(np.flatnonzero(losses[:lowest] > level).max(initial=0)) + 1
        return min(self.rates[fallen], self.rates[lowest] / MARGIN)

    @property
    def sentence(self) -> str:
        """The suggestion in words."""
        if not self.falls:
            return (
                "The loss hardly falls at any rate, so that none can be suggested: try --overfit 8, a larger --batch, "
                "or weights to begin from."
            )
        lowest = self.rates[self.losses.index(min(self.losses))]
        where = f"where most of the loss's fall is over; it is lowest at {lowest:.2g}"
        return f"Suggested: --lr {self.suggested:.2g}, {where}."

    @property
    def _first(self) -> int:
        """The first steps, which say more about which pictures came first than about the rate."""
        return max(len(self.losses) // 6, 1)

    def write(self, csv_path: Path, png_path: Path) -> None:
        """Write the figures and their plot."""
        with csv_path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("lr", "loss"))
            writer.writerows((f"{rate:.6g}", f"{loss:.6g}") for rate, loss in zip(self.rates, self.losses, strict=True))
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4), layout="constrained")
        axis = figure.subplots()
        axis.plot(self.rates, self.losses)
        axis.axvline(self.suggested, linestyle="--", color="tab:red", label=f"suggested {self.suggested:.2g}")
        axis.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed", title="Learning-rate range test")
        axis.grid(alpha=0.3)
        axis.legend()
        figure.savefig(png_path, dpi=110)


def sweep(step: Callable[[float], float], *, steps: int = STEPS) -> LrSweep:
    """Train with rising learning rates until the loss runs away.

    Args:
        step: makes one training step at a learning rate and returns its loss.
        steps: most steps.
    """
    rates, losses = [], []
    smoothed, weight = 0.0, 0.0
    for rate in np.geomspace(LOWEST, HIGHEST, steps).tolist():
        try:
            loss = step(rate)
        except ModelError:
            break
        if not math.isfinite(loss):
            break
        smoothed, weight = SMOOTHING * smoothed + (1 - SMOOTHING) * loss, SMOOTHING * weight + 1 - SMOOTHING
        rates.append(rate)
        losses.append(smoothed / weight)
        if losses[-1] > DIVERGED * min(losses):
            break
    return LrSweep(tuple(rates), tuple(losses))
