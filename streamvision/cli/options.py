"""Options of ``run`` and ``demo``: their help and meaning come from the configuration's own fields."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic import BaseModel

from streamvision.core.config.adaptive import AdaptiveConfig
from streamvision.core.config.app import (
    AppConfig,
    OutputsConfig,
    ServeConfig,
    StreamConfig,
    TrackerConfig,
    load_config,
    parse_config,
)
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


def field_option(flag: str, section: type[BaseModel], field: str, **overrides: Any) -> Callable[[F], F]:
    """Make an option out of a configuration field: its choices, type and help are the field's."""
    info = section.model_fields[field]
    options: dict[str, Any] = {"help": info.description, "default": None}
    kinds = [info.annotation, *get_args(info.annotation)]
    if get_origin(info.annotation) is Literal:
        options["type"] = click.Choice(get_args(info.annotation))
    else:
        options["type"] = next((k for k in (int, float, str, Path) if k in kinds), str)
    if info.annotation is bool:
        options |= {"type": bool, "is_flag": True}
    elif info.default is not None and not info.is_required():
        options["help"] = f"{info.description}  [default: {info.default}]"
    return click.option(flag, field, **(options | overrides))


def model_options(command: F) -> F:
    """Add the options that say which model runs and how."""
    for option in reversed(
        [
            field_option("--model", ModelConfig, "path", metavar="FILE"),
            field_option("--backend", ModelConfig, "backend"),
            field_option("--device", ModelConfig, "device"),
            field_option("--precision", ModelConfig, "precision"),
            field_option("--threads", ModelConfig, "threads"),
            field_option("--requests", ModelConfig, "requests"),
            field_option("--score", ModelConfig, "score"),
            field_option("--iou", ModelConfig, "iou"),
            field_option("--agnostic-nms", ModelConfig, "agnostic_nms"),
            field_option("--max-detections", ModelConfig, "max_detections"),
            field_option("--class", ModelConfig, "classes", multiple=True, metavar="NAME"),
            field_option("--head", ModelConfig, "head"),
            field_option(
                "--names",
                ModelConfig,
                "names",
                metavar="A,B,...",
                callback=lambda _c, _p, v: [n for part in v.split(",") if (n := part.strip())] if v else None,
            ),
        ]
    ):
        command = option(command)
    return command


def source_options(command: F) -> F:
    """Add the options that say where frames come from."""
    for option in reversed(
        [
            click.option(
                "--source",
                "sources",
                multiple=True,
                metavar="URI",
                help=f"{StreamConfig.model_fields['source'].description} Give it several times for several streams.",
            ),
            field_option("--rtsp-transport", StreamConfig, "rtsp_transport"),
            field_option("--effort", AdaptiveConfig, "mode"),
            field_option("--tracker", TrackerConfig, "name"),
        ]
    ):
        command = option(command)
    return command


def output_options(command: F) -> F:
    """Add the options that say where results go."""
    for option in reversed(
        [
            click.option(
                "--stage",
                "stages",
                multiple=True,
                metavar="MODULE:FUNCTION",
                help="Run code of yours on every frame; FILE.py:FUNCTION will do, too. May be given several times.",
            ),
            click.option(
                "--serve", metavar="HOST:PORT", help="Show all streams live on a web page, at 127.0.0.1:8080 for one."
            ),
            field_option("--detections", OutputsConfig, "detections", metavar="F.jsonl"),
            field_option("--mot", OutputsConfig, "mot", metavar="F.txt"),
            field_option("--record", OutputsConfig, "record", metavar="F.mp4"),
            field_option("--events", OutputsConfig, "events", metavar="F.jsonl|F.csv"),
            field_option("--event-pictures", OutputsConfig, "event_pictures", metavar="DIR"),
            field_option("--heat-map", OutputsConfig, "heat_map", metavar="F.png"),
            field_option("--max-frames", AppConfig, "max_frames"),
        ]
    ):
        command = option(command)
    return command


MODEL_FIELDS = tuple(ModelConfig.model_fields)
OUTPUT_FIELDS = tuple(OutputsConfig.model_fields)
STREAM_FIELDS = ("realtime", "loop", "rtsp_transport")


def build_config(config: Path | None, sources: tuple[str, ...], given: dict[str, Any]) -> AppConfig:
    """Join a YAML file and the command line, which wins.

    Raises:
        ConfigError: when something needed is missing or not accepted.
    """
    document: dict[str, Any] = load_config(config) if config else {}
    given = {key: value for key, value in given.items() if value is not None and value != () and value is not False}
    stream_settings = {key: given[key] for key in STREAM_FIELDS if key in given}
    if sources:
        document["streams"] = [{"source": source} for source in sources]
    if isinstance(streams := document.get("streams"), list):
        document["streams"] = [s | stream_settings if isinstance(s, dict) else s for s in streams]
    _merge(document, "model", {key: given[key] for key in MODEL_FIELDS if key in given})
    _merge(document, "outputs", {key: given[key] for key in OUTPUT_FIELDS if key in given})
    _merge(document, "effort", {"mode": given["mode"]} if "mode" in given else {})
    _merge(document, "tracker", {"name": given["name"]} if "name" in given else {})
    if "serve" in given:
        _merge(document, "serve", parse_address(given["serve"]))
    if "stages" in given:
        document["stages"] = [*(document.get("stages") or ()), *({"path": path} for path in given["stages"])]
    if "max_frames" in given:
        document["max_frames"] = given["max_frames"]
    if not config:
        _require_essentials(document)
    return parse_config(document, origin=str(config) if config else "command line")


def parse_address(text: str) -> dict[str, Any]:
    """Read HOST:PORT, HOST, PORT or [IPV6]:PORT.

    Raises:
        ConfigError: when the port is not a number.
    """
    host, colon, port = text.rpartition(":")
    if text.isdecimal():
        host, port = "", text
    elif not colon or text.endswith("]"):
        host, port = text, ""
    if port and not (port.isascii() and port.isdigit()):
        raise ConfigError(f"--serve {text}: {port!r} is not a port; give HOST:PORT, such as 127.0.0.1:8080")
    address: dict[str, Any] = {"host": host.strip("[]")} if host else {}
    return address | ({"port": int(port)} if port else {}) or {"host": ServeConfig().host}


def _merge(document: dict[str, Any], section: str, values: dict[str, Any]) -> None:
    if values:
        present = document.get(section)
        document[section] = (present if isinstance(present, dict) else {}) | values


def _require_essentials(document: dict[str, Any]) -> None:
    if "path" not in document.get("model", {}):
        raise ConfigError("no model was given; give one with --model FILE (.onnx, .xml or .tflite), or a --config")
    if not document.get("streams"):
        raise ConfigError(
            "no source was given; give one with --source URI (file, rtsp://, http://, ...), or a --config"
        )
