"""Options from the environment: ``run --read-timeout`` also comes from ``STREAMVISION_RUN_READ_TIMEOUT``.

The name is that of the command and of the option's long form. The command line wins over the environment, and both win
over a configuration file. An option that may be given several times takes one value a line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import click

from streamvision.core.logs import say

PREFIX = "STREAMVISION"
_BESIDE = frozenset({"help", "verbose", "quiet", "log_format", "version"})
"""Options of which the program itself has the variable, or that make no sense there."""


def environment_options(command: click.Command, name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the environment says of a command's options, in the form of click's ``default_map``.

    Args:
        command: a command, or a group of commands.
        name: how it is called, with those above it, such as ``eval detect``.
        environ: the variables; an empty one says nothing.
    """
    if isinstance(command, click.Group):
        return {below: environment_options(one, f"{name} {below}", environ) for below, one in command.commands.items()}
    options = dict(_variables(command, name))
    prefix = f"{variable_name(name)}_"
    for variable in environ:
        if variable.startswith(prefix) and variable not in options:
            near = difflib.get_close_matches(variable, options, n=1, cutoff=0.6)
            hint = f"; did you mean {near[0]}?" if near else ""
            say(f"{variable} names no option of `streamvision {name}` and is not read{hint}", level=30)
    given = {variable: option for variable, option in options.items() if environ.get(variable)}
    return {
        str(option.name): environ[variable].splitlines() if option.multiple else environ[variable]
        for variable, option in given.items()
    }


def variable_name(*parts: str) -> str:
    """Return the variable of an option from the names of its command and its long form.

    >>> variable_name("eval detect", "--save-predictions")
    'STREAMVISION_EVAL_DETECT_SAVE_PREDICTIONS'
    """
    words = "_".join((PREFIX, *(part.lstrip("-") for part in parts)))
    return words.replace("-", "_").replace(" ", "_").upper()


def source_of(error: click.ClickException) -> str:
    """Return what tells the user that a value which is not accepted came from the environment; else nothing."""
    context, option = getattr(error, "ctx", None), getattr(error, "param", None)
    if context is None or not isinstance(option, click.Option) or option.name is None:
        return ""
    if context.get_parameter_source(option.name) is not click.core.ParameterSource.DEFAULT_MAP:
        return ""
    name = context.command_path.partition(" ")[2]
    variables = [variable for variable, one in _variables(context.command, name) if one is option]
    return f" (from {variables[0]})" if variables else ""


def _variables(command: click.Command, name: str) -> Iterator[tuple[str, click.Option]]:
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in _BESIDE:
            long_form = next((flag for flag in option.opts if flag.startswith("--")), None)
            if long_form is not None:
                yield variable_name(name, long_form), option
