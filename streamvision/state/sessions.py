"""Who is signed in: random ids, of which the database knows only the digest (OWASP ASVS 5.0, 7)."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from streamvision.state.database import Database
from streamvision.state.tables import SESSIONS, USERS
from streamvision.state.users import User, user_of

MAX_OF_USER = 50
"""Sign-ins of one user at a time; the oldest ends first."""
TOUCH_S = 60.0
"""How seldom it is written down that a sign-in is used."""


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in."""

    hash: str
    """Digest of what the cookie holds; names the session in the database."""
    user: User
    """Who it is."""


def digest(secret: str) -> str:
    """Return what is kept of a random secret: with 256 bits of chance in it, nothing slower is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Sessions:
    """The sign-ins in a database; safe to use from any thread.

    Args:
        database: where they are.
        idle_s: after so long without use one ends.
        longest_s: after so long each ends.

    Raises, each method: StateError, when the database does not answer.
    """

    def __init__(self, database: Database, *, idle_s: float, longest_s: float) -> None:
        self._database = database
        self._idle_s = idle_s
        self._longest_s = longest_s

    def begin(self, user: User) -> str:
        """Sign somebody in and return the secret for the cookie, which is never the one of before."""
        secret, now_s = secrets.token_urlsafe(32), time.time()
        with self._database.begin() as connection:
            over = (SESSIONS.c.used_unix_s < now_s - self._idle_s) | (
                SESSIONS.c.created_unix_s < now_s - self._longest_s
            )
            connection.execute(delete(SESSIONS).where(over))
            kept = (
                select(SESSIONS.c.hash)
                .where(SESSIONS.c.user == user.key)
                .order_by(SESSIONS.c.created_unix_s.desc())
                .limit(MAX_OF_USER - 1)
            )
            others = connection.execute(kept).scalars().all()
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user == user.key, SESSIONS.c.hash.not_in(others)))
            connection.execute(
                SESSIONS.insert().values(hash=digest(secret), user=user.key, created_unix_s=now_s, used_unix_s=now_s)
            )
        return secret

    def find(self, hashed: str) -> Session | None:
        """Return a sign-in that has not ended, by its digest, and note that it is used."""
        now_s = time.time()
        with self._database.reading() as connection:
            joined = select(USERS, SESSIONS.c.created_unix_s.label("since_unix_s"), SESSIONS.c.used_unix_s).join_from(
                SESSIONS, USERS
            )
            row = connection.execute(joined.where(SESSIONS.c.hash == hashed)).first()
        if row is None or now_s - row.used_unix_s > self._idle_s or now_s - row.since_unix_s > self._longest_s:
            return None
        if now_s - row.used_unix_s > min(TOUCH_S, self._idle_s / 4):
            self._touch(hashed, now_s)
        return Session(hashed, user_of(row))

    def end(self, hashed: str) -> None:
        """Sign somebody out; where nobody is signed in, nothing happens."""
        with self._database.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == hashed))

    def _touch(self, hashed: str, now_s: float) -> None:
        with self._database.begin() as connection:
            connection.execute(update(SESSIONS).where(SESSIONS.c.hash == hashed).values(used_unix_s=now_s))
