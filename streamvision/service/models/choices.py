"""Which models have taken over from those of the configuration, as plain values.

By the model's name (``default`` for the run's own) there is ``{"chosen": {...}, "previous": {...}}``, each with keys of
:data:`streamvision.core.config.model.CHOICE_KEYS` that are not at their defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from streamvision.core.config.model import CHOICE_KEYS, ModelConfig
from streamvision.core.config.references import escape, expand
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError
from streamvision.core.model_control import DEFAULT_MODEL
from streamvision.service.patches import Plain

CHOSEN = "chosen"
PREVIOUS = "previous"


def choice_of(model: ModelConfig) -> Plain:
    """Return which model it is, how it is fed and where it executes, as a configuration has it."""
    choice: Plain = escape(model.model_dump(mode="json", include=set(CHOICE_KEYS), exclude_defaults=True))
    return choice


def written_choice(model: ModelConfig, known: Iterable[Mapping[str, Any]]) -> Plain:
    """Return which model it is as somebody has written it, where that is known: a reference in it stays one.

    Args:
        model: the model.
        known: sections and choices that may say it.
    """
    plain = choice_of(model)
    for section in known:
        choice = {key: value for key, value in section.items() if key in CHOICE_KEYS}
        with suppress(ConfigError):  # what one refers to may not be there any more
            if choice_of(chosen_config(choice, origin="")) == plain:
                return choice
    return plain


def chosen_config(choice: Mapping[str, Any], *, origin: str) -> ModelConfig:
    """Return the same as settings, all others at their defaults.

    Raises:
        ConfigError: when a value is not accepted.
    """
    return validate(ModelConfig, expand(dict(choice), origin=origin), origin=origin)


def with_chosen_models(run: Plain, models: Plain) -> Plain:
    """Return what is set for the run, with the models that have taken over."""
    result = dict(run)
    for name, known in models.items():
        chosen = known.get(CHOSEN)
        if chosen is None:
            continue
        if name == DEFAULT_MODEL:
            result["model"] = _choosing(result.get("model"), chosen)
        elif name in (others := result.get("models") or {}):
            result["models"] = {**others, name: _choosing(others[name], chosen)}
    return result


def remaining_choices(models: Plain, run: Plain) -> Plain:
    """Return the models that have taken over, without what the beginning says of them itself."""
    remaining: Plain = {}
    for name, known in models.items():
        said = {key: value for key, value in section_of(run, name).items() if key in CHOICE_KEYS}
        left = {key: value for key, value in known.items() if key != CHOSEN or value != said}
        if left:
            remaining[name] = left
    return remaining


def section_of(run: Plain, name: str) -> Plain:
    """Return what is set for a model, by its name; empty where nothing is."""
    section: Plain = (run.get("model") if name == DEFAULT_MODEL else (run.get("models") or {}).get(name)) or {}
    return section


def _choosing(section: Any, chosen: Plain) -> Plain:
    kept = {key: value for key, value in (section or {}).items() if key not in CHOICE_KEYS}
    return {**kept, **chosen}
