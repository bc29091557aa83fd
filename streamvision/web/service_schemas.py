"""What the routes of a service take and give, in the terms of :mod:`streamvision.web.openapi`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field

from streamvision.core.analysis import AnalyticsEvent, EventKind
from streamvision.core.config.section import Section
from streamvision.core.config.stream import StreamConfig
from streamvision.core.notify import TargetKind, TargetStatus
from streamvision.web.openapi import Schema

MAX_EVENTS = 1000
"""Most events in one answer."""
MAX_CSV_EVENTS = 10_000
"""Most events in one file."""
MAX_ID = 2**63 - 1
_TEXT = r"^[^\x00]*$"


class NewStream(Schema):
    """The id of a stream that was added."""

    id: str
    """Its id."""


class StreamChanges(Schema):
    """Keys of a stream's configuration; null: the default."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "properties": {name: {} for name in StreamConfig.model_fields},
            "additionalProperties": False,
        },
    )


class TestedSource(Schema):
    """A source that is to be tried."""

    source: str | list[str]
    """As in the configuration of a stream."""
    id: str | None = None
    """The stream whose secrets `***` in the source stands for."""


class Settings(Schema):
    """What of the run may change."""

    model_config = ConfigDict(extra="allow")

    layout: dict[str, Any] = Field(default_factory=dict)
    """How the page is laid out."""


class SettingChanges(Schema):
    """Some of the settings, key by key; null: as the configuration says."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, kw_only=True)
class StoredEvent(AnalyticsEvent):
    """Something that happened at a line or in a zone, as it was written down."""

    number: int
    """Its number in this log; later ones are greater."""


class NotifyState(Schema):
    """Who is told of events."""

    targets: list[TargetStatus]
    """How each target is doing."""
    mqtt: TargetStatus | None
    """How the MQTT broker is doing; null where none is set."""
    kinds: list[TargetKind]
    """Which kinds of targets there are."""


class EventPage(Schema):
    """Some of the events, the newest first."""

    events: list[StoredEvent]
    """Each of them."""
    next: int | None
    """What `before` is to be for those that follow; null where none do."""


class EventLogQuery(Section):
    """Which events are asked for."""

    stream: str | None = Field(None, pattern=_TEXT, description="Those of these streams: ids, separated by commas.")
    kind: EventKind | None = Field(None, description="Those of this kind.")
    class_name: str | None = Field(None, alias="class", pattern=_TEXT, description="Those of objects of this class.")
    region: str | None = Field(None, pattern=_TEXT, description="Those at a line or in a zone of this name.")
    since: float | None = Field(None, description="Not before this time, in seconds since 1970 UTC.")
    until: float | None = Field(None, description="Before this time.")
    before: int | None = Field(None, ge=0, le=MAX_ID, description="Those that came before the event of this number.")
    limit: int = Field(50, ge=1, le=MAX_EVENTS, description="Most of them.")


class EventFileQuery(EventLogQuery):
    """Which events a file is to hold."""

    limit: int = Field(MAX_CSV_EVENTS, ge=1, le=MAX_CSV_EVENTS, description="Most of them.")
