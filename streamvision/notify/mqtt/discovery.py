"""What Home Assistant is told of each entity, as its documentation of MQTT discovery has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from streamvision.core.analysis import EventKind
from streamvision.core.version import __version__
from streamvision.notify.mqtt.topics import (
    AVAILABILITY,
    COUNTS,
    DETECTION,
    EVENTS,
    HEALTH,
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    PICTURE,
    RECORDING,
    Topics,
    entity_of,
    slug,
)

DIAGNOSTIC = {"entity_category": "diagnostic"}


@dataclass(frozen=True)
class Described:
    """What entities a stream has."""

    id: str
    """Its id."""
    name: str
    """What people call it."""
    classes: tuple[str, ...] = ()
    """Classes with a presence and a count."""
    zones: tuple[str, ...] = ()
    """Names of its zones."""
    lines: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the directions of its lines, by line."""
    switches: tuple[str, ...] = ()
    """What of it can be switched."""
    has_picture: bool = True
    """Whether its picture is sent."""


def service_entities(topics: Topics) -> dict[str, bytes]:
    """Return what is told of the service itself, by topic."""
    entity = f"{topics.node}-connectivity"
    told = {
        "name": "Connectivity",
        "unique_id": entity,
        "object_id": f"{topics.node} connectivity",
        "device": _service_device(topics),
        "state_topic": topics.status,
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
        "device_class": "connectivity",
        **DIAGNOSTIC,
    }
    return {topics.config("binary_sensor", entity): _as_json(told)}


def stream_entities(topics: Topics, stream: Described) -> dict[str, bytes]:
    """Return what is told of a stream's entities, by topic."""
    found = {}
    for component, entity, own in _entities(topics, stream):
        common = {
            "unique_id": f"{topics.node}-{entity}",
            "object_id": f"{stream.id} {own['name']}",
            "device": _device(topics, stream),
            "availability": _availability(topics, stream.id, of_stream="availability" not in own),
            "availability_mode": "all",
        }
        own.pop("availability", None)
        found[topics.config(component, entity)] = _as_json({**common, **own})
    return found


def _entities(topics: Topics, stream: Described) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield component, name and settings of each entity."""
    yield "binary_sensor", entity_of(stream.id, "connectivity"), _connectivity(topics, stream)
    yield "sensor", entity_of(stream.id, "fps"), _health(topics, stream, "fps", "Frames per second", "fps")
    yield "sensor", entity_of(stream.id, "age"), _health(topics, stream, "newest_age_s", "Age of the picture", "s")
    yield "event", entity_of(stream.id, "events"), _events(topics, stream)
    if stream.has_picture:
        yield "camera", entity_of(stream.id, "camera"), {"name": "Camera", "topic": topics.of(stream.id, PICTURE)}
    for switch in stream.switches:
        yield "switch", entity_of(stream.id, switch), _switch(topics, stream, switch)
    for name in stream.classes:
        yield "binary_sensor", entity_of(stream.id, "present", name), _presence(topics, stream, name, ("present", name))
        counted = _count(topics, stream, f"{name} count", ("objects", name))
        yield "sensor", entity_of(stream.id, "count", name), counted
    for name in stream.zones:
        inside = ("zones", name, "inside")
        occupied = _presence(topics, stream, f"Zone {name}", inside)
        yield "binary_sensor", entity_of(stream.id, "zone-present", name), occupied
        yield "sensor", entity_of(stream.id, "zone-count", name), _count(topics, stream, f"Zone {name} count", inside)
        entered = _total(topics, stream, f"Zone {name} entered", ("zones", name, "entered"))
        yield "sensor", entity_of(stream.id, "zone-entered", name), entered
    for line, directions in stream.lines.items():
        for direction in directions:
            crossed = _total(topics, stream, f"Line {line} {direction}", ("lines", line, direction))
            yield "sensor", entity_of(stream.id, "line", line, direction), crossed


def _connectivity(topics: Topics, stream: Described) -> dict[str, Any]:
    return {
        "name": "Connectivity",
        "availability": None,
        "state_topic": topics.of(stream.id, AVAILABILITY),
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
        "device_class": "connectivity",
        **DIAGNOSTIC,
    }


def _health(topics: Topics, stream: Described, key: str, name: str, unit: str) -> dict[str, Any]:
    return {
        "name": name,
        "state_topic": topics.of(stream.id, HEALTH),
        "value_template": f"{{{{ value_json.{key} }}}}",
        "unit_of_measurement": unit,
        "state_class": "measurement",
        "suggested_display_precision": 1,
        **DIAGNOSTIC,
    }


def _events(topics: Topics, stream: Described) -> dict[str, Any]:
    return {
        "name": "Event",
        "state_topic": topics.of(stream.id, EVENTS),
        "event_types": list(get_args(EventKind)),
        "value_template": "{{ dict(value_json, event_type=value_json.kind) | tojson }}",
    }


def _switch(topics: Topics, stream: Described, switch: str) -> dict[str, Any]:
    icons = {DETECTION: "mdi:motion-sensor", RECORDING: "mdi:record-rec"}
    return {
        "name": switch.capitalize(),
        "availability": None,
        "state_topic": topics.of(stream.id, switch),
        "command_topic": topics.of(stream.id, f"{switch}/set"),
        "payload_on": ON,
        "payload_off": OFF,
        "qos": 1,
        "icon": icons[switch],
    }


def _presence(topics: Topics, stream: Described, name: str, path: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "state_topic": topics.of(stream.id, COUNTS),
        "value_template": f"{{{{ '{ON}' if {_value(path)} else '{OFF}' }}}}",
        "payload_on": ON,
        "payload_off": OFF,
        "device_class": "occupancy",
    }


def _count(topics: Topics, stream: Described, name: str, path: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "state_topic": topics.of(stream.id, COUNTS),
        "value_template": f"{{{{ {_value(path)} }}}}",
        "state_class": "measurement",
    }


def _total(topics: Topics, stream: Described, name: str, path: tuple[str, ...]) -> dict[str, Any]:
    return {**_count(topics, stream, name, path), "state_class": "total_increasing"}


def _value(path: tuple[str, ...]) -> str:
    """Return a template's expression for a number in the counts, 0 where it is not there."""
    steps = "".join(f".get({_literal(key)}, {{}})" for key in path[:-1])
    return f"value_json{steps}.get({_literal(path[-1])}, 0)"


def _literal(text: str) -> str:
    """Return a text as a template has it, with nothing in it that a template understands.

    >>> _literal("a'}}")
    "'a\\\\u0027\\\\u007d\\\\u007d'"
    """
    plain = (one if one.isascii() and one.isalnum() else f"\\U{ord(one):08x}" for one in text)
    return "'" + "".join(one.replace("\\U0000", "\\u") for one in plain) + "'"


def _availability(topics: Topics, stream_id: str, *, of_stream: bool) -> list[dict[str, str]]:
    places = [topics.status, *([topics.of(stream_id, AVAILABILITY)] if of_stream else [])]
    return [{"topic": one, "payload_available": ONLINE, "payload_not_available": OFFLINE} for one in places]


def _device(topics: Topics, stream: Described) -> dict[str, Any]:
    return {
        "identifiers": [f"{topics.node}-stream-{slug(stream.id)}"],
        "name": stream.name,
        "manufacturer": "StreamVision",
        "model": "Stream",
        "via_device": f"{topics.node}-service",
    }


def _service_device(topics: Topics) -> dict[str, Any]:
    return {
        "identifiers": [f"{topics.node}-service"],
        "name": "StreamVision" if topics.node == "streamvision" else f"StreamVision {topics.node}",
        "manufacturer": "StreamVision",
        "model": "Service",
        "sw_version": __version__,
    }


def _as_json(told: dict[str, Any]) -> bytes:
    return json.dumps(told, sort_keys=True).encode()
