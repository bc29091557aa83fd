"""Passwords never reach a log, a page or a metric: every message about a source goes through :func:`redact`."""

from __future__ import annotations

import logging
import re

_USER_INFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/?#\s'\"]*@", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(
    r"(?P<name>[?&;](?:pass(?:word|wd)?|pwd|token|secret|auth|api_?key|key|signature|sig|user(?:name)?)=)[^&;#\s'\"]+",
    re.IGNORECASE,
)
_PIPELINE_PROPERTY = re.compile(
    r"(?P<name>\b(?:user-id|user-pw|proxy-id|proxy-pw)\s*=\s*)(\"[^\"]*\"|\S+)", re.IGNORECASE
)


def redact(text: str) -> str:
    """Return ``text`` with the credentials of every URI and GStreamer pipeline in it replaced by ``***``."""
    text = _USER_INFO.sub(r"\g<scheme>***@", text)
    text = _SECRET_PARAMETER.sub(r"\g<name>***", text)
    return _PIPELINE_PROPERTY.sub(r"\g<name>***", text)


class RedactingFormatter(logging.Formatter):
    """Formats log records without credentials, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line, redacted."""
        return redact(super().format(record))
