"""The option that says which format labelled pictures are in, for every command that reads some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from streamvision.datasets.formats import FORMATS, WRITABLE
from streamvision.datasets.label_folders import LABEL_TITLES

FORMAT_NAMES = click.Choice(list(FORMATS))
WRITABLE_NAMES = click.Choice(WRITABLE)
LABEL_NAMES = click.Choice((*FORMATS, *LABEL_TITLES))
"""Formats with boxes, and pictures with a class each or for each pixel."""


def format_option(
    flag: str = "--format",
    name: str = "data_format",
    *,
    of: str = "--data",
    formats: click.Choice[str] = FORMAT_NAMES,
) -> Callable[[Any], Any]:
    """Return the option for the format of a data set.

    Args:
        flag: how the option is written.
        name: name of the command's argument.
        of: the argument or option that the data set is given with.
        formats: those that the command reads.
    """
    return click.option(flag, name, type=formats, help=f"Format of {of}; default: by its files.")
