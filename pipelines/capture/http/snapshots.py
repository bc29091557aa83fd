"""When a snapshot address is asked again, and what is known of the picture that it gave before."""

from __future__ import annotations

import hashlib
from email.message import Message
from email.utils import parsedate_to_datetime

FIRST_INTERVAL_S = 0.5
SHORTEST_INTERVAL_S = 0.2
LONGEST_INTERVAL_S = 5.0
QUICKER = 0.8
SLOWER = 1.5
CHECK_EVERY_S = 30.0
"""So often the picture is fetched though the server says that it has not changed: some always say so."""
OLDEST_S = 3600.0
"""A ``Last-Modified`` before this is a file's date, not the picture's."""


class SnapshotPace:
    """How often to ask: as often as is set, or as often as the picture changes.

    Learnt is the shortest interval at which most answers are new ones; the camera rests for at least as long as its
    answer took.
    """

    def __init__(self, fps: float | None) -> None:
        """Take the rate that is set, in pictures a second; ``None``: learn it."""
        self._set_s = 1 / fps if fps else None
        self._learnt_s = FIRST_INTERVAL_S

    def answered(self, *, changed: bool) -> None:
        """Take note whether the picture was a new one."""
        factor = QUICKER if changed else SLOWER
        self._learnt_s = min(max(self._learnt_s * factor, SHORTEST_INTERVAL_S), LONGEST_INTERVAL_S)

    def wait_s(self, took_s: float) -> float:
        """Return the seconds to wait after an answer that took so long."""
        if self._set_s is not None:
            return max(self._set_s - took_s, 0.0)
        return max(self._learnt_s - took_s, took_s)


class LastSnapshot:
    """The newest answer of a snapshot address: its validators (RFC 9110, section 13), and its picture's own age."""

    def __init__(self) -> None:
        self._validators: dict[str, str] = {}
        self._digest = b""
        self._modified = ""
        self._dates_are_true = False
        self._validators_are_true = True
        self._fetched_at_s = float("-inf")

    def conditions(self, now_s: float) -> dict[str, str]:
        """Return the headers of the next request, by which an unchanged picture is not sent again."""
        if not self._validators_are_true or now_s - self._fetched_at_s > CHECK_EVERY_S:
            return {}
        return self._validators

    def take(self, data: bytes, headers: Message, now_s: float) -> bool:
        """Take an answer; return whether its picture is a new one."""
        digest = hashlib.blake2b(data, digest_size=16).digest()
        changed = digest != self._digest
        validators, modified = _validators(headers), headers.get("Last-Modified", "")
        if changed and self._digest:
            self._validators_are_true = self._validators_are_true and validators != self._validators
            self._dates_are_true = modified != self._modified
        self._digest, self._modified = digest, modified
        self._validators, self._fetched_at_s = validators, now_s
        return changed

    def age_s(self, headers: Message) -> float:
        """Return how old the picture was when it was sent, by the server's own clock; 0 where it does not say."""
        cached_s = _seconds(headers.get("Age", ""))
        if not self._dates_are_true:
            return cached_s
        since_s = _between_s(headers.get("Last-Modified", ""), headers.get("Date", ""))
        return since_s if since_s is not None and 0 <= since_s <= OLDEST_S else cached_s


def _validators(headers: Message) -> dict[str, str]:
    """Return what to send; a date of the same second as the answer's own may hide a newer picture."""
    found = {}
    if etag := headers.get("ETag"):
        found["If-None-Match"] = etag
    modified = headers.get("Last-Modified", "")
    since_s = _between_s(modified, headers.get("Date", ""))
    if since_s is not None and since_s >= 1:
        found["If-Modified-Since"] = modified
    return found


def _between_s(earlier: str, later: str) -> float | None:
    try:
        return (parsedate_to_datetime(later) - parsedate_to_datetime(earlier)).total_seconds()
    except (TypeError, ValueError):
        return None


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
