"""Targets of events in the terms of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from streamvision.core.notify import TargetStatus


def notify_metrics(statuses: Sequence[TargetStatus]) -> Iterator[Metric]:
    """Yield how each target is doing."""
    sent = CounterMetricFamily("streamvision_notify_sent", "Messages that a target has confirmed.", labels=["target"])
    lost = CounterMetricFamily(
        "streamvision_notify_lost", "Messages that a target never will have.", labels=["target", "cause"]
    )
    waiting = GaugeMetricFamily("streamvision_notify_waiting", "Messages that wait for a target.", labels=["target"])
    failing = GaugeMetricFamily(
        "streamvision_notify_failing", "1 where the last try of a target failed, 0 where not.", labels=["target"]
    )
    for status in statuses:
        sent.add_metric([status.name], status.sent)
        waiting.add_metric([status.name], status.waiting)
        failing.add_metric([status.name], float(status.state == "failing"))
        for cause, count in sorted(status.lost.items()):
            lost.add_metric([status.name, cause], count)
    yield from (sent, lost, waiting, failing)
