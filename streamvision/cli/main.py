"""``streamvision``: the entry point, and how errors reach the user."""

from __future__ import annotations

import difflib
import errno
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence

import click

from streamvision.cli import elsewhere
from streamvision.cli.environment import environment_options, source_of
from streamvision.cli.log_options import format_of, logging_options
from streamvision.cli.own_arguments import hide_secrets_of_own_arguments
from streamvision.core.errors import StreamVisionError
from streamvision.core.importing import import_uncollected
from streamvision.core.logs import LogSettings, configure, report_crashes, say_failure
from streamvision.core.opening import left_behind
from streamvision.core.packages import check_packages
from streamvision.core.redaction import redact, short
from streamvision.core.version import __version__

COMMANDS = {
    "demo": "Watch a model at work in the browser.",
    "run": "Detect and track objects on one or more streams.",
    "serve": "Leave cameras running: changed on the page, there again after a restart.",
    "batch": "Do one command for each of many files, on the machines of a cluster.",
    "trip": "Turn the clips of a dashcam into drives, and a map of what was seen.",
    "config": "Show what a service runs with, or write it to a file.",
    "models": "See which models a service runs, and replace one while its streams go on.",
    "recordings": "See, export, keep and remove what a service has recorded.",
    "artifacts": "Publish signed models in a store, and pull them from there.",
    "users": "Manage who may use the page, and tokens for programs.",
    "probe": "See what a source is: its tracks, size, rotation, colours.",
    "collect": "Keep the frames of streams that are worth labelling.",
    "find": "Find an object again in recordings, by its appearance.",
    "doctor": "See what works here, and what to install for what.",
    "data": "Look into, convert and split labelled pictures.",
    "label": "Label pictures on a page in the browser.",
    "train": "Turn labelled pictures into weights.",
    "train-agent": "Let an agent learn to drive in the drawn drive.",
    "export": "Turn weights into files for other runtimes, each proven against its source.",
    "model-repository": "Put a model where Triton or MLServer serves it.",
    "eval": "Score a model or a tracker, and see why it is wrong.",
    "explain": "See which parts of an image a model uses.",
    "bench": "Measure speed, freshness and many viewers here.",
    "bundle": "Pack a model for an app: decoders and golden vectors.",
    "completion": "Let the shell complete commands, options and names.",
}
"""By name, what each command is for, in the order in which people meet them.

``cli/NAME.py`` holds ``NAME``, with ``_`` for ``-``.
"""


class LazyGroup(click.Group):
    """Imports a command when it is called, so that help is quick and no command pays for another's libraries."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names, in the order of :data:`COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import the command of that name."""
        if name not in COMMANDS:
            return None
        module = import_uncollected(f"streamvision.cli.{name.replace('-', '_')}")
        command = next(c for c in vars(module).values() if isinstance(c, click.Command) and c.name == name)
        _take_logging_options(command)
        context.default_map = {**(context.default_map or {}), name: environment_options(command, name, os.environ)}
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for one that is not there, name the nearest."""
        name = args[0]
        near = (
            [elsewhere.COMMANDS[name]]
            if name in elsewhere.COMMANDS
            else difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.6)
        )
        if name not in COMMANDS and near and not context.resilient_parsing:
            context.fail(f"No such command {name!r}; did you mean {near[0]!r}?")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _take_logging_options(command: click.Command) -> None:
    """Let a command, and those below it, take after their names what the program takes before them."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            _take_logging_options(below)
    elif not any(option.name == "log_format" for option in command.params):
        command.params += logging_options()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="streamvision", message="%(prog)s %(version)s")
def cli() -> None:
    """Cameras and files in; detected, tracked and drawn; live in a browser.

    \b
    First steps:
      streamvision demo                       watch the road-sign model on a drawn drive
      streamvision run drive.mp4 --save       find objects in a file, and record them drawn
      streamvision run rtsp://camera/ --model yolo.onnx --show
      streamvision doctor                     what works on this machine

    Options come from the environment, too: `run --source` from STREAMVISION_RUN_SOURCE, and so on; one value a line
    where an option may be given several times. The command line wins.
    """


cli.params += logging_options(from_environment=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error that is meant for the user is one sentence and exit code 1 (usage: 2)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    hide_secrets_of_own_arguments()
    configure(LogSettings(log_format=format_of(given, os.environ)))
    report_crashes()
    try:
        code = _run(given)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        sys.stderr.write(f"streamvision: the output could not be written: {error.strerror}; give it another place\n")
        sys.stderr.flush()
        os._exit(1)  # what is still buffered cannot be written either, and Python would say so with a traceback
    if left_behind():
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run(given: list[str]) -> int:
    if os.environ.get("_STREAMVISION_COMPLETE"):
        importlib.import_module("streamvision.cli.completion")  # the shell asks what could come next
    try:
        check_packages()
        code = cli.main(given, prog_name="streamvision", standalone_mode=False)
    except click.ClickException as error:
        _show_usage_error(elsewhere.meant_option(error) if isinstance(error, click.NoSuchOption) else error, given)
        return error.exit_code
    except StreamVisionError as error:
        return _failed(str(error), given)
    except OSError as error:
        if error.filename and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            place = f"{error.filename} cannot be written ({error.strerror})"
            return _failed(f"{place}; free space, or give another place", given)
        if error.errno != errno.ENAMETOOLONG:
            raise
        return _failed(f"{short(str(error.filename))} is longer than file systems take; give a shorter path", given)
    except (click.Abort, KeyboardInterrupt):
        return 130
    return code if isinstance(code, int) else 0


def _failed(sentence: str, given: Sequence[str]) -> int:
    """Tell an error, on stdout too where that is read by a program, and return the exit code."""
    say_failure(sentence)
    if "--json" in given:
        click.echo(json.dumps({"error": sentence}))
    return 1


def _show_usage_error(error: click.ClickException, given: Sequence[str]) -> None:
    if format_of(given, os.environ) == "json":
        say_failure(f"{error.format_message()}{source_of(error)}")
        return
    shown = io.StringIO()
    error.show(shown)
    click.echo(redact(f"{shown.getvalue().rstrip()}{source_of(error)}"), err=True)
