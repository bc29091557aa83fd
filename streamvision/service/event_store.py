"""The event log: rows in the database and pictures in the state folder, both bounded; and how it is read."""

from __future__ import annotations

from pathlib import Path

from streamvision.core.config.event_log import EventLogConfig
from streamvision.core.control import EventQuery, LoggedEvent
from streamvision.service.bounded_rows import BoundedRows
from streamvision.service.picture_folder import PictureFolder
from streamvision.state.database import Database
from streamvision.state.events import PICTURED_EVENTS, find_event, find_events

PICTURE_FOLDER = "event-pictures"


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
        self._rows = BoundedRows(database, PICTURED_EVENTS, self.pictures, self._bounds)

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
        return self._rows.picture(number)

    def note_events(self, count: int) -> None:
        """Take note of events that were written down."""
        self._rows.note(count)

    def purge(self) -> None:
        """Let the oldest events and pictures make room, where there are too many or they are too old."""
        self._rows.purge()

    def _bounds(self) -> tuple[int, float, int]:
        return self.config.kept, self.config.days, self.config.pictures_kept
