"""TensorRT's messages go to Python's log, and its last errors into ours: its functions only say that they failed."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from streamvision.inference.backends.tensorrt_api import TensorRt

logger = logging.getLogger("streamvision.tensorrt")

_LEVELS = {
    "INTERNAL_ERROR": logging.ERROR,
    "ERROR": logging.ERROR,
    "WARNING": logging.INFO,
    "INFO": logging.DEBUG,
    "VERBOSE": logging.DEBUG,
}
"""TensorRT warns of much that its users cannot mend."""

_KEPT_ERRORS = 8


class ErrorLog:
    """The last errors that TensorRT has reported."""

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=_KEPT_ERRORS)

    def take(self, severity: str, message: str) -> None:
        """Pass a message on, and keep it where it is an error."""
        level = _LEVELS.get(severity, logging.DEBUG)
        if level >= logging.ERROR:
            self._errors.append(message.strip())
        logger.log(level, "%s", message)

    def cause(self) -> str:
        """Return the first of the kept errors, which the others follow from, in one line."""
        return " ".join(self._errors[0].split())[:300].rstrip(".") if self._errors else "TensorRT does not say why"


def tensorrt_logger(tensorrt: TensorRt, errors: ErrorLog) -> Any:
    """Return an ``ILogger``; TensorRT only takes classes derived from its own."""

    class Logger(tensorrt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            errors.take(severity.name, msg)

    return Logger()
