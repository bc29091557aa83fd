"""Leads the tables of an older version to those of this one, by Alembic; all of it in one transaction, or nothing."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from streamvision.core.errors import StateError
from streamvision.state.tables import METADATA

MIGRATIONS = Path(__file__).with_name("migrations")
VERSION_TABLE = "streamvision_version"
"""Alembic's own table; not under its usual name, which another program's tables in one database would have."""
_LOCK_KEY = 0x53560001
"""Of the lock under which one process at a time migrates a PostgreSQL database."""


def migrate(connection: Connection, *, place: str) -> None:
    """Bring a database to the newest version, within the connection's transaction.

    Args:
        connection: in a transaction that nobody else can write beside.
        place: what messages call the database.

    Raises:
        StateError: when a newer version wrote it, or tables of another program are in the way.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    scripts = ScriptDirectory(str(MIGRATIONS))
    known = {script.revision for script in scripts.walk_revisions()}
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    present = set(context.get_current_heads())
    if newer := present - known:
        raise StateError(
            f"{place} was written by a newer StreamVision (version {max(newer)}; this one knows up to "
            f"{scripts.get_current_head()}); update StreamVision, or give another state with --state DIR"
        )
    if not present and (foreign := METADATA.tables.keys() & set(inspect(connection).get_table_names())):
        raise StateError(
            f"{place} holds tables of another program ({', '.join(sorted(foreign))}); give a database of its own"
        )
    if present != set(scripts.get_heads()):
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
