"""How often somebody may try a password (OWASP ASVS 5.0, 6.3.1), in bounded memory."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

MAX_KEPT = 4096
"""Addresses, and as many names, that are remembered; those that failed longest ago are forgotten first."""


@dataclass(frozen=True)
class Limit:
    """So many failures, and one more each time that so many seconds have passed."""

    failures: int
    every_s: float


OF_ADDRESS = Limit(20, 30.0)
"""From one network address; behind it may be a whole office."""
OF_PAIR = Limit(10, 60.0)
"""For one name from one address."""
OF_NAME = Limit(50, 60.0)
"""For one name from wherever: high, so that strangers cannot lock somebody out with ease."""


class Attempts:
    """Counts failures; what has failed too often waits. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters = {limit: _Counters(limit) for limit in (OF_ADDRESS, OF_PAIR, OF_NAME)}

    def wait_s(self, address: str, name: str) -> float:
        """Return how long to wait before the next try; 0: none."""
        now_s = time.monotonic()
        with self._lock:
            return max(self._counters[limit].wait_s(key, now_s) for limit, key in _keys(address, name))

    def failed(self, address: str, name: str) -> None:
        """Note a failure; before it is known to be one, so that tries at the same time count each."""
        now_s = time.monotonic()
        with self._lock:
            for limit, key in _keys(address, name):
                self._counters[limit].add(key, now_s)

    def succeeded(self, address: str, name: str) -> None:
        """Take back the failure that was noted, and those of this name from this address."""
        now_s = time.monotonic()
        with self._lock:
            keys = dict(_keys(address, name))
            self._counters[OF_PAIR].forget(keys[OF_PAIR])
            self._counters[OF_ADDRESS].take_back(keys[OF_ADDRESS], now_s)
            self._counters[OF_NAME].take_back(keys[OF_NAME], now_s)


class _Counters:
    """Failures by key, each as the time until which it would take to wear off."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._until_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        room_s = (self._limit.failures - 1) * self._limit.every_s
        return max(0.0, self._until_s.get(key, now_s) - now_s - room_s)

    def add(self, key: str, now_s: float) -> None:
        self._until_s[key] = max(self._until_s.get(key, now_s), now_s) + self._limit.every_s
        self._until_s.move_to_end(key)
        if len(self._until_s) > MAX_KEPT:
            self._until_s.popitem(last=False)

    def take_back(self, key: str, now_s: float) -> None:
        if key in self._until_s:
            self._until_s[key] = max(self._until_s[key] - self._limit.every_s, now_s)

    def forget(self, key: str) -> None:
        self._until_s.pop(key, None)


def _keys(address: str, name: str) -> list[tuple[Limit, str]]:
    network = _network(address)
    named = name[:64].lower()
    return [(OF_ADDRESS, network), (OF_PAIR, f"{network} {named}"), (OF_NAME, named)]


def _network(address: str) -> str:
    """Return an address, of IPv6 the network of 64 bits that one person has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))
