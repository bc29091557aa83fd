"""Watches the states of all streams and tells those who listen for events."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

from streamvision.core.live import LiveView
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import FINAL_STATES
from streamvision.web.access import Principal
from streamvision.web.connected_watch import ConnectedWatch
from streamvision.web.fanout import Fanout
from streamvision.web.model_events import ModelEvents
from streamvision.web.wire import event

POLL_S = 0.5
"""How soon a change of state is sent."""
STATUS_S = 1.0
"""How often the full status is sent; it is the heartbeat of the event stream, too."""
LAST_FRAME_S = 2.0
"""A stream that is over and has published nothing for so long has nothing left on its way."""


class StatusTicker(ConnectedWatch):
    """Polls the pipeline's statuses while somebody is connected."""

    def __init__(self, view: LiveView, fanout: Fanout) -> None:
        self._view = view
        self._states: dict[str, str] = {}
        self._serial = 0
        self._sent_at_s = 0.0
        self._models = ModelEvents(view.models, fanout) if view.models is not None else None
        fault = "the state of the streams cannot be read"
        super().__init__(self._tell, fanout, every_s=POLL_S, name="web-status", fault=fault)

    def _tell(self) -> None:
        statuses = self._view.statuses()
        if self._models is not None:
            self._models.tell()
        changed = self._tell_changes(statuses)
        if changed or time.monotonic() - self._sent_at_s >= STATUS_S - POLL_S / 2:
            self._sent_at_s = time.monotonic()
            self._fanout.broadcast_seen(partial(self._status_event, statuses), key="status")
        self._finish_ended(statuses)

    def _status_event(self, statuses: list[StreamStatus], principal: Principal) -> bytes:
        return event("status", status_json(self._view, statuses, principal))

    def _tell_changes(self, statuses: list[StreamStatus]) -> bool:
        came_or_gone = self._states.keys() != {s.id for s in statuses}
        changed = [s for s in statuses if self._states.get(s.id, s.state) != s.state]
        for status in changed:
            self._serial += 1  # each change is sent, even to a listener that lags
            data = {
                "stream": status.id,
                "previous": self._states[status.id],
                "state": status.state,
                "reason": status.reason,
                "state_age_s": round(status.state_age_s, 3),
            }
            self._fanout.broadcast(event("state", data), key=f"state {self._serial}", stream_id=status.id)
        self._states = {s.id: s.state for s in statuses}
        return bool(changed) or came_or_gone

    def _finish_ended(self, statuses: list[StreamStatus]) -> None:
        for status in statuses:
            channel = self._view.channels.get(status.id)
            if channel is None or status.state not in FINAL_STATES:
                continue
            newest = channel.latest
            if newest is None or time.monotonic() - newest.finished_at_s > LAST_FRAME_S:
                self._fanout.finish(status.id)


def status_json(view: LiveView, statuses: list[StreamStatus], principal: Principal) -> dict[str, Any]:
    """Describe the streams that somebody may see, in plain values, with their models.

    What is wrong beside the streams is told to those who may see all of them: it may name any.
    """
    seen = [status for status in statuses if principal.may_see(status.id)]
    sees_all = principal.streams is None
    return {
        "model": view.model if sees_all else view.model_of([one.id for one in seen]),
        "streams": [stream_json(one, principal) for one in seen],
        "faults": [*view.faults(), *_fleet_faults(view)] if sees_all else [],
    }


def stream_json(status: StreamStatus, principal: Principal) -> dict[str, Any]:
    """Describe a stream to somebody who may see it; stages whose numbers are of all streams to those who see all."""
    if principal.streams is not None:
        status = replace(status, stages=tuple(stage for stage in status.stages if not stage.of_all_streams))
    return status.to_json()


def _fleet_faults(view: LiveView) -> list[str]:
    """Return why the store of models did not answer: for people to know, while the service is as ready as without."""
    fault = None if view.fleet is None else view.fleet.fault
    return [] if fault is None else [fault]
