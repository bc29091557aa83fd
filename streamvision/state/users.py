"""Who may use the page: names, roles, the streams that may be seen, passwords."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.redaction import short
from streamvision.state.database import Database
from streamvision.state.passwords import check_password, hash_password, is_outdated, is_password, normalised
from streamvision.state.tables import SESSIONS, USERS

Role = Literal["admin", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
MAX_USERS = 1000
MAX_STREAMS = 256
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_STREAM = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a user.

    Raises:
        ConfigError: when it has other characters than letters without accents, digits and ``_.@+-``, or more than 64.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{short(name)!r} cannot be the name of a user; give up to 64 letters without accents, digits and _.@+-, "
            "the first a letter, a digit or _"
        )


class UnknownUserError(StreamVisionError, LookupError):
    """There is no user of that name."""


class UserExistsError(StreamVisionError, ValueError):
    """Another user has that name already."""


class LastAdminError(StreamVisionError, ValueError):
    """Nobody could manage users any more."""


class Unchanged(Enum):
    """That a value stays as it is, where ``None`` means something else."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


@dataclass(frozen=True)
class User:
    """Somebody who may use the page."""

    key: str
    """The name in lower case, under which everything else belongs to the user."""
    name: str
    """As it was given."""
    role: Role
    """``admin`` may change everything, ``viewer`` nothing."""
    streams: tuple[str, ...] | None
    """Ids of the streams that a viewer may see; ``None``: all."""
    version: int
    """Grows with each change."""
    created_unix_s: float
    """When the user was added."""


def rights_of(user: User) -> frozenset[str]:
    """Return what a user may do: ``view``, ``metrics``, which tell of all streams, and ``admin``."""
    if user.role == "admin":
        return frozenset({"view", "metrics", "admin"})
    return frozenset({"view", "metrics"} if user.streams is None else {"view"})


class Users:
    """The users in a database; safe to use from any thread.

    Raises, each method: StateError, when the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[User]:
        """Return all, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(USERS).order_by(USERS.c.key))
            return [user_of(row) for row in rows]

    def exist(self) -> bool:
        """Return whether there are any."""
        with self._database.reading() as connection:
            return connection.execute(select(USERS.c.key).limit(1)).first() is not None

    def get(self, name: str) -> User:
        """Return one, whatever the case of the name's letters.

        Raises:
            UnknownUserError: when there is none of that name.
        """
        if (found := self.find(name)) is None:
            raise _unknown(name)
        return found

    def find(self, name: str) -> User | None:
        """Return one, whatever the case of the name's letters; ``None`` where there is none."""
        with self._database.reading() as connection:
            row = connection.execute(select(USERS).where(USERS.c.key == name.lower())).first()
            return user_of(row) if row else None

    def add(
        self,
        name: str,
        password: str,
        *,
        role: str | None = None,
        streams: Iterable[str] | None = None,
        only_first: bool = False,
    ) -> User:
        """Add a user.

        Args:
            name: letters, digits, ``_.@+-``; up to 64.
            password: see :mod:`streamvision.state.passwords`.
            role: ``admin`` or ``viewer``; default: the first user is an admin, further ones are viewers.
            streams: ids of the streams that a viewer may see; ``None``: all.
            only_first: whether the user is to be added only where there is none yet.

        Raises:
            ConfigError: when a value is not accepted.
            UserExistsError: when there is a user of that name, or any where it was to be the first.
        """
        check_name(name)
        wanted = _checked(role, streams)
        kept = hash_password(check_password(password, user=name))
        try:
            with self._database.begin() as connection:
                count = connection.execute(select(func.count()).select_from(USERS)).scalar_one()
                if count and only_first:
                    raise UserExistsError("there are users already; sign in as one of them")
                if not count and wanted[0] == "viewer":
                    raise ConfigError(
                        "the first user must be an admin, who can add viewers; give the role admin, or none"
                    )
                if count >= MAX_USERS:
                    raise ConfigError(f"there are {count} users, and no more are taken; remove one")
                values = {
                    "key": name.lower(),
                    "name": name,
                    "role": wanted[0] or ("viewer" if count else "admin"),
                    "streams": wanted[1],
                    "password": kept,
                    "version": 1,
                    "created_unix_s": time.time(),
                }
                connection.execute(USERS.insert().values(values))
        except IntegrityError:
            raise UserExistsError(f"there is a user {name!r} already; give another name, or change that one") from None
        return self.get(name)

    def change(
        self,
        name: str,
        *,
        password: str | None = None,
        role: str | None = None,
        streams: Iterable[str] | Unchanged | None = UNCHANGED,
    ) -> User:
        """Change a user; a new password ends all of the user's sign-ins.

        Args:
            name: whose.
            password: the new one; ``None``: it stays.
            role: the new one; ``None``: it stays.
            streams: ids of the streams that may be seen, ``None`` for all.

        Raises:
            UnknownUserError: when there is none of that name.
            ConfigError: when a value is not accepted.
            LastAdminError: when no admin would be left.
        """
        key = self.get(name).key
        role, allowed = _checked(role, None if streams is UNCHANGED else streams)
        values: dict[str, Any] = {"version": USERS.c.version + 1}
        values |= {"role": role} if role else {}
        values |= {} if streams is UNCHANGED else {"streams": allowed}
        if password is not None:
            values["password"] = hash_password(check_password(password, user=name))
        with self._database.begin() as connection:
            if role == "viewer":
                _keep_an_admin(connection, key)
            if not connection.execute(update(USERS).where(USERS.c.key == key).values(values)).rowcount:
                raise _unknown(name)
            if password is not None:
                connection.execute(delete(SESSIONS).where(SESSIONS.c.user == key))
        return self.get(name)

    def remove(self, name: str) -> None:
        """Remove a user, with sign-ins and tokens.

        Raises:
            UnknownUserError: when there is none of that name.
            LastAdminError: when no admin would be left.
        """
        with self._database.begin() as connection:
            _keep_an_admin(connection, name.lower())
            if not connection.execute(delete(USERS).where(USERS.c.key == name.lower())).rowcount:
                raise _unknown(name)

    def verify(self, name: str, password: str) -> User | None:
        """Return the user whose name and password these are; ``None``, after the same time, where they are nobody's."""
        with self._database.reading() as connection:
            row = connection.execute(select(USERS).where(USERS.c.key == name[:64].lower())).first()
        kept = row.password if row else None
        if not is_password(normalised(password), kept):
            return None
        assert row is not None and kept is not None
        if is_outdated(kept):
            self._rehash(row.key, kept, normalised(password))
        return user_of(row)

    def _rehash(self, key: str, before: str, normal: str) -> None:
        fresh = hash_password(normal)
        with self._database.begin() as connection:
            same = (USERS.c.key == key) & (USERS.c.password == before)
            connection.execute(update(USERS).where(same).values(password=fresh))


def _checked(role: str | None, streams: Iterable[str] | Unchanged | None) -> tuple[Role | None, list[str] | None]:
    """Return role and streams.

    Raises:
        ConfigError: when they are not accepted.
    """
    if role is not None and role not in ROLES:
        raise ConfigError(f"{short(role)!r} is no role; give admin or viewer")
    if streams is None or isinstance(streams, Unchanged):
        return role, None
    wanted = list(dict.fromkeys(streams))
    if len(wanted) > MAX_STREAMS or not all(isinstance(one, str) and _STREAM.fullmatch(one) for one in wanted):
        raise ConfigError(f"streams are given by their ids, up to {MAX_STREAMS}; see /api/streams")
    return role, wanted


def _keep_an_admin(connection: Connection, key: str) -> None:
    admins = connection.execute(select(USERS.c.key).where(USERS.c.role == "admin").with_for_update()).scalars().all()
    if list(admins) == [key]:
        raise LastAdminError(
            f"{key!r} is the only admin, and nobody could manage users any more; make another one first"
        )


def _unknown(name: str) -> UnknownUserError:
    return UnknownUserError(f"there is no user {short(name)!r}; see `streamvision users list`")


def user_of(row: Any) -> User:
    """Return the user whose columns a row has."""
    streams = None if row.streams is None or row.role == "admin" else tuple(row.streams)
    return User(row.key, row.name, row.role, streams, row.version, row.created_unix_s)
