"""The lock that a service holds on a PostgreSQL database, and what becomes of it when its connection is lost.

The server lets go of the lock with the connection that holds it: where it is started anew, or the network is cut for
long. Another service may take it then. So it is looked again and again whether the connection is still there, and
where it is not, the lock is taken once more, as soon as the server answers; where somebody else has it by then, whoever
runs here is told to end. While the server does not answer it gives the lock to nobody who sees the same server.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from streamvision.core.errors import StateError
from streamvision.core.redaction import redact_outside

LOOK_S = 1.0
"""How often it is looked whether the lock is held; who takes it gives a cluster no streams for longer than that."""
JOIN_S = 2.0
_KEY = int.from_bytes(b"StreamVi", "big")
"""Key of the advisory lock."""
_NOT_AVAILABLE = "55P03"
"""What PostgreSQL answers when a lock was not free for ``lock_timeout``."""

_OWN = text("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid AND backend_start = :backend_start"
)

OnLoss = Callable[[str], None]
"""Is told, with a sentence, that another service holds the lock."""

_log = logging.getLogger(__name__)


class ServiceLock:
    """Of one service.

    Args:
        connect: makes a connection whose end is that of its session.
        place: what messages call the database.
    """

    def __init__(self, connect: Callable[[], Connection], place: str) -> None:
        self._connect = connect
        self._place = place
        self._connection: Connection | None = None
        self._session: Any = None  # what the server calls the session that has held it
        self._released = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Take it.

        Raises:
            StateError: when another service holds it and does not end within a few seconds.
            SQLAlchemyError: when the server does not answer.
        """
        connection = self._connect()
        try:
            connection.execute(select(func.pg_advisory_lock(_KEY)))
        except BaseException as error:
            _close(connection)
            refused = isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) == _NOT_AVAILABLE
            if not refused:
                raise
            raise self._in_use() from None
        self._hold(connection)

    def watch(self, on_loss: OnLoss) -> None:
        """Look from now on whether it is still held.

        Args:
            on_loss: told once, from another thread, where another service holds it.
        """
        self._thread = threading.Thread(target=self._watch, args=(on_loss,), name="service-lock", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Let others have it."""
        self._released.set()
        if self._thread is not None:
            self._thread.join(JOIN_S)
        if self._connection is not None:
            _close(self._connection)

    def _watch(self, on_loss: OnLoss) -> None:
        is_away = False
        while not self._released.wait(LOOK_S):
            try:
                self._look()
                if is_away:
                    _log.warning("%s answers again, and this service holds it", self._place)
                is_away = False
            except StateError as error:
                on_loss(f"this service ends, since its hold on the database was lost: {error}")
                return
            except SQLAlchemyError as error:
                if not is_away:
                    first = redact_outside(str(error).strip().partition("\n")[0])
                    _log.warning("%s does not answer, and the hold on it may be lost: %s", self._place, first)
                is_away = True

    def _look(self) -> None:
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
                return
            except SQLAlchemyError:
                _close(self._connection)
                self._connection = None
        connection = self._connect()
        try:
            if not connection.scalar(select(func.pg_try_advisory_lock(_KEY))):
                if not connection.scalar(_END, self._session):
                    raise self._in_use()
                _close(connection)  # the server had not seen the end of our own session, and is told of it: next time
                return
        except BaseException:
            _close(connection)
            raise
        self._hold(connection)

    def _hold(self, connection: Connection) -> None:
        self._session = connection.execute(_OWN).one()._asdict()
        self._connection = connection

    def _in_use(self) -> StateError:
        return StateError(
            f"{self._place} is in use by a service that runs already, perhaps with another state folder; stop that, or "
            "give another database with --database"
        )


def _close(connection: Connection) -> None:
    with suppress(SQLAlchemyError):
        connection.invalidate()
    with suppress(SQLAlchemyError):
        connection.close()
