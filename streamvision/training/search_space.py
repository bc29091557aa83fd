"""Which settings of a recipe a search chooses, and between what: those that the recipe leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.training.families import Trainer
from streamvision.training.recipe import AUGMENTATIONS, Recipe

LR_FACTOR = 10.0
"""How far below and above the usual learning rate is looked."""
HIGHEST_LR = 0.1


@dataclass(frozen=True)
class Choice:
    """One setting that is searched for."""

    setting: str
    """Its name in recipes."""
    low: float = 0.0
    """Least value of a number."""
    high: float = 0.0
    """Greatest value of a number."""
    log: bool = False
    """Whether numbers are spread by their logarithm."""
    values: tuple[str, ...] = ()
    """The values of a setting that is no number."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, which :func:`choice_of` reads."""
        return asdict(self)


def choice_of(stored: Mapping[str, Any]) -> Choice:
    """Return what :meth:`Choice.to_json` made."""
    return Choice(**{**stored, "values": tuple(stored["values"])})


def choices_of(recipe: Recipe, trainer: Trainer, *, is_unbalanced: bool) -> tuple[Choice, ...]:
    """Return what is searched for: settings that matter for how a network learns, and that the recipe does not give.

    Args:
        recipe: what is given in it is held.
        trainer: of the model; settings that it has no use for are left out.
        is_unbalanced: whether some classes are much rarer than others.

    Raises:
        ConfigError: when the recipe gives all of them.
    """
    usual_lr = float(Recipe.model_fields["lr"].default)
    all_of_them = [
        Choice("lr", usual_lr / LR_FACTOR, min(usual_lr * LR_FACTOR, HIGHEST_LR), log=True),
        Choice("weight_decay", 1e-5, 5e-2, log=True),
        Choice("final_lr", 0.01, 0.5, log=True),
        Choice("preset", values=tuple(AUGMENTATIONS)),
    ]
    if recipe.epochs > 2:
        all_of_them.append(Choice("warmup", 0.0, min(3.0, (recipe.epochs - 1) / 2)))
    if "label_smoothing" in trainer.settings:
        all_of_them.append(Choice("label_smoothing", 0.0, 0.2))
    if is_unbalanced and "balance: oversample" in trainer.settings:
        all_of_them.append(Choice("balance", values=("none", "oversample")))
    open_ones = tuple(one for one in all_of_them if one.setting not in recipe.model_fields_set)
    if not open_ones:
        raise ConfigError(
            f"the recipe gives all that would be searched for ({', '.join(one.setting for one in all_of_them)}); leave "
            "out what is to be found"
        )
    return open_ones


def own_settings(recipe: Recipe, choices: Sequence[Choice]) -> dict[str, Any]:
    """Return the recipe's own values, moved into the ranges: the first trial, which the others have to beat."""
    own: dict[str, Any] = {}
    for one in choices:
        value = getattr(recipe, one.setting)
        own[one.setting] = value if one.values else min(max(float(value), one.low), one.high)
    return own


def suggest(trial: Any, choices: Sequence[Choice]) -> dict[str, Any]:
    """Return what a trial of optuna's proposes, numbers to three digits."""
    return {
        one.setting: trial.suggest_categorical(one.setting, one.values)
        if one.values
        else float(f"{trial.suggest_float(one.setting, one.low, one.high, log=one.log):.3g}")
        for one in choices
    }


def apply(recipe: Recipe, chosen: Mapping[str, Any]) -> Recipe:
    """Return the recipe with what was chosen."""
    return Recipe.model_validate(recipe.model_dump(exclude_unset=True) | dict(chosen))
