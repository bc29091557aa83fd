"""From the arguments of :func:`streamvision.stream` to a configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from streamvision.core.config.app import AppConfig, load_config, parse_config, parse_stage
from streamvision.core.config.merging import join_options
from streamvision.core.config.references import expand
from streamvision.core.errors import ConfigError
from streamvision.core.user_stage import Stage, stage_of
from streamvision.models import with_default_model

Source = str | Path | int
Sources = Source | Sequence[Source | Sequence[Source]] | Mapping[str, Source | Sequence[Source]]
log = logging.getLogger("streamvision")


def build_config(
    sources: Sources | None,
    *,
    model: str | Path | None,
    config: Path | str | Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> AppConfig:
    """Join a configuration and the arguments, which win.

    Args:
        sources: one source, several, or sources by stream id; ``None`` where the configuration has them. A
            sequence of files, folders and globs in place of a source is one stream.
        model: the model file, or the name of one that ships; ``None`` where the configuration has it, or for the
            default one, which is then said.
        config: YAML file or mapping with the keys of ``docs/configuration.md``.
        options: keys of the model, the streams, the outputs, and whole sections, by name.

    Raises:
        ConfigError: when something needed is missing, not known or not accepted.
    """
    document: dict[str, Any] = {}
    if isinstance(config, Mapping):
        document = dict(config)
    elif config:
        document = expand(load_config(Path(config)), origin=str(config))
    if sources is not None:
        document["streams"] = _streams(sources)
    given = {**options, "model": model} if model is not None else options
    document, said = with_default_model(join_options(document, given))
    if said:
        log.warning("%s", said)
    return parse_config(document, origin="streamvision.stream")


def read_stage(given: Callable[..., object] | str | Mapping[str, Any]) -> Stage:
    """Return a stage from code, from its dotted path or from a mapping as the configuration has it.

    Raises:
        ConfigError: when there is no such code, or a setting is not accepted.
    """
    if isinstance(given, str):
        given = {"path": given}
    return stage_of(parse_stage(given, origin="streamvision.stream") if isinstance(given, Mapping) else given)


def _streams(sources: Sources) -> list[dict[str, Any]]:
    if isinstance(sources, Mapping):
        return [{"id": name, "source": _texts(source)} for name, source in sources.items()]
    if _is_one(sources) or not isinstance(sources, Sequence):
        return [{"source": _text(sources)}]
    return [{"source": _texts(source)} for source in sources]


def _texts(source: Source | Sequence[Source]) -> str | list[str]:
    if _is_one(source) or not isinstance(source, Sequence):
        return _text(source)
    return [_text(part) for part in source]


def _text(source: Any) -> str:
    if not _is_one(source):
        raise ConfigError(
            f"a source is {type(source).__name__}; give a file or an address as text, a Path, or the number of a camera"
        )
    return str(source)


def _is_one(source: object) -> bool:
    return isinstance(source, (str, Path, int)) and not isinstance(source, bool)
