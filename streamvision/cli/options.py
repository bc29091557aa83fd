"""Options of ``run`` and ``demo``: their help and meaning come from the configuration's own fields."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from click.shell_completion import CompletionItem
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streamvision.cli.sections import together
from streamvision.cli.sources import Sources, several_paths
from streamvision.core.config.across_cameras import AcrossCamerasConfig
from streamvision.core.config.adaptive import AdaptiveConfig
from streamvision.core.config.app import AppConfig, load_config, parse_config
from streamvision.core.config.camera import CameraConfig
from streamvision.core.config.classical import StepConfig
from streamvision.core.config.collect import CollectConfig
from streamvision.core.config.merging import join_options
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.config.privacy import PrivacyConfig
from streamvision.core.config.references import escape, expand
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.errors import ConfigError
from streamvision.core.logs import say
from streamvision.models import shipped_models, with_default_model

F = TypeVar("F", bound=Callable[..., Any])


class ListingOption(click.Option):
    """An option that chooses a plug-in; its help lists those that there are, of other packages, too.

    Args:
        registry: ``"module:NAME"`` of the registry, which is imported only to show the help.
        settings: what :class:`click.Option` takes.
    """

    def __init__(self, *settings: Any, registry: str, **more: Any) -> None:
        super().__init__(*settings, **more)
        self._registry = registry

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help with the names."""
        shown = super().get_help_record(ctx)
        return shown and (shown[0], f"{shown[1]}  [{', '.join(self._names())}]")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so; a source is named by its address, not by its kind."""
        names = [] if self.multiple else self._names()
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def _names(self) -> list[str]:
        module, _, attribute = self._registry.partition(":")
        names: list[str] = getattr(import_module(module), attribute).names()
        return names


def field_option(
    flag: str, section: type[BaseModel], field: str, *, alias: str = "", name: str | None = None, **overrides: Any
) -> Callable[[F], F]:
    """Make an option out of a configuration field: its choices, type and help are the field's.

    Args:
        flag: how the option is written.
        section: the part of the configuration that has the field.
        field: the field.
        alias: how it may be written, too.
        name: name of the command's argument; default: the field's.
        overrides: what else :func:`click.option` takes.
    """
    info = section.model_fields[field]
    options: dict[str, Any] = {"help": info.description, "default": None}
    kinds = [info.annotation, *get_args(info.annotation)]
    if get_origin(info.annotation) is Literal:
        options["type"] = click.Choice(get_args(info.annotation))
    else:
        options["type"] = next((k for k in (int, float, str, Path) if k in kinds), str)
    if registry := _registry(info):
        options |= {"cls": ListingOption, "registry": registry, "metavar": "NAME"}
    if info.annotation is bool:
        options |= {"type": bool, "is_flag": True}
    elif info.default not in (None, ()) and not info.is_required():
        options["help"] = f"{info.description}  [default: {info.default}]"
    flags = (flag, alias) if alias else (flag,)
    return click.option(*flags, name or field, **(options | overrides))


def _refuse_port(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Say what the page's address is given with; many programs have an option of this name."""
    if value is not None:
        raise click.UsageError("No such option --port or --host; give the page's address with --serve HOST:PORT.")


def _registry(field: FieldInfo) -> str | None:
    said = field.json_schema_extra
    return str(said["registry"]) if isinstance(said, dict) and "registry" in said else None


def names_option(**overrides: Any) -> Callable[[F], F]:
    """Return the option for class names, separated by commas; it gives a tuple."""

    def split(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        return tuple(name for part in value.split(",") if (name := part.strip())) if value else None

    return field_option("--names", ModelConfig, "names", metavar="A,B,...", callback=split, **overrides)


def input_option(command: F) -> F:
    """Add the option that says how pictures are fed to the model."""
    keys = ", ".join(ModelInputConfig.model_fields)
    return click.option(
        "--input",
        "input",
        multiple=True,
        metavar="KEY=VALUE",
        callback=lambda _context, _option, given: parse_keys("--input", given, such_as="color=bgr or scale=1"),
        help=f"How pictures are fed to the model, such as color=bgr or mean=0.485,0.456,0.406 (keys: {keys}). May be "
        "given several times.",
    )(command)


step_option = click.option(
    "--step",
    "steps",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    cls=ListingOption,
    registry=_registry(StepConfig.model_fields["name"]),
    help="Without a network (--model none, which this implies): a step of OpenCV, such as mog2:history=300. Give it "
    "several times for several steps; where contours is not among them, open, close and contours follow.",
)
"""Option that says what finds objects where there is no network."""

slices_option = field_option("--slices", SlicesConfig, "tiles", name="slices", metavar="auto|off|COLSxROWS|SIDEpx")
"""Option of every command that shows a network large pictures."""


trust_option = click.option(
    "--trust-checkpoint",
    is_flag=True,
    help="Read a checkpoint that asks for more than networks need; that runs its author's code.",
)
"""Option of every command that opens a checkpoint."""


def parse_keys(option: str, given: Sequence[str], *, such_as: str) -> dict[str, Any] | None:
    """Return the keys and values of an option ``KEY=VALUE``, not yet validated; ``None`` where there are none.

    Raises:
        ConfigError: when one has no value.
    """
    document: dict[str, Any] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            raise ConfigError(f"{option} {one} has no value; give a key with its value, such as {such_as}")
        parts = value.split(",")
        document[key.strip()] = parts if len(parts) > 1 else _number(value.strip())
    return document or None


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _shipped_names(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in shipped_models() if incomplete and name.startswith(incomplete)]


model_options = together(
    field_option(
        "--model", ModelConfig, "path", name="model", type=str, metavar="FILE|NAME|URL", shell_complete=_shipped_names
    ),
    step_option,
    field_option("--backend", ModelConfig, "backend"),
    field_option("--device", ModelConfig, "device"),
    field_option("--precision", ModelConfig, "precision"),
    field_option("--threads", ModelConfig, "threads"),
    field_option("--requests", ModelConfig, "requests"),
    field_option("--tune", ModelConfig, "tune"),
    field_option("--score", ModelConfig, "score", alias="--conf"),
    field_option("--imgsz", ModelConfig, "side_px", metavar="PX"),
    field_option("--iou", ModelConfig, "iou"),
    field_option("--agnostic-nms", ModelConfig, "agnostic_nms"),
    field_option("--max-detections", ModelConfig, "max_detections"),
    field_option(
        "--class",
        ModelConfig,
        "classes",
        alias="--classes",
        multiple=True,
        metavar="NAME|N",
        help=f"{ModelConfig.model_fields['classes'].description} May be given several times; --classes A,B and "
        "--classes 0 2 say the same.",
    ),
    field_option("--head", ModelConfig, "head"),
    names_option(),
    input_option,
    heading="The model",
)
"""Options that say which model runs and how."""


source_options = together(
    click.argument("addresses", nargs=-1, metavar="[SOURCE]..."),
    click.option(
        "--source",
        "sources",
        multiple=True,
        metavar="URI...",
        callback=several_paths,
        cls=ListingOption,
        registry=_registry(StreamConfig.model_fields["source"]),
        help=f"{StreamConfig.model_fields['source'].description} Give it several times for several streams; the first "
        "needs no --source.",
    ),
    field_option("--track", StreamConfig, "track", metavar="N"),
    field_option("--decode", StreamConfig, "decode"),
    field_option("--damaged", StreamConfig, "damaged"),
    field_option("--rtsp-transport", StreamConfig, "rtsp_transport"),
    field_option("--snapshot-fps", StreamConfig, "snapshot_fps", metavar="FPS"),
    field_option("--read-timeout", StreamConfig, "read_timeout_s", metavar="SECONDS"),
    click.option(
        "--camera",
        "camera",
        multiple=True,
        metavar="KEY=VALUE",
        callback=lambda _context, _option, given: parse_keys(
            "--camera", given, such_as="field_of_view_deg=62 or height_m=1.3"
        ),
        help="What the camera is, for models that place objects in space, such as field_of_view_deg=62, or "
        "focal_px=1150, and height_m=1.3; field_of_view_deg=assumed where nobody knows, and distances are marked as "
        f"estimated (keys: {', '.join(CameraConfig.model_fields)}). May be given several times.",
    ),
    field_option("--effort", AdaptiveConfig, "mode", name="adaptive"),
    slices_option,
    field_option("--tracker", TrackerConfig, "name", name="tracker"),
    field_option("--across-cameras", AcrossCamerasConfig, "model", name="across_cameras", metavar="FILE"),
    heading="Where frames come from, and how they are followed",
)
"""Options that say where frames come from."""


privacy_options = together(
    field_option("--blur", PrivacyConfig, "blur"),
    field_option("--blur-model", PrivacyConfig, "blur_model", metavar="FILE"),
    field_option("--home", PrivacyConfig, "home", multiple=True, metavar="LAT,LON,RADIUS_M"),
    heading="What is hidden from everybody",
)
"""Options that say what is hidden from everybody."""


output_options = together(
    click.option(
        "--stage",
        "stages",
        multiple=True,
        metavar="MODULE:FUNCTION",
        help="Run code of yours on every frame; FILE.py:FUNCTION will do, too. May be given several times.",
    ),
    click.option(
        "--serve",
        metavar="HOST:PORT",
        help="Show all streams live on a web page at this address, such as 127.0.0.1:8080.",
    ),
    click.option("--port", "--host", hidden=True, expose_value=False, callback=_refuse_port),
    field_option("--detections", OutputsConfig, "detections", metavar="F.jsonl"),
    field_option("--mot", OutputsConfig, "mot", metavar="F.txt"),
    field_option("--record", OutputsConfig, "record", metavar="F.mp4"),
    field_option("--events", OutputsConfig, "events", metavar="F.jsonl|F.csv"),
    field_option("--event-pictures", OutputsConfig, "event_pictures", metavar="DIR"),
    field_option("--collect", CollectConfig, "folder", name="collect", metavar="DIR"),
    field_option("--table", OutputsConfig, "table", metavar="F.csv"),
    field_option("--smooth", OutputsConfig, "smooth"),
    field_option("--overwrite", OutputsConfig, "overwrite"),
    field_option("--heat-map", OutputsConfig, "heat_map", metavar="F.png"),
    field_option("--position", AppConfig, "position", metavar="URI"),
    field_option("--max-frames", AppConfig, "max_frames"),
    field_option("--workers", AppConfig, "workers"),
    heading="What becomes of the results",
)
"""Options that say where results go."""


def build_config(config: Path | None, sources: Sources, given: dict[str, Any]) -> AppConfig:
    """Join a YAML file and the command line, which wins.

    Args:
        config: the file; ``None`` where there is none.
        sources: what ``--source`` gave, a source or several paths each; they replace the streams of the file.
        given: the other options by name; absent ones are ``None``, empty or ``False``.

    Raises:
        ConfigError: when something needed is missing or not accepted.
        ModelError: when no model was given, and none ships with this installation.
    """
    origin = str(config) if config else "command line"
    streams = [{"source": as_typed(source)} for source in sources]
    document = expand(joined_document(config, given_options(given), streams=streams), origin=origin)
    if not config and not document.get("streams"):
        raise ConfigError(
            "no source was given; name one, such as drive.mp4, rtsp://camera/ or /dev/video0, or give a --config"
        )
    document, said = with_default_model(document)
    if said:
        say(said)
    return parse_config(document, origin=origin)


def as_typed(source: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Return a source in which nothing is a reference where it names what there is, as shells write it for a glob."""
    if isinstance(source, tuple):
        return tuple(str(as_typed(part)) for part in source)
    return escape(source) if "$" in source and os.access(source, os.F_OK) else source


def given_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, by name; absent ones are ``None``, empty or ``False``."""
    return {key: value for key, value in given.items() if value is not None and value != () and value is not False}


def joined_document(
    config: Path | None, options: dict[str, Any], *, streams: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Join a YAML file and options, not yet validated.

    Args:
        config: the file; ``None`` where there is none.
        options: by name, those that were given.
        streams: replace the streams of the file, where there are any.

    Raises:
        ConfigError: when the file cannot be read, or an option is not known.
    """
    document: dict[str, Any] = load_config(config) if config else {}
    options = dict(options)
    if streams:
        document["streams"] = list(streams)
    if stages := options.pop("stages", ()):
        document["stages"] = [*(document.get("stages") or ()), *({"path": path} for path in stages)]
    return join_options(document, options)


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height in pixels from WxH.

    Raises:
        ConfigError: when it is not that, or not from 16 to 8192.
    """
    width, _, height = text.lower().partition("x")
    if not all(side.isascii() and side.isdigit() and 16 <= int(side) <= 8192 for side in (width, height)):
        raise ConfigError(f"--size {text} is not a size; give WxH in pixels from 16 to 8192, such as 640x360")
    return int(width), int(height)
