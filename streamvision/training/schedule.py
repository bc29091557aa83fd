"""Learning rates over a run: a linear warm-up, then half a cosine (SGDR, Loshchilov and Hutter 2017)."""

from __future__ import annotations

import math

from streamvision.training.recipe import Recipe


def lr_factor(epoch: float, *, epochs: int, warmup: float, final: float) -> float:
    """Return the learning rate as a part of the highest.

    Args:
        epoch: how far the run is, counted from 0; fractions are parts of an epoch.
        epochs: length of the run.
        warmup: epochs in which the rate rises from zero.
        final: the last rate, as a part of the highest.
    """
    warmup = min(warmup, max(epochs - 1, 0))
    rise = min(epoch / warmup, 1.0) if warmup else 1.0
    share = min(max(epoch / epochs, 0.0), 1.0)
    return rise * (final + (1 - final) * (1 + math.cos(math.pi * share)) / 2)


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
