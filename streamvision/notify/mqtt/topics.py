"""Names of topics and entities; what people named freely is written so that no sign in it means anything."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote, unquote

from streamvision.core.config.mqtt import MqttConfig

ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"
AVAILABILITY, COUNTS, HEALTH, PICTURE, EVENTS = "availability", "counts", "health", "picture", "events"
DETECTION, RECORDING = "detection", "recording"
SWITCHES = (DETECTION, RECORDING)
RETAINED = (AVAILABILITY, COUNTS, HEALTH, PICTURE, *SWITCHES)
"""What a broker keeps of a stream."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")


class Topics:
    """Of one service.

    Args:
        config: gives the prefixes.
    """

    def __init__(self, config: MqttConfig) -> None:
        self._prefix = config.prefix
        self._discovery = config.discovery_prefix
        self.node = slug(config.prefix)
        """What entities and devices of this service begin with."""
        self.status = f"{config.prefix}/status"
        """Whether the service is there."""
        self.all_counts = f"{config.prefix}/+/{COUNTS}"
        """Counts of all streams."""
        self.all_configs = f"{config.discovery_prefix}/+/{self.node}/+/config"
        """All entities of this service."""
        self.commands = tuple(f"{config.prefix}/+/{switch}/set" for switch in SWITCHES)
        """What switches are told."""

    def of(self, stream_id: str, what: str) -> str:
        """Return the topic for something of a stream.

        >>> Topics(MqttConfig(host="broker")).of("gate/1+", "counts")
        'streamvision/gate%2F1%2B/counts'
        """
        return f"{self._prefix}/{quote(stream_id, safe='')}/{what}"

    def stream_of(self, topic: str) -> tuple[str, str] | None:
        """Return the stream that a topic belongs to, and what it is of it; ``None`` for others."""
        if not topic.startswith(f"{self._prefix}/"):
            return None
        stream, _, what = topic.removeprefix(f"{self._prefix}/").partition("/")
        return (unquote(stream), what) if what else None

    def config(self, component: str, entity: str) -> str:
        """Return the topic that tells Home Assistant of an entity."""
        return f"{self._discovery}/{component}/{self.node}/{entity}/config"

    def is_config(self, topic: str) -> bool:
        """Say whether a topic tells of an entity of this service."""
        levels = topic.removeprefix(f"{self._discovery}/").split("/")
        return topic.startswith(f"{self._discovery}/") and levels[1:2] == [self.node] and levels[-1] == "config"


def slug(text: str) -> str:
    """Return a name of letters, digits, ``_`` and ``-``; different texts have different ones.

    >>> slug("yard"), slug("Süd/Tor")
    ('yard', 'S-d-Tor-3d52fd47')
    """
    if _PLAIN.fullmatch(text):
        return text
    return f"{_OTHERS.sub('-', text).strip('-')[:48]}-{hashlib.sha1(text.encode()).hexdigest()[:8]}".lstrip("-")


def entity_of(stream_id: str, kind: str, *names: str) -> str:
    """Return the name of an entity: of a stream, or of a class or region of it."""
    if not names:
        return f"{slug(stream_id)}-{kind}"
    mark = hashlib.sha1("\x00".join((stream_id, kind, *names)).encode()).hexdigest()[:8]
    return f"{slug(stream_id)}-{kind}-{slug('-'.join(names))}-{mark}"
