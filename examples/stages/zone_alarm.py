"""An alarm: somebody enters a zone. It is told in the results, shown on the picture, and written to a file.

    streamvision run --config examples/stages/zone_alarm.yaml --model yolo.onnx --source rtsp://camera/

Zones are the configuration's (``analytics.zones``), so who is inside is known already, and flicker is no alarm. What
you do with an alarm (a siren, a message) goes to where the line is written: there it may take its time, since the
stream waits for the stage no longer than its budget.
"""

from __future__ import annotations

import json
from pathlib import Path

import streamvision

RED = (255, 60, 40)


@streamvision.stage(budget_ms=50)
class ZoneAlarm:
    """Watches one zone of one stream; each stream has its own.

    Args:
        zone: its name in the configuration.
        hold_s: how long the picture shows an alarm.
        log: file to which a JSON line is appended for each alarm.
    """

    def __init__(self, zone: str, hold_s: float = 3.0, log: str | None = None) -> None:
        self._zone = zone
        self._hold_s = hold_s
        self._log = Path(log) if log else None
        self._until_s = float("-inf")

    def __call__(self, view: streamvision.StageView) -> streamvision.StageOutput | None:
        """Return the alarms of this frame, and what is drawn while one is held."""
        if view.analysis is None:
            return None
        alarms = tuple(
            streamvision.StageEvent("alarm", event.track_id, {"zone": self._zone, "class_name": event.class_name})
            for event in view.analysis.events
            if event.kind == "zone_entered" and event.region == self._zone
        )
        if alarms:
            self._until_s = view.frame.pts_s + self._hold_s
            self._write(view, alarms)
        if view.frame.pts_s > self._until_s:
            return None
        return streamvision.StageOutput(events=alarms, marks=self._marks(view))

    def _marks(self, view: streamvision.StageView) -> tuple[streamvision.Outline | streamvision.Note, ...]:
        width, height = view.frame.picture.width_px, view.frame.picture.height_px
        corners = [zone.points for zone in view.analysis.zones if zone.name == self._zone] if view.analysis else []
        rings = tuple(tuple((x * width, y * height) for x, y in points) for points in corners)
        outlines = tuple(streamvision.Outline(ring, RED) for ring in rings)
        notes = tuple(streamvision.Note(f"ALARM: {self._zone}", ring[0], RED) for ring in rings)
        return outlines + notes

    def _write(self, view: streamvision.StageView, alarms: tuple[streamvision.StageEvent, ...]) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as lines:
                for alarm in alarms:
                    record = {"stream": view.stream_id, "pts_s": view.frame.pts_s, **alarm.to_json()}
                    lines.write(json.dumps(record) + "\n")
