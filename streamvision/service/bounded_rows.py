"""Rows of the database and their pictures in a folder, which make room for newer ones."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamvision.service.picture_folder import PictureFolder
from streamvision.state.database import Database
from streamvision.state.pictured_rows import BATCH, PicturedRows

PURGE_S = 600.0
"""How often rows are looked for that are too old."""
SLACK = 0.02
"""Share by which a bound is passed before it is restored, so that this costs little."""
DAY_S = 86400.0


class BoundedRows:
    """Is read from any thread; what writes and purges is one thread's, the recorder's.

    Args:
        database: where the rows are.
        rows: their table.
        pictures: the folder with their pictures.
        bounds: returns how many rows are kept, for how many days, and with how many pictures.
    """

    def __init__(
        self,
        database: Database,
        rows: PicturedRows,
        pictures: PictureFolder,
        bounds: Callable[[], tuple[int, float, int]],
    ) -> None:
        self._database = database
        self._rows = rows
        self._pictures = pictures
        self._bounds = bounds
        self._count: int | None = None
        self._purged_at_s = -PURGE_S

    def picture(self, row_id: int) -> bytes | None:
        """Return the picture of a row as a JPEG file; ``None`` where there is none, or none any more."""
        with self._database.reading() as connection:
            name = self._rows.picture_of(connection, row_id)
        return self._pictures.read(name)

    def take_stock(self) -> int:
        """Return how many rows there are; they are counted once, when pictures go that a crash has left without one."""
        if self._count is None:
            with self._database.reading() as connection:
                count, known = self._rows.count(connection), self._rows.known_pictures(connection)
            self._pictures.take_stock(known)
            self._count = count
        return self._count

    def note(self, count: int) -> None:
        """Take note of rows that were written down."""
        if self._count is not None:
            self._count += count

    def purge(self) -> None:
        """Let the oldest rows and pictures make room, where there are too many or they are too old."""
        kept, days, pictures_kept = self._bounds()
        is_time = time.monotonic() - self._purged_at_s >= PURGE_S
        if self.take_stock() > kept * (1 + SLACK) or is_time:
            self._purge_rows(kept, time.time() - days * DAY_S)
            self._purged_at_s = time.monotonic()
        if self._pictures.count > pictures_kept * (1 + SLACK):
            self._purge_pictures(pictures_kept)

    def _purge_rows(self, kept: int, before_unix_s: float) -> None:
        gone = BATCH
        while gone >= BATCH:
            surplus = max(self.take_stock() - kept, 0)
            with self._database.begin() as connection:
                gone, names = self._rows.purge(connection, surplus=surplus, before_unix_s=before_unix_s)
            self.note(-gone)
            self._pictures.remove(names)

    def _purge_pictures(self, kept: int) -> None:
        names = ["the first"]
        while names and (surplus := self._pictures.count - kept) > 0:
            with self._database.begin() as connection:
                names = self._rows.forget_oldest_pictures(connection, surplus)
            self._pictures.remove(names)
