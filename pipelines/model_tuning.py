"""What calls into the network and their threads are chosen for: the shortest call, or the most pictures a second.

A single live source gains by the shortest call, since its newest frame is through the sooner. Files, several streams
and services, to which streams come later, gain by the most pictures a second. While other streams run nothing is
measured, as that would take all cores from them for a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import cast, get_args

from pipelines.capture.source import SourceSpec
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import ModelConfig, Tune
from streamvision.core.errors import ConfigError

VARIABLE = "STREAMVISION_TUNE"
"""Environment variable that says what ``model.tune: auto`` means."""


def with_goals(config: AppConfig, sources: Iterable[SourceSpec], *, service: bool = False) -> AppConfig:
    """Return a run whose models say what calls and threads are chosen for.

    Args:
        config: the run.
        sources: of its streams.
        service: whether further streams may come.

    Raises:
        ConfigError: when the environment says something else than ``model.tune`` takes.
    """
    is_alone = [source.live for source in sources] == [True] and not service
    models = {name: with_goal(model, is_alone=is_alone) for name, model in config.models.items()}
    return config.model_copy(update={"model": with_goal(config.model, is_alone=is_alone), "models": models})


def with_goal(model: ModelConfig, *, is_alone: bool = False) -> ModelConfig:
    """Return a model that says what its calls and threads are chosen for.

    Args:
        model: the model.
        is_alone: whether it is for a single live source.

    Raises:
        ConfigError: as :func:`with_goals`.
    """
    if model.tune != "auto":
        return model
    goal = _from_environment()
    if goal == "auto":
        goal = "latency" if is_alone else "throughput"
    return model.model_copy(update={"tune": goal})


def while_others_run(model: ModelConfig) -> ModelConfig:
    """Return a model that is opened beside running streams: what was measured before is used, nothing is measured."""
    return model if model.tune == "off" else model.model_copy(update={"tune": "kept"})


def _from_environment() -> Tune:
    given = os.environ.get(VARIABLE) or "auto"
    if given not in (known := get_args(Tune)):
        raise ConfigError(f"{VARIABLE} is {given[:40]!r}; set it to {', '.join(known)}, or not at all")
    return cast("Tune", given)
