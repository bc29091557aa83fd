"""``streamvision config``: what a service runs with, shown or written as a configuration file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click
import yaml

from streamvision.cli.serve import read_document
from streamvision.cli.state_options import state_options
from streamvision.core.errors import ConfigError, StateError
from streamvision.core.files import write_whole
from streamvision.service.beginning import Beginning
from streamvision.service.layers import Layers
from streamvision.service.masking import masked
from streamvision.service.memory import BEGINNING, DOCUMENT, remembered
from streamvision.state.database import Database
from streamvision.state.folder import FILE_MODE, existing_folder
from streamvision.state.settings import read_setting

_log = logging.getLogger(__name__)


@click.group()
def config() -> None:
    """Show what a service runs with, or write it to a file."""


@config.command()
@state_options
def show(state: Path, database: str | None) -> int:
    """Print what a service runs with as YAML, passwords as ***."""
    document = _document(state, database)
    shown = masked({key: value for key, value in document.items() if key != "streams"})
    click.echo(as_yaml({**shown, "streams": [masked(stream) for stream in document["streams"]]}), nl=False)
    return 0


@config.command()
@state_options
@click.option("-o", "--output", type=Path, metavar="F.yaml", help="Where to; default: standard output.")
def export(state: Path, database: str | None, output: Path | None) -> int:
    """Write what a service runs with as a configuration file, passwords as they were given.

    A service that was started with this file rules by it from then on: what was changed on the page stands in it.
    Comments of the file before are lost; that file is kept beside it, as F.yaml.before.
    """
    text = as_yaml(_document(state, database))
    if output is None:
        click.echo(text, nl=False)
    else:
        if output.exists():
            write_whole(output.with_name(f"{output.name}.before"), output.read_bytes(), mode=FILE_MODE)
        write_whole(output, text, mode=FILE_MODE)
        click.echo(f"Written to {output}.", err=True)
    click.echo("It holds passwords as they were given: keep it to yourself.", err=True)
    return 0


def as_yaml(document: dict[str, Any]) -> str:
    """Return a configuration as a file has it."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def _document(state: Path, database: str | None) -> dict[str, Any]:
    """Return all that is set for a service, without the address of its page, which each start says.

    Raises:
        StateError: when there is no state.
    """
    opened = Database.open(database or existing_folder(state, begin="serve"))
    try:
        changed = remembered(opened)
        with opened.reading() as connection:
            beginning, last = read_setting(connection, BEGINNING), read_setting(connection, DOCUMENT)
    finally:
        opened.close()
    if beginning is None:
        raise StateError(f"no service has begun with {opened.place} yet; begin one with streamvision serve")
    try:
        document = Beginning.from_json(beginning).document(read_document)
    except ConfigError as error:
        _log.warning("%s; what the service read last is taken instead", error)
        document = last
    found = Layers.begin(document, *changed).exported()
    return {key: value for key, value in found.items() if not (key == "serve" and not value)}
