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
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Literal, NamedTuple, TextIO

from streamvision.core.redaction import RedactingFormatter, printable, redact
from streamvision.core.stderr import stderr, stderr_is_terminal

LogFormat = Literal["text", "json"]
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_OWN = "streamvision"
_PLAIN = "plain"


class LogSettings(NamedTuple):
    """What is logged, and how."""

    verbosity: int = 0
    """0: warnings; 1: what happens; 2: every detail."""
    quiet: bool = False
    """Whether :func:`say` is silent, and only errors are logged."""
    log_format: LogFormat = "text"
    """How a line reads."""


def _is_journal(environ: Mapping[str, str]) -> bool:
    """Say whether stderr is the journal of systemd, which names its file so."""
    try:
        about = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
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
        self.configure(LogSettings())

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Where lines go."""
        return stderr()

    def configure(self, settings: LogSettings) -> None:
        """Write so from now on."""
        self.settings = settings
        stamped = not stderr_is_terminal() and not _is_journal(os.environ)
        self.setFormatter(_JsonFormatter() if settings.log_format == "json" else _TextFormatter(stamped=stamped))


_handler = _Stderr()


def configure(settings: LogSettings) -> None:
    """Send log records to stderr."""
    _handler.configure(settings)
    level = logging.ERROR if settings.quiet and not settings.verbosity else _LEVELS[min(settings.verbosity, 2)]
    logging.basicConfig(level=level, handlers=[_handler], force=True)


def log_settings() -> LogSettings:
    """Return what is logged now, and how."""
    return _handler.settings


def is_quiet() -> bool:
    """Say whether only what is wrong is to be said."""
    return _handler.settings.quiet


def say(text: str, *, level: int = logging.INFO) -> None:
    """Write a line for people; a quiet command says warnings and errors alone."""
    if level >= logging.WARNING or not _handler.settings.quiet:
        _emit(text, level)


def say_failure(sentence: str) -> None:
    """Write the sentence with which a command fails, as ``streamvision: SENTENCE`` without a time, or as JSON."""
    if _handler.settings.log_format == "json":
        _emit(sentence, logging.ERROR)
    else:
        print(f"streamvision: {printable(redact(sentence))}", file=stderr(), flush=True)


def log_failure(sentence: str) -> None:
    """Write what failed for good while the command goes on: on a terminal as it fails, elsewhere with the time."""
    if _handler.settings.log_format == "text" and stderr_is_terminal():
        say_failure(sentence)
    else:
        logging.getLogger(_OWN).error("%s", sentence)


def shown_once() -> bool:
    """Say whether what :func:`log_failure` wrote is not to be said again at the end; scripts read the end."""
    return _handler.settings.log_format == "json" or stderr_is_terminal()


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
