"""Plain values as files and the database hold them, and what they mean: references are resolved at the last moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.capture.ffmpeg.sources import PIPE
from pipelines.capture.registry import parse_source
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.references import escape, expand
from streamvision.core.config.section import validate
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.service.patches import Plain


def resolved(document: Mapping[str, Any], *, origin: str = "") -> Plain:
    """Return a document with what its references stand for; ``origin`` says in messages where it came from.

    Raises:
        ConfigError: when one stands for nothing.
    """
    expanded: Plain = expand(dict(document), origin=origin)
    return expanded


def literal(value: Any) -> Any:
    """Return what stands for a value that came from outside, in which nothing is a reference."""
    return escape(value)


def parsed_stream(document: Mapping[str, Any], *, origin: str) -> StreamConfig:
    """Return what is set for a stream.

    Raises:
        ConfigError: when a value is not accepted.
    """
    return validate(StreamConfig, resolved(document, origin=origin), origin=origin)


def parsed_run(document: Mapping[str, Any], *, origin: str) -> AppConfig:
    """Return what is set for the run.

    Raises:
        ConfigError: when a value is not accepted.
    """
    return parse_config(resolved(document, origin=origin), origin=origin)


def suggested_id(config: StreamConfig) -> str:
    """Return the id that a stream without one has, as far as its source can be told today."""
    try:
        return parse_source(config.source, policy=config.policy, realtime=config.realtime).suggest_id
    except SourceError:
        return "stream"


def is_pipe(source: str) -> bool:
    """Say whether a source is a named pipe, or a device that gives bytes one after another; it is not opened."""
    try:
        return parse_source(source).kind == PIPE.name
    except SourceError:
        return False


def plain(value: Any) -> Any:
    """Return a value of a configuration as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
