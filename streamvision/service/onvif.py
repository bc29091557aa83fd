"""Cameras that speak ONVIF: found on the network, and asked for the addresses of their streams.

What a camera answers is read in a process of its own (:mod:`streamvision.service.onvif_client`), with bounds on time
and memory, since the library that reads it has none; that process connects to the camera alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from streamvision.core.control import OnvifDevice, OnvifProfile
from streamvision.core.errors import BusyError, ConfigError, MissingDependencyError, SourceError, SourceRefusedError
from streamvision.core.install import install_command
from streamvision.core.redaction import printable, short
from streamvision.service.onvif_discovery import discover

_T = TypeVar("_T")

TIMEOUT_S = 13.0
"""Longest time for all answers of a camera."""
MAX_PROFILES = 64
MAX_TEXT = 2000
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from streamvision.service.onvif_client import main; main()"
"""What the process executes: it finds the same modules as this one, whatever its folder holds."""


class Onvif:
    """Finds cameras and asks them; see :class:`streamvision.core.control.OnvifCameras`. Safe to use from any thread."""

    def __init__(self) -> None:
        self._busy = threading.Lock()

    def discover(self) -> list[OnvifDevice]:
        """Ask the network which cameras there are; it takes three seconds.

        Raises:
            SourceError: when it cannot be asked, or is being asked already.
        """
        return self._alone(discover)

    def profiles(self, address: str, user: str, password: str) -> list[OnvifProfile]:
        """Ask a camera which streams it offers.

        Raises:
            ConfigError: when the address is none.
            MissingDependencyError: when the ONVIF library is not installed.
            SourceRefusedError: when user or password are wrong.
            SourceError: when it does not answer, or not as ONVIF has it.
        """
        service = parse_address(address)
        if find_spec("onvif") is None:
            raise MissingDependencyError(
                f"asking a camera for its streams needs onvif-zeep-async: {install_command('onvif')}"
            )
        asked = {"host": service.host, "port": service.port, "tls": service.tls, "user": user, "password": password}
        answer = self._alone(lambda: _ask(asked))
        found = [_profile(one, service.host, user, password) for one in answer["profiles"][:MAX_PROFILES]]
        return [profile for profile in found if profile is not None]

    def _alone(self, action: Callable[[], _T]) -> _T:
        if not self._busy.acquire(blocking=False):
            raise BusyError("cameras are being asked already; try again in a few seconds")
        try:
            return action()
        finally:
            self._busy.release()


class ServiceAddress:
    """Where the ONVIF service of a camera is."""

    def __init__(self, host: str, port: int, *, tls: bool) -> None:
        self.host, self.port, self.tls = host, port, tls


def parse_address(address: str) -> ServiceAddress:
    """Return where the ONVIF service of a camera is.

    Raises:
        ConfigError: when the address is none.
    """
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ConfigError(
            f"{short(address)!r} is no address of a camera; give its name or address, such as 192.168.1.20 or "
            "camera:8080, and user and password beside it"
        )
    tls = parts.scheme == "https"
    return ServiceAddress(parts.hostname, port or (443 if tls else 80), tls=tls)


def parse_login(text: str) -> tuple[str, str, str]:
    """Return address, user and password of ``user:password@address``, as addresses of streams have them."""
    login, _, address = text.rpartition("@")
    user, _, password = login.partition(":")
    return address.rstrip("/"), unquote(user), unquote(password)


def _ask(asked: dict[str, Any]) -> dict[str, Any]:
    where = f"{asked['host']}:{asked['port']}"
    command = [sys.executable, "-c", _PROGRAM, *sys.path]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"the camera at {where} has not answered everything within {TIMEOUT_S:.0f} s") from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise SourceError(f"what the camera at {where} answers is too much, or not what ONVIF has") from None
    if answer.get("refused"):
        raise SourceRefusedError(f"the camera at {where} refuses this user name and password")
    if "error" in answer:
        raise SourceError(f"the camera at {where} cannot be asked: {printable(str(answer['error']))[:MAX_TEXT]}")
    return answer


def _profile(said: dict[str, Any], host: str, user: str, password: str) -> OnvifProfile | None:
    """Return a stream as it can be opened; ``None`` where its address is none of a camera's.

    The stream is on the machine that was asked, whatever the camera says: a password goes nowhere else.
    """
    try:
        parts = urlsplit(str(said["uri"])[:MAX_TEXT])
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("rtsp", "rtsps", "http", "https") or not parts.hostname:
        return None
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    where = f"[{host}]" if ":" in host else host
    source = parts._replace(netloc=f"{login}{where}{f':{port}' if port else ''}").geturl()
    return OnvifProfile(
        name=printable(str(said["name"]))[:MAX_TEXT],
        source=source,
        width_px=said["width_px"],
        height_px=said["height_px"],
        fps=said["fps"],
    )
