"""The index of what was recorded: one row a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from streamvision.core.recordings import Recording, RecordingKind
from streamvision.state.tables import EVENTS, RECORDINGS

MAX_FOUND = 5000
"""Most recordings that one question is answered with."""
_KEYS_AT_ONCE = 500
"""Most keys in one statement: SQLite takes no more than some thousand."""


@dataclass(frozen=True)
class IndexedRecording:
    """A recording, and where its files lie."""

    place: str
    """Below the folder of recordings, without the ends of their names."""
    recording: Recording
    """What is in it."""


@dataclass(frozen=True)
class RecordedTotal:
    """What there is of one kind of one stream."""

    stream: str
    """Of which stream."""
    kind: RecordingKind
    """Of which kind."""
    files: int
    """How many files."""
    size_bytes: int
    """Their size."""
    seconds: float
    """How long they are, in all."""
    since_unix_s: float
    """When the first of them begins."""
    until_unix_s: float
    """When the last of them ends."""


def put_recordings(connection: Connection, found: Sequence[IndexedRecording]) -> None:
    """Write recordings down, whose ids are given here; one at a place that is known already is replaced."""
    if found:
        _delete_places(connection, [one.place for one in found])
        connection.execute(RECORDINGS.insert(), [_row(one) for one in found])


def update_recording(connection: Connection, found: IndexedRecording) -> None:
    """Write down anew what is in a recording that has an id."""
    connection.execute(update(RECORDINGS).where(RECORDINGS.c.id == found.recording.id).values(_row(found)))


def set_kind(connection: Connection, ids: Iterable[int], kind: RecordingKind) -> None:
    """Take note why recordings are kept."""
    for some in _some(ids):
        connection.execute(update(RECORDINGS).where(RECORDINGS.c.id.in_(some)).values(kind=kind))


def set_sizes(connection: Connection, sizes: Mapping[str, int]) -> None:
    """Take note how large the files at some places are."""
    for place, size_bytes in sizes.items():
        connection.execute(update(RECORDINGS).where(RECORDINGS.c.place == place).values(size_bytes=size_bytes))


def forget_recordings(connection: Connection, ids: Iterable[int], *, kind: RecordingKind | None = None) -> None:
    """Forget recordings; with a kind, those alone that are still of it."""
    for some in _some(ids):
        doomed = delete(RECORDINGS).where(RECORDINGS.c.id.in_(some))
        connection.execute(doomed if kind is None else doomed.where(RECORDINGS.c.kind == kind))


def find_recordings(
    connection: Connection, streams: Iterable[str] | None, since_unix_s: float, until_unix_s: float
) -> list[IndexedRecording]:
    """Return what overlaps a time, the oldest first, at most :data:`MAX_FOUND`; ``streams``: ``None`` for all."""
    found = select(RECORDINGS).where(_overlaps(since_unix_s, until_unix_s))
    if streams is not None:
        found = found.where(RECORDINGS.c.stream.in_(sorted(streams)))
    ordered = found.order_by(RECORDINGS.c.start_unix_s, RECORDINGS.c.id).limit(MAX_FOUND)
    return [_indexed(row) for row in connection.execute(ordered)]


def all_of_span(
    connection: Connection, stream: str, since_unix_s: float, until_unix_s: float
) -> list[IndexedRecording]:
    """Return all that overlaps a time, however many."""
    found = select(RECORDINGS).where(RECORDINGS.c.stream == stream, _overlaps(since_unix_s, until_unix_s))
    return [_indexed(row) for row in connection.execute(found.order_by(RECORDINGS.c.start_unix_s))]


def find_recording(connection: Connection, recording_id: int) -> IndexedRecording | None:
    """Return one recording; ``None`` where it is not there."""
    row = connection.execute(select(RECORDINGS).where(RECORDINGS.c.id == recording_id)).one_or_none()
    return None if row is None else _indexed(row)


def oldest_recordings(
    connection: Connection, kind: RecordingKind, count: int, *, since_unix_s: float, until_unix_s: float
) -> list[IndexedRecording]:
    """Return the oldest of a kind that begin in a time, so many at most."""
    columns = RECORDINGS.c
    begins = (columns.start_unix_s >= since_unix_s) & (columns.start_unix_s < until_unix_s)
    found = select(RECORDINGS).where(columns.kind == kind, begins)
    ordered = found.order_by(columns.start_unix_s, columns.id).limit(count)
    return [_indexed(row) for row in connection.execute(ordered)]


def recorded_totals(connection: Connection) -> list[RecordedTotal]:
    """Return what there is in all, by stream and kind."""
    columns = RECORDINGS.c
    found = select(
        columns.stream,
        columns.kind,
        func.count(),
        func.sum(columns.size_bytes),
        func.sum(columns.end_unix_s - columns.start_unix_s),
        func.min(columns.start_unix_s),
        func.max(columns.end_unix_s),
    ).group_by(columns.stream, columns.kind)
    rows = connection.execute(found.order_by(columns.stream, columns.kind))
    return [RecordedTotal(row[0], row[1], row[2], int(row[3]), *row[4:]) for row in rows]


def recorded_streams(connection: Connection) -> list[str]:
    """Return the ids of all streams of which there is something."""
    return list(connection.execute(select(RECORDINGS.c.stream).distinct()).scalars())


def recordings_of(connection: Connection, stream: str) -> dict[str, IndexedRecording]:
    """Return all that there is of a stream, by place."""
    found = select(RECORDINGS).where(RECORDINGS.c.stream == stream)
    return {row.place: _indexed(row) for row in connection.execute(found)}


def had_event(connection: Connection, stream: str, since_unix_s: float, until_unix_s: float) -> bool:
    """Say whether something was written into the event log of a stream in a time."""
    in_time = (EVENTS.c.recorded_unix_s >= since_unix_s) & (EVENTS.c.recorded_unix_s < until_unix_s)
    found = select(EVENTS.c.id).where(EVENTS.c.stream == stream, in_time).limit(1)
    return connection.execute(found).first() is not None


def _delete_places(connection: Connection, places: Sequence[str]) -> None:
    for begin in range(0, len(places), _KEYS_AT_ONCE):
        some = places[begin : begin + _KEYS_AT_ONCE]
        connection.execute(delete(RECORDINGS).where(RECORDINGS.c.place.in_(some)))


def _some(ids: Iterable[int]) -> list[list[int]]:
    ordered = sorted(ids)
    return [ordered[begin : begin + _KEYS_AT_ONCE] for begin in range(0, len(ordered), _KEYS_AT_ONCE)]


def _overlaps(since_unix_s: float, until_unix_s: float) -> ColumnElement[bool]:
    return (RECORDINGS.c.end_unix_s > since_unix_s) & (RECORDINGS.c.start_unix_s < until_unix_s)


def _row(found: IndexedRecording) -> dict[str, Any]:
    values = {key: value for key, value in asdict(found.recording).items() if key != "id"}
    return {"place": found.place, **values}


def _indexed(row: Any) -> IndexedRecording:
    values = dict(row._mapping)
    return IndexedRecording(values.pop("place"), Recording(**values))
