"""A log of events in memory, as the web is given one."""

from __future__ import annotations

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.control import EventQuery, LoggedEvent


class KeptEvents:
    """See :class:`streamvision.core.control.EventLog`.

    Args:
        picture: the picture of each event, a JPEG file.
    """

    def __init__(self, picture: bytes) -> None:
        self._picture = picture
        self._events: list[LoggedEvent] = []

    def add(self, stream: str, captured_unix_s: float, *, region: str, class_name: str = "car") -> None:
        """Write down that an object entered a zone."""
        number = len(self._events) + 1
        event = AnalyticsEvent(
            kind="zone_entered",
            stream=stream,
            time_unix_s=captured_unix_s,
            captured_unix_s=captured_unix_s,
            frame=number,
            pts_s=0.0,
            track_id=number,
            class_name=class_name,
            region=region,
        )
        self._events.append(LoggedEvent(number, event, has_picture=True))

    def find(self, query: EventQuery) -> list[LoggedEvent]:
        """Return what happened, the newest first."""
        found = [one for one in reversed(self._events) if _fits(one.event, query)]
        return found[: query.limit]

    def event(self, number: int) -> LoggedEvent | None:
        """Return one event."""
        return self._events[number - 1] if 0 < number <= len(self._events) else None

    def picture(self, number: int) -> bytes | None:
        """Return the picture of an event."""
        return self._picture if self.event(number) else None


def _fits(event: AnalyticsEvent, query: EventQuery) -> bool:
    return (
        (query.streams is None or event.stream in query.streams)
        and query.class_name in (None, event.class_name)
        and query.region in (None, event.region)
        and (query.since_unix_s or 0) <= event.captured_unix_s < (query.until_unix_s or 1e12)
    )
