"""From the arguments of :func:`streamvision.stream` to a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from streamvision.core.config.app import AppConfig, load_config, parse_config, parse_stage
from streamvision.core.config.merging import join_options
from streamvision.core.user_stage import Stage, stage_of

Source = str | Path
Sources = Source | Sequence[Source | Sequence[Source]] | Mapping[str, Source | Sequence[Source]]


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
        model: the model file; ``None`` where the configuration has it.
        config: YAML file or mapping with the keys of ``docs/configuration.md``.
        options: keys of the model, the streams, the outputs, and whole sections, by name.

    Raises:
        ConfigError: when something needed is missing, not known or not accepted.
    """
    document: dict[str, Any] = (
        dict(config) if isinstance(config, Mapping) else load_config(Path(config)) if config else {}
    )
    if sources is not None:
        document["streams"] = _streams(sources)
    given = {**options, "model": model} if model is not None else options
    return parse_config(join_options(document, given), origin="streamvision.stream")


def read_stage(given: Callable[..., object] | str | Mapping[str, Any]) -> Stage:
    """Return a stage from code, from its dotted path or from a mapping as the configuration has it.

    Raises:
        ConfigError: when there is no such code, or a setting is not accepted.
    """
    if isinstance(given, str):
        given = {"path": given}
    return stage_of(parse_stage(given, origin="streamvision.stream") if isinstance(given, Mapping) else given)


def _streams(sources: Sources) -> list[dict[str, Any]]:
    if isinstance(sources, (str, Path)):
        return [{"source": str(sources)}]
    if isinstance(sources, Mapping):
        return [{"id": name, "source": _texts(source)} for name, source in sources.items()]
    return [{"source": _texts(source)} for source in sources]


def _texts(source: Source | Sequence[Source]) -> str | list[str]:
    return str(source) if isinstance(source, (str, Path)) else [str(part) for part in source]
