"""The options of commands that use a service's state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from streamvision.state.folder import default_folder

F = TypeVar("F", bound=Callable[..., Any])


def state_options(command: F) -> F:
    """Add ``--state`` and ``--database``, which give ``state`` (a folder) and ``database`` (an address, or none)."""
    database = click.option(
        "--database",
        metavar="URL",
        envvar="STREAMVISION_DATABASE",
        help="Keep the state in PostgreSQL, at postgresql://USER:PASSWORD@HOST/NAME, instead of SQLite in the state "
        "folder; better by the variable STREAMVISION_DATABASE, since others see a command line.",
    )
    state = click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        default=default_folder,
        help="Folder of all that is remembered.  [default: $STREAMVISION_STATE, or ~/.local/state/streamvision]",
    )
    return state(database(command))
