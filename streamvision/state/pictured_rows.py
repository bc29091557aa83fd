"""What tables have in common whose rows name pictures and are bounded by number and by age."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Table, delete, func, select, update

BATCH = 500
"""Most rows that are deleted in one transaction, so that none lasts long."""


class PicturedRows:
    """The rows of one table; each method is called in a transaction.

    Args:
        table: it has a column ``id``, by which later rows are greater.
        picture: its column with the name of a picture, which several rows may share; null where there is none.
        time_unix_s: its column by which rows grow old.
    """

    def __init__(self, table: Table, *, picture: Column[Any], time_unix_s: Column[Any]) -> None:
        self._table = table
        self._picture = picture
        self._time_unix_s = time_unix_s

    def picture_of(self, connection: Connection, row_id: int) -> str | None:
        """Return the name of a row's picture; ``None`` where there is none."""
        found = select(self._picture).where(self._table.c.id == row_id)
        name: str | None = connection.execute(found).scalar_one_or_none()
        return name

    def known_pictures(self, connection: Connection) -> set[str]:
        """Return the names of all pictures."""
        return set(connection.execute(select(self._picture).where(self._picture.is_not(None)).distinct()).scalars())

    def count(self, connection: Connection) -> int:
        """Return how many rows are kept."""
        return connection.execute(select(func.count()).select_from(self._table)).scalar_one()

    def forget_oldest_pictures(self, connection: Connection, count: int) -> list[str]:
        """Take note that the oldest pictures are gone, at most so many and :data:`BATCH`, and return their names."""
        oldest = select(self._picture).where(self._picture.is_not(None)).group_by(self._picture)
        oldest = oldest.order_by(func.min(self._table.c.id)).limit(min(count, BATCH))
        names = list(connection.execute(oldest).scalars())
        connection.execute(update(self._table).where(self._picture.in_(names)).values({self._picture: None}))
        return names

    def purge(self, connection: Connection, *, surplus: int, before_unix_s: float) -> tuple[int, set[str]]:
        """Forget the oldest rows, at most :data:`BATCH` of them.

        Args:
            connection: in a transaction.
            surplus: how many there are too many.
            before_unix_s: those older than this time go, too.

        Returns:
            How many went, and the names of pictures to which none is left.
        """
        ids = self._table.c.id
        by_age = select(ids).where(self._time_unix_s < before_unix_s).order_by(self._time_unix_s)
        doomed = set(connection.execute(by_age.limit(BATCH)).scalars())
        if surplus > len(doomed):
            doomed |= set(connection.execute(select(ids).order_by(ids).limit(min(surplus, BATCH))).scalars())
        if not doomed:
            return 0, set()
        of_doomed = ids.in_(sorted(doomed)[:BATCH])
        names = set(connection.execute(select(self._picture).where(of_doomed).distinct()).scalars()) - {None}
        gone = connection.execute(delete(self._table).where(of_doomed)).rowcount
        left = set(connection.execute(select(self._picture).where(self._picture.in_(names)).distinct()).scalars())
        return gone, names - left
