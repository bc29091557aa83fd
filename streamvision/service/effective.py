"""What is set, as the streams of a run that is open get it, and what of it takes effect at the next start only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.assembly import settings_refusal
from pipelines.model_groups import ModelGroups
from streamvision.core.config.app import AppConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError
from streamvision.service.layers import APPLIED_AT_ONCE, MODEL_KEYS, Layers
from streamvision.service.values import parsed_stream


def stream_configs(layers: Layers, run: AppConfig, *, opened: AppConfig) -> dict[str, StreamConfig]:
    """Return what is set for each stream, with what has changed of the run since it was opened.

    Args:
        layers: what is set.
        run: what is set for the run.
        opened: what the run was opened with.

    Raises:
        ConfigError: when something is not accepted.
    """
    return {
        name: _with_run(parsed_stream({**document, "id": name}, origin=f"stream {name}"), run, opened)
        for name, document in layers.documents.items()
    }


def waiting_keys(now: AppConfig, *, opened: AppConfig) -> list[str]:
    """Return the keys of what is set for the run and takes effect at the next start only."""
    at_once = {*APPLIED_AT_ONCE, "streams", "model"}
    waiting = [
        key for key in AppConfig.model_fields if key not in at_once and getattr(now, key) != getattr(opened, key)
    ]
    if now.model.model_copy(update={key: getattr(opened.model, key) for key in MODEL_KEYS}) != opened.model:
        waiting.append("model")
    if now.recording.folder != opened.recording.folder:
        waiting.append("recording.folder")
    return waiting


def check_settings(
    wanted: Mapping[str, StreamConfig],
    before: Mapping[str, StreamConfig],
    run: AppConfig,
    *,
    opened: AppConfig,
    groups: ModelGroups | None,
) -> None:
    """Refuse what no stream could begin with, also where none does now: one is switched off, or its camera away.

    What was set already is no reason to refuse another change.

    Args:
        wanted: what is to be set for streams, by id.
        before: what was.
        run: what is to be set for the run.
        opened: what the run was opened with.
        groups: the models of the run; ``None`` where they are on other machines.

    Raises:
        ConfigError: for the first such setting.
    """
    present = groups.config if groups is not None else opened
    models = groups.models() if groups is not None else {}
    model_now = present.model.model_copy(update={key: getattr(run.model, key) for key in MODEL_KEYS})
    plain, run_now = StreamConfig(source="any"), run.model_copy(update={"model": model_now})
    pairs = [
        (plain, run_now, plain, present),
        *((one, present, before.get(name), present) for name, one in wanted.items()),
    ]
    for one, its_run, known, known_run in pairs:
        model = models.get(one.model)
        why = settings_refusal(one, its_run, model)
        if why is not None and (known is None or settings_refusal(known, known_run, models.get(known.model)) != why):
            raise ConfigError(why)


def _with_run(config: StreamConfig, run: AppConfig, opened: AppConfig) -> StreamConfig:
    """Return what is set for a stream, with what it shares with the run or what has changed of that."""
    own: dict[str, Any] = {
        key: section
        for key, section in run.sections_of(config).items()
        if getattr(config, key) is not None or getattr(run, key) != getattr(opened, key)
    }
    if config.model is None:
        changed = {key: getattr(run.model, key) for key in MODEL_KEYS}
        own |= {
            key: one
            for key, one in changed.items()
            if getattr(config, key) is None and one != getattr(opened.model, key)
        }
    return config.model_copy(update=own)
