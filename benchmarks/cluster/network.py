"""Machines as network namespaces, joined by a bridge in one of its own; each can be cut off."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from types import TracebackType

NETWORK = "10.83.0"
OWN_ADDRESS = 254
"""Last part of the address of the program itself, which asks the page."""


class Network:
    """Namespaces and what joins them, for the length of a ``with`` block; needs to be root.

    Args:
        hosts: names of the machines.
    """

    def __init__(self, *hosts: str) -> None:
        mark = os.getpid() % 10_000
        self._bridge = f"sv{mark}-switch"
        self._spaces = {name: f"sv{mark}-{name}" for name in hosts}
        self._ports = {name: f"sv{mark}p{number}" for number, name in enumerate(hosts)}
        self._own = f"sv{mark}own"

    def address(self, host: str) -> str:
        """Return the address of a machine."""
        return f"{NETWORK}.{list(self._spaces).index(host) + 1}"

    def within(self, host: str) -> tuple[str, ...]:
        """Return what stands before a command that is to run on a machine."""
        return ("ip", "netns", "exec", self._spaces[host])

    def cut(self, host: str) -> None:
        """Cut a machine off from all others."""
        _ip("-n", self._bridge, "link", "set", self._ports[host], "down")

    def mend(self, host: str) -> None:
        """Join it again."""
        _ip("-n", self._bridge, "link", "set", self._ports[host], "up")

    def __enter__(self) -> Network:
        try:
            _ip("netns", "add", self._bridge)
            _ip("-n", self._bridge, "link", "add", "switch", "type", "bridge")
            _ip("-n", self._bridge, "link", "set", "switch", "up")
            for name, space in self._spaces.items():
                _ip("netns", "add", space)
                _ip("-n", space, "link", "set", "lo", "up")
                self._join(self._ports[name], self.address(name), space)
            self._join(self._own, f"{NETWORK}.{OWN_ADDRESS}", None)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _join(self, port: str, address: str, space: str | None) -> None:
        """Lay a cable from the bridge to a namespace, or to this program's."""
        here = ("-n", space) if space else ()
        inner = "eth0" if space else f"{port}x"
        _ip("link", "add", port, "type", "veth", "peer", "name", f"{port}x")
        _ip("link", "set", port, "netns", self._bridge)
        if space:
            _ip("link", "set", f"{port}x", "netns", space)
            _ip(*here, "link", "set", f"{port}x", "name", inner)
        _ip(*here, "address", "add", f"{address}/24", "dev", inner)
        _ip(*here, "link", "set", inner, "up")
        _ip("-n", self._bridge, "link", "set", port, "master", "switch", "up")

    def _remove(self) -> None:
        for space in (*self._spaces.values(), self._bridge):
            subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", f"{self._own}x"], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    command: Sequence[str] = ["ip", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}; network namespaces need root and iproute2")
