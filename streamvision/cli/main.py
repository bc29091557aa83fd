"""``streamvision``: the entry point, and how errors reach the user."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence

import click

import streamvision
from streamvision.cli.data import data
from streamvision.cli.demo import demo
from streamvision.cli.doctor import doctor
from streamvision.cli.eval import evaluation
from streamvision.cli.explain import explain
from streamvision.cli.run import run
from streamvision.cli.train import train
from streamvision.errors import StreamVisionError
from streamvision.redaction import RedactingFormatter


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(streamvision.__version__, prog_name="streamvision")
@click.option("-v", "--verbose", count=True, help="Log what happens (-v) or every detail (-vv) to stderr.")
def cli(verbose: int) -> None:
    """Cameras and files in; detected, tracked and drawn; live in a browser.

    \b
    First steps:
      streamvision doctor                                        what works on this machine
      streamvision demo --model yolo.onnx --source drive.mp4     watch a model at work
      streamvision run --source rtsp://camera/ --model yolo.onnx --serve 127.0.0.1:8080
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, handlers=[handler], force=True)


cli.add_command(run)
cli.add_command(demo)
cli.add_command(doctor)
cli.add_command(data)
cli.add_command(evaluation)
cli.add_command(explain)
cli.add_command(train)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error that is meant for the user is one sentence and exit code 1 (usage: 2)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(given, prog_name="streamvision", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except StreamVisionError as error:
        click.echo(f"streamvision: {error}", err=True)
        if "--json" in given:
            click.echo(json.dumps({"error": str(error)}))
        code = 1
    except (click.Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
