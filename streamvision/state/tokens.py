"""Tokens, by which programs act for a user: scoped, expiring, and known to the database by their digest alone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update

from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.redaction import short
from streamvision.state.database import Database
from streamvision.state.sessions import TOUCH_S, digest
from streamvision.state.tables import TOKENS, USERS
from streamvision.state.users import User, Users, rights_of, user_of

SCOPES = ("view", "metrics", "admin")
"""What a token may be used for."""
PREFIX = "svt_"
"""Begins each token, so that programs that look for secrets in published files find it."""
MAX_OF_USER = 100
DEFAULT_DAYS = 365
MAX_DAYS = 3650
DAY_S = 86400.0


class UnknownTokenError(StreamVisionError, LookupError):
    """There is no such token."""


@dataclass(frozen=True)
class Token:
    """What is known of a token; the token itself is shown once, when it is made."""

    id: int
    """Its number."""
    user: User
    """For whom it acts."""
    name: str
    """What it is for."""
    scopes: tuple[str, ...]
    """What it may be used for, as far as the user may do that."""
    created_unix_s: float
    """When it was made."""
    expires_unix_s: float | None
    """When it ends; ``None``: never."""
    used_unix_s: float | None
    """When it was last used, to the minute; ``None``: not yet."""


class Tokens:
    """The tokens in a database; safe to use from any thread.

    Raises, each method: StateError, when the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, user: str, *, name: str = "", scopes: Sequence[str] = ("view",), expires_days: float | None = DEFAULT_DAYS
    ) -> tuple[Token, str]:
        """Make a token and return it with the secret, which nobody can be told a second time.

        Args:
            user: for whom it acts.
            name: what it is for, up to 64 characters.
            scopes: of :data:`SCOPES`.
            expires_days: after how many days it ends; ``None``: never.

        Raises:
            UnknownUserError: when there is no such user.
            ConfigError: when a value is not accepted.
        """
        owner = Users(self._database).get(user)
        _check(name, scopes, expires_days)
        if not set(scopes) <= rights_of(owner):
            raise ConfigError(
                f"{owner.name} may not do that itself, only {', '.join(sorted(rights_of(owner)))}; give other scopes, "
                "or another user"
            )
        secret, now_s = PREFIX + secrets.token_urlsafe(32), time.time()
        values = {
            "hash": digest(secret),
            "user": owner.key,
            "name": name,
            "scopes": sorted(set(scopes), key=SCOPES.index),
            "created_unix_s": now_s,
            "expires_unix_s": None if expires_days is None else now_s + expires_days * DAY_S,
        }
        with self._database.begin() as connection:
            count = select(func.count()).select_from(TOKENS).where(TOKENS.c.user == owner.key)
            if connection.execute(count).scalar_one() >= MAX_OF_USER:
                raise ConfigError(f"{owner.name} has {MAX_OF_USER} tokens, and no more are made; remove one")
            number = connection.execute(TOKENS.insert().values(values)).inserted_primary_key
        assert number is not None
        return self.get(int(number[0])), secret

    def list(self, user: str | None = None) -> list[Token]:
        """Return those of a user, or all, the oldest first."""
        wanted = _joined().order_by(TOKENS.c.id)
        if user is not None:
            wanted = wanted.where(TOKENS.c.user == user.lower())
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(wanted)]

    def get(self, number: int) -> Token:
        """Return one by its number.

        Raises:
            UnknownTokenError: when there is none.
        """
        with self._database.reading() as connection:
            row = connection.execute(_joined().where(TOKENS.c.id == number)).first()
        if row is None:
            raise _unknown(number)
        return _token(row)

    def find(self, hashed: str) -> Token | None:
        """Return one that has not ended, by the digest of its secret, and note that it is used."""
        now_s = time.time()
        with self._database.reading() as connection:
            row = connection.execute(_joined().where(TOKENS.c.hash == hashed)).first()
        if row is None or (row.token_expires_unix_s is not None and row.token_expires_unix_s <= now_s):
            return None
        if now_s - (row.token_used_unix_s or 0.0) > TOUCH_S:
            with self._database.begin() as connection:
                connection.execute(update(TOKENS).where(TOKENS.c.hash == hashed).values(used_unix_s=now_s))
        return _token(row)

    def remove(self, number: int) -> None:
        """Let a token be one no more.

        Raises:
            UnknownTokenError: when there is none.
        """
        with self._database.begin() as connection:
            if not connection.execute(delete(TOKENS).where(TOKENS.c.id == number)).rowcount:
                raise _unknown(number)


def _check(name: str, scopes: Sequence[str], expires_days: float | None) -> None:
    if len(name) > 64 or not name.isprintable():
        raise ConfigError(f"{short(name)!r} cannot be the name of a token; give up to 64 printable characters")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ConfigError(f"a token's scopes are {', '.join(SCOPES)}; give one or more of them")
    if expires_days is not None and not 0 < expires_days <= MAX_DAYS:
        raise ConfigError(f"a token ends after 0 to {MAX_DAYS} days; {expires_days:g} is not among them")


def _joined() -> Any:
    token = [column.label(f"token_{column.name}") for column in TOKENS.c if column.name not in ("hash", "user")]
    return select(USERS, *token).join_from(TOKENS, USERS)


def _token(row: Any) -> Token:
    return Token(
        row.token_id,
        user_of(row),
        row.token_name,
        tuple(row.token_scopes),
        row.token_created_unix_s,
        row.token_expires_unix_s,
        row.token_used_unix_s,
    )


def _unknown(number: int) -> UnknownTokenError:
    return UnknownTokenError(f"there is no token {number}; see `streamvision users tokens`")
