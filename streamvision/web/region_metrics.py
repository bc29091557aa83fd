"""Counts of lines, zones and events in the terms of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from streamvision.core.status import StreamStatus

MAX_CLASSES = 100
"""Classes that have a time series of their own, of each stream, or of each direction of a line."""
OTHER = "other"
"""The class under which all further ones are counted."""


def bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by class with a bound on the classes; those that came first keep their own."""
    kept = dict(list(counts.items())[:MAX_CLASSES])
    if len(counts) > len(kept):
        kept[OTHER] = kept.get(OTHER, 0) + sum(list(counts.values())[MAX_CLASSES:])
    return kept


def region_metrics(statuses: list[StreamStatus]) -> Iterator[Metric]:
    """Yield what the analytics of the streams have counted."""
    crossings = CounterMetricFamily(
        "streamvision_line_crossings", "Objects that crossed a line.", labels=["stream", "line", "direction", "class"]
    )
    inside = GaugeMetricFamily("streamvision_zone_objects", "Objects in a zone now.", labels=["stream", "zone"])
    entered = CounterMetricFamily(
        "streamvision_zone_entered", "Objects that came into a zone.", labels=["stream", "zone"]
    )
    left = CounterMetricFamily("streamvision_zone_left", "Objects that left a zone.", labels=["stream", "zone"])
    alarms = CounterMetricFamily(
        "streamvision_zone_alarms", "What was reported of a zone.", labels=["stream", "zone", "kind"]
    )
    events = CounterMetricFamily("streamvision_events", "Events of the analytics.", labels=["stream", "kind"])
    for status in statuses:
        for line, directions in status.analytics.get("lines", {}).items():
            for direction, counted in directions.items():
                for name, count in bounded(counted["classes"]).items():
                    crossings.add_metric([status.id, line, direction, name], count)
        for zone, counted in status.analytics.get("zones", {}).items():
            inside.add_metric([status.id, zone], counted["inside"])
            entered.add_metric([status.id, zone], counted["entered"])
            left.add_metric([status.id, zone], counted["left"])
            for kind, count in counted["alarms"].items():
                alarms.add_metric([status.id, zone, kind], count)
        for kind, count in status.analytics.get("event_counts", {}).items():
            events.add_metric([status.id, kind], count)
    yield from (crossings, inside, entered, left, alarms, events)
