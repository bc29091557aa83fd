"""Tells systemd how the service is doing (sd_notify(3)): datagrams on the socket that it names, else nothing."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

SEND_TIMEOUT_S = 1.0


class ServiceManager:
    """What a service says to the manager that started it.

    Args:
        environ: names the socket (``NOTIFY_SOCKET``) and the watchdog's time (``WATCHDOG_USEC``, ``WATCHDOG_PID``).
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._ping_every_s = _watchdog_s(environ) / 2
        self._pinged_at_s = float("-inf")

    def ready(self) -> None:
        """Say that all has begun, or that a reload is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is read anew; :meth:`ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Say that all is alive, where there is a watchdog and it is time to: twice in its period."""
        now_s = time.monotonic()
        if self._ping_every_s and now_s - self._pinged_at_s >= self._ping_every_s:
            self._pinged_at_s = now_s
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address.startswith(("/", "\0")):
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(SEND_TIMEOUT_S)
            sender.sendto(text.encode(), self._address)


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """Return the watchdog's period; 0 where there is none, or it is meant for another process."""
    period_us, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    is_ours = not pid or pid == str(os.getpid())
    return int(period_us) / 1e6 if is_ours and period_us.isascii() and period_us.isdigit() else 0.0
