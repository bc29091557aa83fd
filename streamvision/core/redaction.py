"""Passwords never reach a log, a page or a metric: every message about a source goes through :func:`redact`."""

from __future__ import annotations

import logging
import re

_USER_INFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/?#\s'\"]*@", re.IGNORECASE)
# A password with an unescaped / ? or #: what follows the first colon is no port, so all up to the last @ is secret.
_BROKEN_USER_INFO = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/?#'\"@:*]*:(?!\d{1,5}(?:[/?#\s'\"]|$))[^\s'\"]*@", re.IGNORECASE
)
_SECRET_NAME = (
    r"[\w-]*(?:pass|pwd|(?:user|proxy)-(?:id|pw)|token|secret|credential|(?:api|access)[_-]?key|auth|user|usr|login|"
    r"signature|(?<=[?&;])(?:key|sig)(?==))[\w-]*"
)
# Some cameras take credentials as part of the path: rtsp://cam/user=admin&password=x&channel=1.
_SECRET_VALUE = re.compile(
    rf"(?P<name>(?<![A-Za-z0-9]){_SECRET_NAME}\s?=\s?)(?:\"[^\"]*\"|'[^']*'|[^&;#\s'\"]+)", re.IGNORECASE
)


def redact(text: str) -> str:
    """Return ``text`` with the credentials of every URI and GStreamer pipeline in it replaced by ``***``."""
    text = _USER_INFO.sub(r"\g<scheme>***@", text)
    text = _BROKEN_USER_INFO.sub(r"\g<scheme>***@", text)
    return _SECRET_VALUE.sub(r"\g<name>***", text)


class RedactingFormatter(logging.Formatter):
    """Formats log records without credentials, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line, redacted."""
        return redact(super().format(record))
