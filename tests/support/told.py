"""Messages as rules make them of events."""

from __future__ import annotations

from typing import Any

from streamvision.core.analysis import AnalyticsEvent
from streamvision.notify.message import Message


def happened(number: int = 0, **more: Any) -> AnalyticsEvent:
    """Return an event whose frame is this number."""
    given: dict[str, Any] = {
        "kind": "line", "stream": "gate", "time_unix_s": 1.75e9, "frame": number, "pts_s": number / 25, "track_id": 3,
        "class_name": "car", "region": "door", "direction": "in",
    }  # fmt: skip
    return AnalyticsEvent(**given | more)


def message(number: int = 0, *, jpeg: bytes | None = None, **more: Any) -> Message:
    """Return a message about such an event."""
    return Message(happened(number, **more).to_json(), ("at the gate",), jpeg)
