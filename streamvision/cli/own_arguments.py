"""Keeps what was given on the command line out of the list of processes, as far as it is secret.

Linux shows everybody the memory in which a process got its arguments. Secrets in it are overwritten in place; until
then, some hundredths of a second, they can be seen, which is why the documentation has better ways to give them.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

from streamvision.core.redaction import redact, redact_source

_ARGUMENTS = slice(47, 49)
"""Fields of /proc/self/stat that say from where to where the arguments reach, counted from 0; see proc(5)."""


def hide_secrets_of_own_arguments() -> None:
    """Overwrite the secrets in this process's arguments; elsewhere than on Linux, do nothing."""
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, ValueError):
        shown = Path("/proc/self/cmdline").read_bytes()
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = (int(field) for field in ["", "", *fields][_ARGUMENTS])
        hidden = b"\0".join(_hidden(argument) for argument in shown.split(b"\0"))
        if begin and end - begin == len(shown) == len(hidden) and hidden != shown:
            ctypes.memmove(begin, hidden, len(hidden))


def _hidden(argument: bytes) -> bytes:
    """Return an argument of the same length without what is secret in it."""
    text = argument.decode(errors="surrogateescape")
    name, equals, value = text.partition("=") if text.startswith("--") else ("", "", text)
    safe = f"{name}{equals}{redact_source(value)}"
    if equals and safe == text:
        safe = redact(text)
    if safe == text:
        return argument
    return safe.encode(errors="surrogateescape")[: len(argument)].ljust(len(argument))
