"""Sources on the command line: behind ``--source`` or by themselves, one path or what a shell makes of a glob."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import click

from pipelines.capture.source import local_path
from streamvision.cli.sections import SectionedCommand
from streamvision.core.errors import ConfigError
from streamvision.core.redaction import redact_source

Sources = tuple[str | tuple[str, ...], ...]
"""What was given: a text for each stream, or several paths."""
_BETWEEN_PATHS = "\0"
"""No argument of a program can hold it."""
_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)
_GLOB = re.compile(r"[*?[%]")


class SourcesCommand(SectionedCommand):
    """A command whose sources stand behind ``--source`` or by themselves, and whose ``--classes`` takes several.

    Several paths behind one ``--source``, as shells make them of a glob, are one stream; so are files and folders that
    stand next to each other without it. An address or a device is a stream of its own.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrite what click does not know: several values behind one option."""
        before, rest = (args[: args.index("--")], args[args.index("--") :]) if "--" in args else (args, [])
        return super().parse_args(ctx, _with_joined_paths(_with_single_classes(before)) + rest)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command with all sources, those without ``--source`` first; the command line wins."""
        addresses, sources = ctx.params.pop("addresses"), ctx.params["sources"]
        is_typed = ctx.get_parameter_source("sources") is click.core.ParameterSource.COMMANDLINE
        ctx.params["sources"] = (*streams_of(addresses), *(sources if is_typed or not addresses else ()))
        return super().invoke(ctx)


def several_paths(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> Sources:
    """Return what each ``--source`` gave as a text, or as several where several paths were given for it."""
    parts = [tuple(value.split(_BETWEEN_PATHS)) for value in values]
    return tuple(part if len(part) > 1 else part[0] for part in parts)


def streams_of(addresses: Sequence[str]) -> Sources:
    """Return sources that were given without an option, stream by stream.

    Raises:
        ConfigError: when one is an option as other programs write them, ``conf=0.4``.
    """
    streams: list[str | tuple[str, ...]] = []
    in_a_row: list[str] = []
    for address in addresses:
        if _is_path(address):
            in_a_row.append(address)
            continue
        if in_a_row:
            streams.append(_one_stream(in_a_row))
            in_a_row = []
        if assigned := _ASSIGNMENT.fullmatch(address):
            name, value = assigned.groups()
            raise ConfigError(
                f"{name}=... is no source; options are written --{name.replace('_', '-')} {redact_source(value)}"
            )
        streams.append(address)
    return (*streams, *([_one_stream(in_a_row)] if in_a_row else []))


def _one_stream(paths: list[str]) -> str | tuple[str, ...]:
    return paths[0] if len(paths) == 1 else tuple(paths)


def _is_path(address: str) -> bool:
    """Return whether it is a file, a folder or a glob of these."""
    path = local_path(address)
    if path is not None:
        return path.is_file() or path.is_dir()
    return bool(_GLOB.search(address)) and ":" not in address


def _with_joined_paths(args: list[str]) -> list[str]:
    """Join what follows ``--source``, up to the next option, before click takes only the first."""
    joined: list[str] = []
    takes_more = False
    for arg in args:
        if joined and joined[-1] == "--source":
            joined.append(arg)
            takes_more = True
        elif takes_more and (arg == "-" or not arg.startswith("-")):
            joined[-1] += _BETWEEN_PATHS + arg
        else:
            joined.append(arg)
            takes_more = arg.startswith("--source=")
    return joined


def _with_single_classes(args: list[str]) -> list[str]:
    """Write ``--classes A,B`` and ``--classes 0 2`` as one ``--class`` for each."""
    written: list[str] = []
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        option, equals, value = arg.partition("=")
        if option != "--classes" or not (equals or rest):
            written.append(arg)
            continue
        values = [value if equals else rest.pop(0)]
        while rest and rest[0].isdigit():
            values.append(rest.pop(0))
        names = [name.strip() for one in values for name in one.split(",")]
        written += [part for name in names if name for part in ("--class", name)]
    return written
