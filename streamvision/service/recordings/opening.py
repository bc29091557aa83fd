"""Opens the recordings of a state, for a service and for commands beside it."""

from __future__ import annotations

from pathlib import Path

from streamvision.core.config.recording import RecordingConfig
from streamvision.core.config.section import validate
from streamvision.service.layers import Layers
from streamvision.service.memory import DOCUMENT, remembered
from streamvision.service.recordings.store import RecordingStore
from streamvision.service.values import resolved
from streamvision.state.database import Database
from streamvision.state.settings import read_setting

FOLDER = "recordings"
"""Name of the folder in the state folder, where no other one is set."""


def open_store(database: Database, state: Path, config: RecordingConfig) -> RecordingStore:
    """Return the recordings of a state.

    Args:
        database: where the index is.
        state: the state folder.
        config: where they are, and how much is kept.
    """
    return RecordingStore(database, config.folder or state / FOLDER, config)


def remembered_config(database: Database) -> RecordingConfig:
    """Return what a service is set to record; the defaults where none has begun.

    Raises:
        StateError: when the database does not answer.
        ConfigError: when what was set is not accepted any more.
    """
    with database.reading() as connection:
        document = read_setting(connection, DOCUMENT) or {}
    section = Layers.begin(document, *remembered(database)).run_document.get("recording") or {}
    return validate(RecordingConfig, resolved(section, origin="recording"), origin="recording")
