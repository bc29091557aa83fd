"""The database of a service: SQLite in the state folder, or PostgreSQL.

A transaction that has ended is on the disk: SQLite syncs its journal at each commit, as PostgreSQL does by default.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from streamvision.core.errors import ConfigError, MissingDependencyError, StateError
from streamvision.core.install import install_command
from streamvision.core.kept_files import keep, release
from streamvision.core.redaction import redact_outside
from streamvision.state.folder import DATABASE_FILE, prepare_file, prepare_folder
from streamvision.state.migrating import migrate
from streamvision.state.service_lock import OnLoss, ServiceLock

WAIT_S = 5
"""Longest wait for a connection, or for another process's transaction."""
STATEMENT_S = 20
"""Longest time that a PostgreSQL server may take for one statement."""
POOL_SIZE = 4
POOL_OVERFLOW = 12
POSTGRESQL = "postgresql+psycopg"
_READS = "streamvision_reads"


class Database:
    """An open database, brought to the newest version; safe to use from any thread.

    Args:
        engine: connects to it.
        place: what messages call it; without a password.
        file: where it is a file: that, which nothing but SQLite opens until :meth:`close`.
    """

    def __init__(self, engine: Engine, place: str, *, file: Path | None = None) -> None:
        self._engine = engine
        self._file = file
        self.place = place
        """What messages call it: file, or address without a password."""

    @classmethod
    def open(cls, where: str | Path) -> Database:
        """Open the database in a state folder, or that of an address, and migrate it if it is of an older version.

        Args:
            where: the folder, which is made if it is not there; or a text such as
                ``postgresql://user:password@host/name``.

        Raises:
            ConfigError: when the address is not one of PostgreSQL.
            MissingDependencyError: when its driver is not installed.
            StateError: when it cannot be opened, is no database of ours, or was written by a newer version.
        """
        if isinstance(where, str) and "://" in where:
            url = _postgresql_url(where)
            database = cls(_postgresql_engine(url), f"the database {url.render_as_string(hide_password=True)}")
        else:
            path = prepare_file(prepare_folder(Path(where)) / DATABASE_FILE)
            keep(path)
            database = cls(_sqlite_engine(path), f"the database {path}", file=path)
        try:
            with database.begin() as connection:
                migrate(connection, place=database.place)
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give a connection in a transaction, which is committed, or rolled back where something is raised.

        Raises:
            IntegrityError: as SQLAlchemy raises it, when what is written contradicts what is there.
            StateError: when the database does not answer, is locked for long, or refuses.
        """
        with self._sentences(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that only reads, and waits for no one who writes.

        Raises:
            StateError: when the database does not answer.
        """
        with self._sentences(), self._engine.connect().execution_options(**{_READS: True}) as connection:
            yield connection

    @contextmanager
    def in_use(self, *, on_loss: OnLoss | None = None) -> Iterator[None]:
        """Hold the database for the service that runs within, against services with other state folders.

        The lock ends with its connection: with the process, however that ends, and also with the server. SQLite's
        database is held by the lock of its folder.

        Args:
            on_loss: who is told, from another thread, that the lock was lost and another service has it now; without
                it, nobody looks.

        Raises:
            StateError: when another service holds it and does not end within a few seconds.
        """
        if self._file is not None:
            yield
            return
        lock = ServiceLock(self._session, self.place)
        with self._sentences():
            lock.take()
        try:
            if on_loss is not None:
                lock.watch(on_loss)
            yield
        finally:
            lock.release()

    def _session(self) -> Connection:
        """Return a connection of its own, whose end is that of its session."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        return connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self._file is not None:
            release(self._file)
            self._file = None

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (DatabaseError, InterfaceError) as error:
            raise StateError(f"{self.place} cannot be used: {_first_line(error)}") from error
        except PoolTimeoutError as error:
            raise StateError(f"{self.place} is too busy: no connection within {WAIT_S} s; try again") from error


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return redact_outside(lines[0]).rstrip(".") if lines else type(error).__name__


def _sqlite_engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": WAIT_S, "isolation_level": None},
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=WAIT_S,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would be refused where another one wrote in between.
        reads = connection.get_execution_options().get(_READS, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgresql_url(text: str) -> URL:
    accepted = "give postgresql://USER:PASSWORD@HOST:PORT/NAME"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(f"the database's address cannot be read; {accepted}") from error
    if url.drivername not in ("postgres", "postgresql", POSTGRESQL):
        raise ConfigError(
            f"databases of the kind {url.drivername!r} are not supported; {accepted}, or a folder with --state DIR for "
            "SQLite"
        )
    return url.set(drivername=POSTGRESQL)


def _postgresql_engine(url: URL) -> Engine:
    # The server's own keepalives end the session, and so the locks, of a machine that lost its power.
    settings = {
        "statement_timeout": STATEMENT_S * 1000,
        "lock_timeout": WAIT_S * 1000,
        "tcp_keepalives_idle": 10,
        "tcp_keepalives_interval": 5,
        "tcp_keepalives_count": 2,
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    keepalives = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2, "tcp_user_timeout": 20_000}
    try:
        return create_engine(
            url,
            connect_args={"connect_timeout": WAIT_S, "options": options, **keepalives},
            pool_pre_ping=True,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=WAIT_S,
        )
    except ImportError as error:
        raise MissingDependencyError(f"PostgreSQL needs its driver: {install_command('postgres')}") from error
