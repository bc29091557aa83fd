"""Who changed what, and who signed in or could not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select

from streamvision.core.redaction import redact_outside
from streamvision.state.database import Database
from streamvision.state.tables import AUDIT

KEPT = 100_000
"""Most lines; the oldest go first."""
_EVERY = 100
"""One in so many lines makes room."""
MAX_LIMIT = 1000


@dataclass(frozen=True)
class AuditLine:
    """Something that was done."""

    id: int
    """Its number; later ones are greater."""
    time_unix_s: float
    """When, in seconds since 1970 UTC."""
    who: str
    """Who did it."""
    address: str
    """Where from: a network address, or ``command line``."""
    action: str
    """What was done."""
    target: str
    """What it was done to."""
    details: dict[str, Any]
    """What else is to be said; never a secret."""


class Audit:
    """The lines in a database; safe to use from any thread.

    Raises, each method: StateError, when the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, *, who: str, address: str, action: str, target: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        """Write a line; texts are cut and shown without secrets."""
        values = {
            "time_unix_s": time.time(),
            "who": redact_outside(who)[:128],
            "address": redact_outside(address)[:64],
            "action": redact_outside(action)[:64],
            "target": redact_outside(target)[:256],
            "details": dict(details or {}),
        }
        with self._database.begin() as connection:
            number = connection.execute(AUDIT.insert().values(values)).inserted_primary_key
            if number is not None and number[0] % _EVERY == 0:
                newest = select(func.max(AUDIT.c.id)).scalar_subquery()
                connection.execute(delete(AUDIT).where(AUDIT.c.id <= newest - KEPT))

    def find(self, *, before: int | None = None, limit: int = 50) -> list[AuditLine]:
        """Return lines, the newest first.

        Args:
            before: only those that were written before the one with this number.
            limit: most of them, up to :data:`MAX_LIMIT`.
        """
        wanted = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(min(limit, MAX_LIMIT))
        if before is not None:
            wanted = wanted.where(AUDIT.c.id < before)
        with self._database.reading() as connection:
            return [AuditLine(**row._mapping) for row in connection.execute(wanted)]
