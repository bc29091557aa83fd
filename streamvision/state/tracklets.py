"""The identities that were seen: when, where and what they look like, bounded by number and by age."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, or_, select, update

from streamvision.core.tracklets import StoredTracklet, TrackletQuery
from streamvision.state.pictured_rows import PicturedRows
from streamvision.state.tables import TRACKLETS

PICTURED_TRACKLETS = PicturedRows(TRACKLETS, picture=TRACKLETS.c.crop, time_unix_s=TRACKLETS.c.last_unix_s)
"""The rows of all identities."""
_CELLS = (TRACKLETS.c.cells_0, TRACKLETS.c.cells_1, TRACKLETS.c.cells_2)


@dataclass(frozen=True)
class Description:
    """What an identity looks like."""

    id: int
    """Its number."""
    embedding: bytes
    """A direction, 16-bit floats, little-endian."""


def insert_tracklets(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Write new identities down and return their ids; each row has the columns of the table, without the id."""
    if not rows:
        return []
    statement = insert(TRACKLETS).returning(TRACKLETS.c.id, sort_by_parameter_order=True)
    return list(connection.execute(statement, list(rows)).scalars())


def update_tracklets(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write down what has become of identities; each row has the same columns, and ``id``. What is gone stays so."""
    if rows:
        changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "id"}
        statement = update(TRACKLETS).where(TRACKLETS.c.id == bindparam("new_id")).values(changed)
        connection.execute(statement, [{f"new_{name}": value for name, value in row.items()} for row in rows])


def end_all(connection: Connection) -> None:
    """Take note that no identity is seen any more: another process has begun."""
    connection.execute(update(TRACKLETS).where(TRACKLETS.c.is_over.is_(False)).values(is_over=True))


def find_tracklets(connection: Connection, query: TrackletQuery) -> list[StoredTracklet]:
    """Return identities, those that began last first."""
    found = _matching(select(TRACKLETS), query).order_by(TRACKLETS.c.id.desc()).limit(query.limit)
    return [_tracklet(row) for row in connection.execute(found)]


def tracklets_of(connection: Connection, ids: Iterable[int]) -> dict[int, StoredTracklet]:
    """Return identities by id; those that are gone are left out."""
    found = select(TRACKLETS).where(TRACKLETS.c.id.in_(sorted(ids)))
    return {row.id: _tracklet(row) for row in connection.execute(found)}


def undescribed(connection: Connection, described_by: str, limit: int) -> list[tuple[int, str]]:
    """Return ids and pictures of identities that are over and that an embedding model has yet to describe, the
    newest first."""
    found = select(TRACKLETS.c.id, TRACKLETS.c.crop).where(
        TRACKLETS.c.is_over,
        TRACKLETS.c.crop.is_not(None),
        or_(TRACKLETS.c.described_by.is_(None), TRACKLETS.c.described_by != described_by),
    )
    rows = connection.execute(found.order_by(TRACKLETS.c.id.desc()).limit(limit))
    return [(row.id, row.crop) for row in rows]


def describe_tracklet(connection: Connection, tracklet_id: int, described_by: str, embedding: bytes | None) -> None:
    """Write down what an identity looks like; ``None`` where it cannot be told."""
    found = update(TRACKLETS).where(TRACKLETS.c.id == tracklet_id)
    connection.execute(found.values(described_by=described_by, embedding=embedding))


def description_of(connection: Connection, tracklet_id: int, described_by: str) -> bytes | None:
    """Return what an identity looks like to a model; ``None`` where that is not known."""
    found = select(TRACKLETS.c.embedding).where(TRACKLETS.c.id == tracklet_id, TRACKLETS.c.described_by == described_by)
    embedding: bytes | None = connection.execute(found).scalar_one_or_none()
    return embedding


def descriptions(
    connection: Connection, query: TrackletQuery, described_by: str, *, after: int, limit: int
) -> list[Description]:
    """Return what the identities of a query look like to a model, in the order of their ids, from one on."""
    found = _matching(select(TRACKLETS.c.id, TRACKLETS.c.embedding), query).where(
        TRACKLETS.c.described_by == described_by, TRACKLETS.c.embedding.is_not(None), TRACKLETS.c.id > after
    )
    rows = connection.execute(found.order_by(TRACKLETS.c.id).limit(limit))
    return [Description(row.id, bytes(row.embedding)) for row in rows]


def _matching(found: Select[Any], query: TrackletQuery) -> Select[Any]:
    if query.streams is not None:
        found = found.where(TRACKLETS.c.stream.in_(sorted(query.streams)))
    if query.class_name is not None:
        found = found.where(TRACKLETS.c.class_name == query.class_name)
    if query.since_unix_s is not None:
        found = found.where(TRACKLETS.c.last_unix_s >= query.since_unix_s)
    if query.until_unix_s is not None:
        found = found.where(TRACKLETS.c.first_unix_s < query.until_unix_s)
    if query.before is not None:
        found = found.where(TRACKLETS.c.id < query.before)
    if query.cells is not None:
        masks = zip(_CELLS, query.cells, strict=True)
        found = found.where(or_(*(column.bitwise_and(mask) != 0 for column, mask in masks)))
    return found


def _tracklet(row: Any) -> StoredTracklet:
    return StoredTracklet(
        id=row.id,
        stream=row.stream,
        track_id=row.track_id,
        class_name=row.class_name,
        first_unix_s=row.first_unix_s,
        last_unix_s=row.last_unix_s,
        frames=row.frames,
        best_score=row.best_score,
        best_unix_s=row.best_unix_s,
        best_box=(row.best_left, row.best_top, row.best_right, row.best_bottom),
        has_crop=row.crop is not None,
    )
