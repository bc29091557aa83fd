"""From the arguments of :func:`streamvision.stream` to a configuration."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from streamvision.core.config.app import AppConfig, OutputsConfig, StreamConfig, load_config, parse_config, parse_stage
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError
from streamvision.core.user_stage import Stage, stage_of

Source = str | Path
Sources = Source | Sequence[Source] | Mapping[str, Source]

MODEL_OPTIONS = tuple(name for name in ModelConfig.model_fields if name != "path")
STREAM_OPTIONS = tuple(name for name in StreamConfig.model_fields if name not in ("source", "id"))
OUTPUT_OPTIONS = tuple(OutputsConfig.model_fields)
SECTIONS = tuple(name for name in AppConfig.model_fields if name not in ("model", "streams", "stages"))


def build_config(
    sources: Sources | None,
    *,
    model: str | Path | None,
    config: Path | str | Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> AppConfig:
    """Join a configuration and the arguments, which win.

    Args:
        sources: one source, several, or sources by stream id; ``None`` where the configuration has them.
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
    if model is not None:
        document["model"] = {**_mapping(document, "model"), "path": model}
    for name, value in options.items():
        _set(document, name, value)
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
    if isinstance(sources, (str, Path)):
        return [{"source": str(sources)}]
    if isinstance(sources, Mapping):
        return [{"id": name, "source": str(source)} for name, source in sources.items()]
    return [{"source": str(source)} for source in sources]


def _set(document: dict[str, Any], name: str, value: Any) -> None:
    if name in SECTIONS:
        document[name] = _section(name, value)
    elif name in MODEL_OPTIONS:
        document["model"] = {**_mapping(document, "model"), name: value}
    elif name in OUTPUT_OPTIONS:
        document["outputs"] = {**_mapping(document, "outputs"), name: value}
    elif name in STREAM_OPTIONS:
        document["streams"] = [{**stream, name: value} for stream in document.get("streams", [])]
    else:
        known = [*MODEL_OPTIONS, *STREAM_OPTIONS, *OUTPUT_OPTIONS, *SECTIONS]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known options are {', '.join(known)}"
        raise ConfigError(f"streamvision.stream got the option {name!r}, which is not known: {hint}")


def _mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    present = document.get(key)
    return dict(present) if isinstance(present, Mapping) else {}


def _section(name: str, value: Any) -> Any:
    """Return a section's value; the tracker may be given by its name, the page by its address."""
    if name == "tracker" and isinstance(value, str):
        return {"name": value}
    if name == "serve" and isinstance(value, str):
        host, _, port = value.rpartition(":")
        return {"host": host.strip("[]") or "127.0.0.1", "port": port}
    return value
