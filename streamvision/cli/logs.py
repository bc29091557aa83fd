"""What goes to stderr: log records and lines for people, as text or as JSON.

A terminal shows no times, and the journal of systemd adds its own; everywhere else each line begins with the local time
and its zone, as ISO 8601 has it. The one sentence with which a command fails stays as it is, for scripts.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, TextIO

import click

from streamvision.core.redaction import RedactingFormatter

LogFormat = Literal["text", "json"]
FORMAT_VARIABLE = "STREAMVISION_LOG_FORMAT"
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_META = "streamvision.logs"
_OWN = "streamvision"
_PLAIN = "plain"


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
        verbosity=chosen["verbose"],
        quiet=chosen["quiet"],
        log_format=chosen["log_format"] or _handler.log_format,
    )


def format_of(arguments: Sequence[str], environ: Mapping[str, str]) -> LogFormat:
    """Return the format that is asked for, where the command line itself cannot be understood."""
    asked = environ.get(FORMAT_VARIABLE, "text")
    for place, argument in enumerate(arguments, start=1):
        name, _, value = argument.partition("=")
        if name == "--log-format":
            asked = value or "".join(arguments[place : place + 1])
    return "json" if asked == "json" else "text"


def _is_journal(environ: Mapping[str, str]) -> bool:
    """Say whether stderr is the journal of systemd, which names its file so."""
    try:
        about = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


class _TextFormatter(RedactingFormatter):
    def __init__(self, *, stamped: bool) -> None:
        super().__init__()
        self._stamped = stamped

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line without a traceback."""
        stamp = f"{_iso_time(record)} " if self._stamped else ""
        name = "" if getattr(record, _PLAIN, False) else f"{record.levelname} {record.name}: "
        return f"{stamp}{name}{record.message}"


class _JsonFormatter(RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object on one line; a traceback is part of the message."""
        fields = {
            "time": _iso_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": super().format(record),
        }
        return json.dumps(fields, ensure_ascii=False)


def _iso_time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is at the moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.quiet = False
        self.configure("text")

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Where lines go."""
        return sys.stderr

    def configure(self, log_format: LogFormat) -> None:
        """Write in this format from now on."""
        self.log_format: LogFormat = log_format
        stamped = not sys.stderr.isatty() and not _is_journal(os.environ)
        self.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter(stamped=stamped))


_handler = _Stderr()


def configure(*, verbosity: int = 0, quiet: bool = False, log_format: LogFormat = "text") -> None:
    """Send log records to stderr.

    Args:
        verbosity: 0: warnings; 1: what happens; 2: every detail.
        quiet: whether :func:`say` is silent, and only errors are logged.
        log_format: how a line reads.
    """
    _handler.quiet = quiet
    _handler.configure(log_format)
    level = logging.ERROR if quiet and not verbosity else _LEVELS[min(verbosity, 2)]
    logging.basicConfig(level=level, handlers=[_handler], force=True)


def is_quiet() -> bool:
    """Say whether only what is wrong is to be said."""
    return _handler.quiet


def say(text: str, *, level: int = logging.INFO) -> None:
    """Write a line for people; a quiet command says warnings and errors alone."""
    if level >= logging.WARNING or not _handler.quiet:
        _emit(text, level)


def say_failure(sentence: str) -> None:
    """Write the sentence with which a command fails, as ``streamvision: SENTENCE`` without a time, or as JSON."""
    if _handler.log_format == "json":
        _emit(sentence, logging.ERROR)
    else:
        click.echo(f"streamvision: {sentence}", err=True)


def log_failure(sentence: str) -> None:
    """Write what failed for good while the command goes on: on a terminal as it fails, elsewhere with the time."""
    if _handler.log_format == "text" and sys.stderr.isatty():
        say_failure(sentence)
    else:
        logging.getLogger(_OWN).error("%s", sentence)


def shown_once() -> bool:
    """Say whether what :func:`log_failure` wrote is not to be said again at the end; scripts read the end."""
    return _handler.log_format == "json" or sys.stderr.isatty()


def report_crashes() -> None:
    """Show the traceback of an error that nobody caught as a log record: without secrets, in the chosen format."""

    def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            logging.getLogger(_OWN).critical("an error that nobody expected", exc_info=(kind, error, trace))

    def thread_crashed(about: threading.ExceptHookArgs) -> None:
        if about.exc_value is not None and about.exc_type is not SystemExit:
            crashed(about.exc_type, about.exc_value, about.exc_traceback)

    sys.excepthook = crashed
    threading.excepthook = thread_crashed


def _emit(text: str, level: int) -> None:
    record = logging.LogRecord(_OWN, level, __file__, 0, text, None, None)
    setattr(record, _PLAIN, True)
    _handler.handle(record)
