"""The options that say what is logged; the program and each of its commands take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from streamvision.core.logs import LogFormat, LogSettings, configure, log_settings

FORMAT_VARIABLE = "STREAMVISION_LOG_FORMAT"
_META = "streamvision.logs"


def logging_options(*, from_environment: bool = False) -> list[click.Option]:
    """Return the options that say what is logged; the program and each of its commands take them.

    Args:
        from_environment: whether they also come from variables such as :data:`FORMAT_VARIABLE`.
    """
    common: dict[str, Any] = {"expose_value": False, "is_eager": True, "callback": _choose}
    options = [
        click.Option(
            ["-v", "--verbose"], count=True, help="Log what happens (-v) or every detail (-vv) to stderr.", **common
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            help="Say on stderr only what is wrong: no progress, no notes.",
            **common,
        ),
        click.Option(
            ["--log-format"],
            type=click.Choice(["text", "json"]),
            help="How stderr reads; json: one JSON object a line, with time, level, logger and message.",
            **common,
        ),
    ]
    for option in options if from_environment else ():
        option.envvar = f"STREAMVISION_{option.name}".upper()
    return options


def _choose(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Take what was said before the command and after it together."""
    chosen = context.meta.setdefault(_META, {"verbose": 0, "quiet": False, "log_format": None})
    if option.name == "verbose":
        chosen["verbose"] += value or 0
    elif value:
        chosen[option.name] = value
    configure(
        LogSettings(chosen["verbose"], chosen["quiet"], chosen["log_format"] or log_settings().log_format),
    )


def format_of(arguments: Sequence[str], environ: Mapping[str, str]) -> LogFormat:
    """Return the format that is asked for, where the command line itself cannot be understood."""
    asked = environ.get(FORMAT_VARIABLE, "text")
    for place, argument in enumerate(arguments, start=1):
        name, _, value = argument.partition("=")
        if name == "--log-format":
            asked = value or "".join(arguments[place : place + 1])
    return "json" if asked == "json" else "text"
