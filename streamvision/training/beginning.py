"""What is done with a recipe: one training, or a trial beside it; and how what was killed goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.training.recipe import Recipe
from streamvision.training.repeated import FOLDS, SEEDS, repetition_in, resume_repeated, train_repeated
from streamvision.training.session import find_learning_rate, resume_training, start_training
from streamvision.training.tuning import is_search, resume_tune, tune


def check_one_trial(asked: Mapping[str, object], *, trials: int | None) -> None:
    """Refuse several trials at once.

    Args:
        asked: what each was given, by its option; nothing of those that were not asked for.
        trials: most trials of a search.

    Raises:
        ConfigError: when there are several, or there is no search to bound.
    """
    given = [option for option, value in asked.items() if value]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are things to do one after the other; give one of them")
    if trials and not any("tune" in option for option in given):
        raise ConfigError("trials bound a search for settings; give the hours of one, too (tune)")


def begin(
    recipe: Recipe,
    *,
    find_lr: bool = False,
    folds: int | None = None,
    seeds: int | None = None,
    tune_hours: float | None = None,
    trials: int | None = None,
    **where: Any,
) -> dict[str, Any]:
    """Train, or do the one trial that is asked for; returns the summary that is also written.

    Args:
        recipe: what to do.
        find_lr: only look for a learning rate.
        folds: train once for each of so many parts held out in turn.
        seeds: train with so many seeds.
        tune_hours: search so long for settings.
        trials: most trials of a search.
        where: project, name, command, and whether checkpoints are trusted; see :func:`.session.start_training`.
    """
    if find_lr:
        return find_learning_rate(recipe, **where)
    if tune_hours:
        return tune(recipe, tune_hours, trials=trials, **where)
    for by, count in ((FOLDS, folds), (SEEDS, seeds)):
        if count:
            return train_repeated(recipe, by, count, **where)
    return start_training(recipe, **where)


def resume(
    run: Path, *, tune_hours: float | None, trials: int | None, command: str, trust_checkpoint: bool
) -> dict[str, Any]:
    """Go on with a run, with all folds or seeds, or with a search.

    Raises:
        ConfigError: when more time is given to what is no search.
    """
    how: dict[str, Any] = {"command": command, "trust_checkpoint": trust_checkpoint}
    if is_search(run):
        return resume_tune(run, hours=tune_hours, trials=trials, **how)
    if tune_hours:
        raise ConfigError(f"{run} is no search, so that --tune cannot give it more time; leave it out")
    by = repetition_in(run)
    return resume_training(run, **how) if by is None else resume_repeated(run, by, **how)
