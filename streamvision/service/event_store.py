"""The event log: rows in the database and pictures in the state folder, both bounded; and how it is read."""

from __future__ import annotations

import time
from pathlib import Path

from streamvision.core.config.event_log import EventLogConfig
from streamvision.core.control import EventQuery, LoggedEvent
from streamvision.service.picture_folder import PictureFolder
from streamvision.state.database import Database
from streamvision.state.events import (
    BATCH,
    count_events,
    find_event,
    find_events,
    forget_pictures,
    known_pictures,
    oldest_pictures,
    picture_of,
    purge_events,
)

PICTURE_FOLDER = "event-pictures"
PURGE_S = 600.0
"""How often events are looked for that are too old."""
SLACK = 0.02
"""Share by which a bound is passed before it is restored, so that this costs little."""
DAY_S = 86400.0


class EventStore:
    """Reads events from any thread; what writes and purges is one thread's, the recorder's.

    Args:
        database: where the events are.
        folder: the state folder.
        config: what is kept.
    """

    def __init__(self, database: Database, folder: Path, config: EventLogConfig) -> None:
        self.config = config
        """What is kept; may be replaced at any time."""
        self._database = database
        self.pictures = PictureFolder(folder / PICTURE_FOLDER)
        """Their pictures."""
        self._event_count: int | None = None
        self._purged_at_s = -PURGE_S

    @property
    def keeps_pictures(self) -> bool:
        """Whether pictures are wanted."""
        return self.config.pictures

    def find(self, query: EventQuery) -> list[LoggedEvent]:
        """Return what happened, the newest first."""
        with self._database.reading() as connection:
            return find_events(connection, query)

    def event(self, number: int) -> LoggedEvent | None:
        """Return one event; ``None`` where it is not there, or not any more."""
        with self._database.reading() as connection:
            return find_event(connection, number)

    def picture(self, number: int) -> bytes | None:
        """Return the picture of an event as a JPEG file; ``None`` where there is none, or none any more."""
        with self._database.reading() as connection:
            name = picture_of(connection, number)
        return self.pictures.read(name)

    def note_events(self, count: int) -> None:
        """Take note of events that were written down."""
        if self._event_count is not None:
            self._event_count += count

    def purge(self) -> None:
        """Let the oldest events and pictures make room, where there are too many or they are too old."""
        if self._event_count is None:
            self._take_stock()
        assert self._event_count is not None
        is_time = time.monotonic() - self._purged_at_s >= PURGE_S
        if is_time or self._event_count > self.config.kept * (1 + SLACK):
            self._purge_events()
            self._purged_at_s = time.monotonic()
        if self.pictures.count > self.config.pictures_kept * (1 + SLACK):
            self._purge_pictures()

    def _take_stock(self) -> None:
        """Count what is there; pictures of events that a crash has taken go."""
        with self._database.reading() as connection:
            count, known = count_events(connection), known_pictures(connection)
        self.pictures.take_stock(known)
        self._event_count = count

    def _purge_events(self) -> None:
        oldest_unix_s = time.time() - self.config.days * DAY_S
        while True:
            surplus = max((self._event_count or 0) - self.config.kept, 0)
            with self._database.begin() as connection:
                gone, pictures = purge_events(connection, surplus=surplus, before_unix_s=oldest_unix_s)
            self._event_count = (self._event_count or 0) - gone
            self.pictures.remove(pictures)
            if gone < BATCH:
                return

    def _purge_pictures(self) -> None:
        surplus = self.pictures.count - self.config.pictures_kept
        with self._database.begin() as connection:
            names = oldest_pictures(connection, min(surplus, BATCH))
            forget_pictures(connection, names)
        self.pictures.remove(names)
