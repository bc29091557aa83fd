"""The store that a service's models come from, in the API and in the terms of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from flask import Flask, Response, jsonify
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from streamvision.core.fleet import Fleet, FleetStatus
from streamvision.web.access import access
from streamvision.web.openapi import describe


def add_fleet(app: Flask, fleet: Fleet) -> None:
    """Add the addresses about the store that is followed."""

    @app.get("/api/fleet")
    @access("admin")
    @describe(answer=FleetStatus)
    def fleet_status() -> Response:
        """Give what the store holds, what of it is here, and how each model stands."""
        return jsonify(fleet.status())

    @app.post("/api/fleet/check")
    @access("admin")
    @describe(status=HTTPStatus.NO_CONTENT, media_type=None)
    def fleet_check() -> Response:
        """Ask the store now, not only when it is time."""
        fleet.check()
        return Response(status=HTTPStatus.NO_CONTENT)


def fleet_metrics(status: FleetStatus) -> Iterator[Metric]:
    """Yield how the store is doing."""
    yield GaugeMetricFamily(
        "streamvision_fleet_failing", "1 where the last try of the store failed, 0 where not.",
        value=float(status.fault is not None),
    )  # fmt: skip
    if status.number is not None:
        yield GaugeMetricFamily(
            "streamvision_fleet_manifest", "Number of the newest manifest that was accepted.", value=status.number
        )
    if status.confirmed_unix_s is not None:
        yield GaugeMetricFamily(
            "streamvision_fleet_confirmed_timestamp_seconds", "When the store last gave it.",
            value=status.confirmed_unix_s,
        )  # fmt: skip
    models = GaugeMetricFamily(
        "streamvision_fleet_model", "1 for how each model of the store stands.", labels=["model", "state"]
    )
    for one in status.models:
        models.add_metric([one.name, one.state], 1.0)
    yield models
