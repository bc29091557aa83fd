"""What is remembered by name, as plain values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select

from streamvision.state.tables import SETTINGS


def read_setting(connection: Connection, name: str) -> Any:
    """Return a value; ``None`` where there is none."""
    return connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.name == name)).scalar_one_or_none()


def write_setting(connection: Connection, name: str, value: Any) -> None:
    """Remember a value, in place of the one before."""
    connection.execute(delete(SETTINGS).where(SETTINGS.c.name == name))
    connection.execute(SETTINGS.insert().values(name=name, value=value))
