"""A spool in a file of SQLite, so that a process that is killed loses nothing that was put into it."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamvision.core.errors import OutputError
from streamvision.notify.message import Message, Waiting
from streamvision.state.folder import prepare_file, prepare_folder

_log = logging.getLogger(__name__)

WAIT_S = 1.0
"""Longest wait for another process that has the file."""
_TABLE = """CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, rules TEXT NOT NULL, jpeg BLOB, size INTEGER NOT NULL
)"""


class SpoolInUseError(OutputError):
    """Another process has the spool."""


class DiskSpool:
    """See :class:`streamvision.notify.spool.Spool`. One process has the file at a time.

    Args:
        path: the file; its folder is made where it is missing. One that is damaged is put aside.
        max_messages: most messages that wait.
        max_bytes: most room that they take, pictures included.

    Raises:
        SpoolInUseError: when another process has it.
        OutputError: when it cannot be written.
    """

    def __init__(self, path: Path, *, max_messages: int, max_bytes: int) -> None:
        self.lost = 0
        """How many messages made room for newer ones since this process began."""
        self._path = path
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._lock = threading.Lock()
        prepare_folder(path.parent)
        try:
            self._connection = _opened(path)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise _cannot(path, error) from error
            raise SpoolInUseError(
                f"{path} is in use by another process, so what waits here is kept in memory; give each its own --state"
            ) from error
        except sqlite3.DatabaseError as error:
            _log.warning("%s is damaged (%s) and was renamed to %s.damaged", path, error, path.name)
            path.replace(path.with_name(f"{path.name}.damaged"))
            path.with_name(f"{path.name}-wal").unlink(missing_ok=True)  # its pages belong to the file that is gone
            self._connection = _opened(path)
        total = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM messages"
        self._count, self._bytes = self._connection.execute(total).fetchone()

    def put(self, message: Message) -> None:
        """Append a message; beyond the bounds the oldest make room."""
        row = (json.dumps(message.event), json.dumps(message.rules), message.jpeg, message.size_bytes)
        with self._writing():
            self._connection.execute("INSERT INTO messages (event, rules, jpeg, size) VALUES (?, ?, ?, ?)", row)
            count, size, lost = self._count + 1, self._bytes + message.size_bytes, 0
            while count and (count > self._max_messages or size > self._max_bytes):
                size -= self._drop_oldest()
                count, lost = count - 1, lost + 1
        self._count, self._bytes = count, size
        self.lost += lost

    def first(self, count: int) -> list[Waiting]:
        """Return the oldest messages, so many at most."""
        asked = "SELECT number, event, rules, jpeg FROM messages ORDER BY number LIMIT ?"
        with self._writing():
            rows = self._connection.execute(asked, (count,)).fetchall()
        return [Waiting(row[0], Message(json.loads(row[1]), tuple(json.loads(row[2])), row[3])) for row in rows]

    def remove(self, number: int) -> None:
        """Take out the messages up to and with this number."""
        with self._writing():
            total = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM messages WHERE number <= ?"
            count, size = self._connection.execute(total, (number,)).fetchone()
            self._connection.execute("DELETE FROM messages WHERE number <= ?", (number,))
        self._count -= count
        self._bytes -= size

    def __len__(self) -> int:
        return int(self._count)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def _drop_oldest(self) -> int:
        """Delete the oldest message and return its size."""
        oldest = "SELECT number, size FROM messages ORDER BY number LIMIT 1"
        number, size = self._connection.execute(oldest).fetchone()
        self._connection.execute("DELETE FROM messages WHERE number = ?", (number,))
        return int(size)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Do all of it or nothing."""
        with self._lock:
            try:
                with self._connection:
                    yield
            except sqlite3.Error as error:
                raise _cannot(self._path, error) from error


def forget_file(path: Path) -> None:
    """Remove the file of a spool that is closed, with what waits in it."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _cannot(path: Path, error: sqlite3.Error) -> OutputError:
    return OutputError(f"messages cannot be kept in {path}: {error}; free space, or give another folder with --state")


def _opened(path: Path) -> sqlite3.Connection:
    prepare_file(path)
    connection = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False)
    try:
        # Exclusive: held until it is closed or the process ends, so that two processes never send the same messages.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA auto_vacuum = FULL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection
