"""Every error that StreamVision raises on purpose.

Each message is one sentence or two: what was given, what is accepted, what to do. Each class also derives
from the builtin that fits, so that callers may catch either.
"""

from __future__ import annotations

from streamvision.core.redaction import printable, redact


class StreamVisionError(Exception):
    """Base of all errors whose message is meant for the user; the CLI prints it without a traceback.

    Whatever its message quotes, such as a configuration or the error of somebody's code, is shown without
    secrets and without control characters.
    """

    def __str__(self) -> str:
        """Return the message, redacted."""
        return printable(redact(super().__str__()))


class ConfigError(StreamVisionError, ValueError):
    """A configuration file, option or argument has a value that is not accepted."""


class MissingDependencyError(StreamVisionError, ImportError):
    """An optional package is needed; the message names the command that installs it."""


class ModelError(StreamVisionError, ValueError):
    """A file is not a model, is damaged, or does something that its card does not say."""


class ModelAwayError(ModelError):
    """The server of a model does not answer, or not in time; it may come back."""


class ModelRefusedError(ModelError):
    """The server of a model answers, and does not do what it is asked; it may later."""


class UnknownHeadError(ModelError):
    """The layout of a model's outputs is not known; the message says which options settle it."""


class DeviceError(StreamVisionError, RuntimeError):
    """The asked-for accelerator or precision would not really execute the model."""


class SourceError(StreamVisionError, OSError):
    """A source cannot be opened or read.

    ``permanent`` is true where trying again cannot help (no such file, wrong password): a live stream then
    fails at once instead of reconnecting for ever.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class SourceAbsentError(SourceError):
    """What was asked for is not there: no such path on the server, no such camera. It may come yet."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class SourceRefusedError(SourceError):
    """The user name or password was refused; each further try may lock the account."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class SourceStalledError(SourceError, TimeoutError):
    """A source that was live has sent nothing for longer than its read timeout."""


class OutputError(StreamVisionError, OSError):
    """A result cannot be written where it was asked to go, or the port to serve on is taken."""


class StateError(StreamVisionError, OSError):
    """What a service remembers cannot be read or written: its folder, or its database."""


class BusyError(StreamVisionError, RuntimeError):
    """What is asked for few can do at a time, and they are at it: the same is done in a while."""


class ExportError(StreamVisionError, RuntimeError):
    """A model cannot be turned into the asked-for format; the message says why and what can be done."""


class ParityError(ExportError):
    """An export does not do what its source does; the message names the first stage that differs, and by how much."""
