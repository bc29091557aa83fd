"""What a broker is to keep of each stream at this moment, made of the stream's status."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from streamvision.core.config.mqtt import MqttConfig
from streamvision.core.status import StreamStatus
from streamvision.notify.mqtt.discovery import Described, stream_entities
from streamvision.notify.mqtt.topics import (
    AVAILABILITY,
    COUNTS,
    DETECTION,
    HEALTH,
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    RECORDING,
    Topics,
)

MOST_CLASSES = 64
"""Most classes of a stream that have a presence and a count."""
HEALTH_EVERY_S = 15.0
"""Time between two messages with the frame rate and age of a stream, unless it comes or goes."""


@dataclass
class Switched:
    """How the switches of a stream stand."""

    detection: bool
    recording: bool

    def contents(self) -> dict[str, bytes]:
        """Return what is told of each switch."""
        found = {DETECTION: self.detection, RECORDING: self.recording}
        return {name: (ON if is_on else OFF).encode() for name, is_on in found.items()}


@dataclass
class _Known:
    """What is remembered of a stream."""

    classes: set[str] = field(default_factory=set)
    present_until_s: dict[str, float] = field(default_factory=dict)
    health: bytes = b""
    health_at_s: float = float("-inf")
    health_of: tuple[str, bool] | None = None


class States:
    """Of all streams; used by one thread.

    Args:
        config: what is told, and how often.
        topics: where.
    """

    def __init__(self, config: MqttConfig, topics: Topics) -> None:
        self._config = config
        self._topics = topics
        self._known: dict[str, _Known] = {}

    def know(self, stream_id: str, classes: Iterable[str]) -> None:
        """Remember that a stream has shown these classes before."""
        known = self._known.setdefault(stream_id, _Known())
        for name in sorted(classes):
            if len(known.classes) < MOST_CLASSES:
                known.classes.add(name)

    def keep_only(self, stream_ids: Iterable[str]) -> None:
        """Forget all other streams."""
        self._known = {name: self._known[name] for name in stream_ids if name in self._known}

    def of(self, status: StreamStatus, seen: set[str], switched: Switched | None) -> dict[str, bytes]:
        """Return what is to be kept of a stream, by topic.

        Args:
            status: how it is doing.
            seen: classes on its frames since the last time.
            switched: how its switches stand; ``None`` where it has none.
        """
        now_s = time.monotonic()
        is_live = status.state == "live"
        known = self._known.setdefault(status.id, _Known())
        present = self._present(known, (seen | status.objects.keys()) if is_live else set(), now_s)
        self.know(status.id, present)
        told = {
            AVAILABILITY: (ONLINE if is_live else OFFLINE).encode(),
            COUNTS: self._counts(status, known, present, is_live=is_live),
            HEALTH: self._health(status, known, now_s),
            **(switched.contents() if switched else {}),
        }
        found = {self._topics.of(status.id, what): content for what, content in told.items()}
        return found | (self._entities(status, known, switched) if self._config.discovery else {})

    def _present(self, known: _Known, seen: set[str], now_s: float) -> set[str]:
        known.present_until_s |= dict.fromkeys(seen, now_s + self._config.presence_hold_s)
        known.present_until_s = {name: end_s for name, end_s in known.present_until_s.items() if end_s >= now_s}
        return set(known.present_until_s)

    def _classes(self, known: _Known) -> tuple[str, ...]:
        return tuple(sorted(known.classes)) if self._config.classes is None else self._config.classes

    def _counts(self, status: StreamStatus, known: _Known, present: set[str], *, is_live: bool) -> bytes:
        objects = status.objects if is_live else {}
        zones: dict[str, dict[str, Any]] = status.analytics.get("zones", {})
        lines: dict[str, dict[str, Any]] = status.analytics.get("lines", {})
        told = {
            "objects": {name: objects.get(name, 0) for name in self._classes(known)},
            "present": {name: name in present for name in self._classes(known)},
            "zones": {name: {key: zone[key] for key in ("inside", "entered", "left")} for name, zone in zones.items()},
            "lines": {name: {way: one["total"] for way, one in line.items()} for name, line in lines.items()},
        }
        return json.dumps(told, sort_keys=True).encode()

    def _health(self, status: StreamStatus, known: _Known, now_s: float) -> bytes:
        news = status.state, status.newest_age_s is None
        if news != known.health_of or now_s - known.health_at_s >= HEALTH_EVERY_S:
            told = {
                "state": status.state,
                "reason": status.reason,
                "fps": status.fps,
                "newest_age_s": status.newest_age_s,
                "frames_done": status.frames_done,
            }
            known.health, known.health_at_s, known.health_of = json.dumps(told).encode(), now_s, news
        return known.health

    def _entities(self, status: StreamStatus, known: _Known, switched: Switched | None) -> dict[str, bytes]:
        described = Described(
            id=status.id,
            name=status.name or status.id,
            classes=self._classes(known),
            zones=tuple(status.analytics.get("zones", {})),
            lines={name: tuple(line) for name, line in status.analytics.get("lines", {}).items()},
            switches=tuple(switched.contents()) if switched else (),
            has_picture=self._config.picture_every_s is not None,
        )
        return stream_entities(self._topics, described)
