"""Help in sections: dozens of options in one list are read by nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_HEADINGS: dict[click.Parameter, str] = {}
"""The section that an option of a command stands in; without one it is among the first."""


def together(*options: Callable[[Any], Any], heading: str | None = None) -> Callable[[F], F]:
    """Return what adds several options to a command, which shows them in this order.

    Args:
        options: decorators, as :func:`click.option` makes them.
        heading: the section of the help that they stand in, for commands that have sections.
    """

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
            if heading is not None:
                _HEADINGS[command.__click_params__[-1]] = heading  # type: ignore[attr-defined]
        return command

    return add


class SectionedCommand(click.Command):
    """A command whose help has a section for each heading of :func:`together`, behind what has none."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for option in (one for one in self.get_params(ctx) if isinstance(one, click.Option)):
            if shown := option.get_help_record(ctx):
                sections.setdefault(_HEADINGS.get(option, "Options"), []).append(shown)
        for heading, shown_options in sections.items():
            with formatter.section(heading):
                formatter.write_dl(shown_options)
