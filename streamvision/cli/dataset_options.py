"""The option that says which format labelled pictures are in, for every command that reads some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from streamvision.datasets.formats import FORMATS, WRITABLE

FORMAT_NAMES = click.Choice(list(FORMATS))
WRITABLE_NAMES = click.Choice(WRITABLE)


def format_option(flag: str = "--format", name: str = "data_format", *, of: str = "--data") -> Callable[[Any], Any]:
    """Return the option for the format of a data set.

    Args:
        flag: how the option is written.
        name: name of the command's argument.
        of: the argument or option that the data set is given with.
    """
    return click.option(flag, name, type=FORMAT_NAMES, help=f"Format of {of}; default: by its files.")
