"""What the layers leave in the database, and what is found there at the next start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from streamvision.core.errors import ConfigError
from streamvision.service.layers import Layers
from streamvision.service.patches import Plain
from streamvision.state.counts import forget_counts
from streamvision.state.database import Database
from streamvision.state.settings import read_setting, write_setting
from streamvision.state.streams import StoredStream, forget_stream, read_streams, write_stream

CHANGES = "run"
"""Name of the setting with what was changed of the run."""
MODELS = "models"
"""Name of the setting with the models that have taken over from others."""
BEGINNING = "beginning"
"""Name of the setting with the file and the options of the last start."""
DOCUMENT = "document"
"""Name of the setting with what the file and the options said when they were read last."""
GIVEN = "given"
"""Name of the setting with the ids of streams that a command line has named, by source."""


class Remembered(NamedTuple):
    """What was changed while it ran, as :meth:`streamvision.service.layers.Layers.begin` takes it."""

    stored: dict[str, StoredStream]
    """What was changed of streams, by id."""
    changes: Plain
    """What was changed of the run."""
    models: Plain
    """Which models have taken over from others."""


def remembered(database: Database) -> Remembered:
    """Return what was changed.

    Raises:
        StateError: when the database does not answer.
    """
    with database.reading() as connection:
        changes, models = read_setting(connection, CHANGES), read_setting(connection, MODELS)
        return Remembered(read_streams(connection), dict(changes or {}), dict(models or {}))


def given_ids(database: Database) -> dict[str, str]:
    """Return the ids of streams that a command line has named, by source.

    Raises:
        StateError: when the database does not answer.
    """
    with database.reading() as connection:
        return dict(read_setting(connection, GIVEN) or {})


def known_stream_ids(database: Database) -> list[str] | None:
    """Return the ids of a service's streams; ``None`` where none has begun, or what it runs with cannot be told here.

    Raises:
        StateError: when the database does not answer.
    """
    with database.reading() as connection:
        document = read_setting(connection, DOCUMENT)
    if document is None:
        return None
    try:
        return list(Layers.begin(document, *remembered(database)).documents)
    except ConfigError:  # a secret that the service alone can read
        return None


def remember(database: Database, before: Layers, after: Layers, *, settings: Mapping[str, Any] | None = None) -> None:
    """Write down what has changed, all of it or nothing.

    Args:
        database: where to.
        before: what is written there.
        after: what is to be.
        settings: what else is to be remembered, by name.

    Raises:
        StateError: when that cannot be; nothing has changed then.
    """
    changed = [one for name, one in after.stored.items() if before.stored.get(name) != one]
    forgotten = before.stored.keys() - after.stored.keys()
    gone = before.documents.keys() - after.documents.keys()
    has_changed = before.changes != after.changes or before.models != after.models
    if not (changed or forgotten or gone or settings or has_changed):
        return
    with database.begin() as connection:
        for one in changed:
            write_stream(connection, one)
        for stream_id in forgotten:
            forget_stream(connection, stream_id)
        for stream_id in gone:
            forget_counts(connection, stream_id)
        if before.changes != after.changes:
            write_setting(connection, CHANGES, after.changes)
        if before.models != after.models:
            write_setting(connection, MODELS, after.models)
        for name, value in (settings or {}).items():
            write_setting(connection, name, value)
