"""Takes out of a report what tells of people and places: users, hosts, folders, addresses, serial numbers."""

from __future__ import annotations

import contextlib
import getpass
import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streamvision.core.redaction import redact_outside

MASK = "***"
_MAX_DEPTH = 12
_MAX_ITEMS = 2000
_MIN_NAME = 3
"""A shorter name of a user or host stands in many words, and hiding it would only show it."""
_COMMON = frozenset({"root", "user", "nvidia", "ubuntu", "jetson", "localhost", "video", "home", "tegra-ubuntu"})
"""Names that tell of nobody, and that stand in the report for other reasons."""
_SYSTEM = ("/usr/", "/lib/", "/lib64/", "/dev/", "/proc/", "/sys/", "/etc/nv")
_PATH = re.compile(r"(?<![\w.:/*])(?:~|/)(?:[^\s/'\"`,;:()<>|]+/)+([^\s/'\"`,;:()<>|]*)")
_HOMES = re.compile(r"/(?:home|Users|media|run/media|run/user)/[^/]*")
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_PACKAGE_BEFORE = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+[ =]{1,2}$", re.IGNORECASE)
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f:.]{0,40}(?![\w:])", re.IGNORECASE)
_MAC = re.compile(r"(?<![\w:-])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:-])", re.IGNORECASE)
_UUID = re.compile(r"(?:GPU-|MIG-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_SERIAL = re.compile(r"(?i)(\bserial(?:[ _-]?(?:number|no))?\b\s*[:=]?\s*)[\w-]{4,64}")
_LONG_NUMBER = re.compile(r"(?<![\w.])\d{12,20}(?![\w.])")
_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://)([^\s/'\"`,;)]+)[^\s'\"`)]*", re.IGNORECASE)
_PUBLIC_HOSTS = ("pypi.jetson-ai-lab.io", "pypi.org", "onnxruntime.ai", "docs.nvidia.com", "developer.nvidia.com")


class ReportRedactor:
    """Hides what a report must not tell.

    Args:
        names: further names that tell of people and places; those of this machine's user and host are always hidden.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        known = {name.strip() for name in (*_own_names(), *names)}
        told = sorted((n for n in known if len(n) >= _MIN_NAME and n.lower() not in _COMMON), key=len, reverse=True)
        self._names = (
            re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in told), re.IGNORECASE) if told else None
        )

    def text(self, text: str) -> str:
        """Return what may be told of a text: at most 2 kB of it, on one or several lines."""
        shown = redact_outside(text)
        shown = _ADDRESS.sub(_without_host, shown)
        shown = _PATH.sub(_without_folder, shown)
        for pattern in (_UUID, _MAC, _MAIL, _LONG_NUMBER):
            shown = pattern.sub(MASK, shown)
        shown = _IPV6.sub(_without_ipv6, shown)
        shown = _IPV4.sub(_without_address, shown)
        shown = _SERIAL.sub(rf"\g<1>{MASK}", shown)
        return self._names.sub(MASK, shown) if self._names else shown

    def document(self, value: Any, depth: int = 0) -> Any:
        """Return a document of plain values with every text in it, keys too, as :meth:`text` returns it."""
        if depth > _MAX_DEPTH:
            return MASK
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            items = list(value.items())[:_MAX_ITEMS]
            return {self.text(str(key)): self.document(below, depth + 1) for key, below in items}
        if isinstance(value, (list, tuple)):
            return [self.document(below, depth + 1) for below in value[:_MAX_ITEMS]]
        return value if value is None or isinstance(value, (bool, int, float)) else self.text(str(value))


def _own_names() -> list[str]:
    """Return the names of the user, of the machine and of the user's folder."""
    names = [socket.gethostname(), socket.gethostname().partition(".")[0], Path.home().name]
    names += [os.environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER", "HOSTNAME")]
    with contextlib.suppress(OSError, KeyError):  # a user without an entry in the list of users
        names.append(getpass.getuser())
    return names


def _without_folder(found: re.Match[str]) -> str:
    if found[0].startswith(_SYSTEM):
        return found[0]
    return f".../{MASK}" if _HOMES.fullmatch(found[0]) else f".../{found[1]}"


def _without_ipv6(found: re.Match[str]) -> str:
    """Hide an address; what only looks like one, as the time of day does, stays."""
    try:
        ipaddress.IPv6Address(found[0].rstrip("."))
    except ValueError:
        return found[0]
    return MASK


def _without_host(found: re.Match[str]) -> str:
    return found[0] if found[2] in _PUBLIC_HOSTS else f"{found[1]}{MASK}"


def _without_address(found: re.Match[str]) -> str:
    """Hide an address; four numbers right behind a package's name are its version."""
    return found[0] if _PACKAGE_BEFORE.search(found.string[max(found.start() - 40, 0) : found.start()]) else MASK
