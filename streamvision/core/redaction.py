"""Passwords never reach a log, a page or a metric: every message about a source goes through :func:`redact`.

Texts from outside are read once from left to right, so that the time grows with their length alone: patterns that look
for a name of any length before a ``=`` took 25 s for the 3.5 kB that a camera may send as its reason, and a pattern
holds the interpreter's lock.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from streamvision.core.addresses import MASK, SCHEME, is_open, masked

MAX_SHORT = 120
MAX_CHARACTERS = 2048
"""Most that is shown of a text from outside, such as a camera's reason or the error of somebody's code."""

_MAX_READ = 65536
_MAX_NAME = 64
_MAX_PASSWORD = 128
_MARK = re.compile(rf"{SCHEME.pattern}|[=:]", re.IGNORECASE)
_ADDRESS_END = re.compile(r"[\s'\"`]|$")
_BEHIND_ADDRESS = ").,;:!>}"
_LATER_HOST = re.compile(r"@(?=[\w\[])")
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_VALUE = re.compile(
    r"\s?(?:\([\w-]{1,32}\))?(?:\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|$)|'[^'\\]*(?:\\.[^'\\]*)*(?:'|$)"
    r"|(?:\\.|[^\s\"'&;,\\]|[&;,](?!\s|$|[\w-]{1,64}=)|[\"'](?=\w))+)",
    re.DOTALL,
)
_LINE = re.compile(r"[^\r\n]*")
_PASSWORD_BEFORE_HOST = re.compile(rf"[^\s'\"@]{{1,{_MAX_PASSWORD}}}@(?=[\w\[])")
_STRONG = re.compile(
    r"passw|passphrase|pwd|secret|credential|authorization|cookie|(?:api|access|private)[_-]?key", re.IGNORECASE
)
_WEAK = re.compile(
    r"pass|token|auth|login|signature|user|usr|(?:^|[_-])(?:p|pw|key|sig|sas|jwt|pin|psk)(?:$|[_-])", re.IGNORECASE
)
_HEADER = re.compile(r"authorization|cookie", re.IGNORECASE)
_CONTROLS = (*range(32), 127, *range(0x80, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000))
_UNPRINTABLE = {code: " " for code in _CONTROLS if chr(code) not in "\t\n"}


_MIN_SECRET = 4
"""A shorter text stands in many words, and hiding these would only show it."""
_MAX_SECRETS = 1024


class _KnownSecrets:
    """Texts that are secret wherever they stand, such as what a configuration's references stand for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, texts: Iterable[str]) -> None:
        """Hide these from now on; of very many the oldest are forgotten."""
        with self._lock:
            new = [text for text in texts if len(text) >= _MIN_SECRET and text not in self._texts]
            if new:
                self._texts |= dict.fromkeys(new)
                self._texts = dict.fromkeys(list(self._texts)[-_MAX_SECRETS:])
                forms = {form for text in self._texts for form in _written_forms(text)}
                self._pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))

    def texts(self) -> tuple[str, ...]:
        """Return all of them."""
        return tuple(self._texts)

    def hide(self, text: str) -> str:
        """Return a text with ``***`` for each of them."""
        return self._pattern.sub(MASK, text) if self._pattern else text


_known = _KnownSecrets()
remember_secrets = _known.add
known_secrets = _known.texts


def is_secret_name(name: str) -> bool:
    """Say whether what has this name, such as ``CAMERA_PASSWORD``, is secret."""
    return _STRONG.search(name) is not None or _WEAK.search(name) is not None


def _written_forms(secret: str) -> set[str]:
    """Return how a secret may stand in a text: as it is, escaped in an address, quoted in JSON and by Python."""
    escaped = {quote(secret, safe=""), quote(secret, safe=":%"), quote(secret), quote_plus(secret)}
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    } | escaped


def redact(text: str) -> str:
    """Return ``text`` with the secrets of every address, option, header and GStreamer property in it as ``***``."""
    text = _known.hide(text)
    parts: list[str] = []
    done = 0
    while mark := _MARK.search(text, done):
        parts.append(text[done : mark.start()])
        shown, done = _redacted_at(text, mark)
        parts.append(shown)
    return "".join([*parts, text[done:]])


def redact_source(text: str) -> str:
    """Return what may be shown of a source; where it is an address, all of the text belongs to it, spaces included.

    >>> redact_source("rtsp://admin:my 'pass@cam/live")
    'rtsp://***@cam/live'
    """
    text = _known.hide(text)
    scheme = SCHEME.match(text)
    return f"{scheme[0]}{masked(text[scheme.end() :])}" if scheme else redact(text)


def printable(text: str) -> str:
    """Return a text with a space for whatever would command a terminal, or cannot be written at all."""
    return text.translate(_UNPRINTABLE)


def short(text: str) -> str:
    """Return the beginning of a text, on one line, as much of it as a message should repeat."""
    line = " ".join(text[: 8 * MAX_SHORT].split())
    return line if len(line) <= MAX_SHORT and len(text) <= 8 * MAX_SHORT else f"{line[:MAX_SHORT]}..."


def redact_outside(text: str) -> str:
    """Return what may be shown of a text from outside: without secrets and control characters, 2 kB at most."""
    shown = printable(redact(text[:_MAX_READ]))
    return shown if len(shown) <= MAX_CHARACTERS else f"{shown[: MAX_CHARACTERS - 4]} ..."


class RedactingFormatter(logging.Formatter):
    """Formats log records without credentials, tracebacks included, no line longer than 2 kB."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line, redacted."""
        lines = printable(redact(super().format(record)[:_MAX_READ])).split("\n")
        return "\n".join(line if len(line) <= MAX_CHARACTERS else f"{line[:MAX_CHARACTERS]} ..." for line in lines)


def _redacted_at(text: str, mark: re.Match[str]) -> tuple[str, int]:
    """Return what is shown of a text from a mark on, and the place up to which that reaches."""
    begin = mark.end()
    if len(mark[0]) > 1:
        end = _address_end(text, begin)
        address = text[begin:end]
        bare = address.rstrip(_BEHIND_ADDRESS)
        return f"{mark[0]}{masked(bare)}{address[len(bare) :]}", end
    is_quoted, name = _name_before(text, mark.start())
    if _STRONG.search(name) or (_WEAK.search(name) and (mark[0] == "=" or is_quoted)):
        value = (_LINE if _HEADER.search(name) and mark[0] == ":" else _VALUE).match(text, begin)
        if value and value.end() > begin:
            return f"{mark[0]}{' ' * value[0].startswith(' ')}{MASK}", value.end()
    elif mark[0] == ":" and name and (password := _PASSWORD_BEFORE_HOST.match(text, begin)):
        return f":{MASK}@", password.end()
    return mark[0], begin


def _address_end(text: str, begin: int) -> int:
    """Return where an address ends: at a space or a quote, unless that belongs to a password."""
    found = _ADDRESS_END.search(text, begin)
    end = found.start() if found else len(text)
    if not is_open(text[begin:end]):
        return end
    another = SCHEME.search(text, end, end + _MAX_PASSWORD)
    hosts = list(_LATER_HOST.finditer(text, end, another.start() if another else end + _MAX_PASSWORD))
    if not hosts:
        return end
    found = _ADDRESS_END.search(text, hosts[-1].end())
    return found.start() if found else len(text)


def _name_before(text: str, end: int) -> tuple[bool, str]:
    """Return the word before a ``=`` or ``:``, and whether it stands in quotes."""
    before = text[max(end - _MAX_NAME - 3, 0) : end].rstrip(" \t")
    bare = before.rstrip("'\"")
    return bare != before, bare[len(bare.rstrip(_WORD)) :]
