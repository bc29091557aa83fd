"""The index in use: how much there is, what is the oldest, and rows that wait while the database is away.

A recorder must not wait for a database, so nothing of what it needs asks that one as a rule: totals and the oldest
recordings are known here, and new rows wait for :meth:`RecordingIndex.flush`. One lock, the owner's, is around it.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from contextlib import suppress

from streamvision.core.errors import StateError
from streamvision.core.recordings import RecordingKind
from streamvision.service.recordings.files import KINDS
from streamvision.state.database import Database
from streamvision.state.recordings import (
    IndexedRecording,
    forget_recordings,
    oldest_recordings,
    put_recordings,
    recorded_totals,
)

LOOK_AHEAD = 256
"""How many of the oldest of each kind are known: so long recording goes on while the database is away."""
AHEAD_S = 3600.0
"""What begins so far in the future was recorded while the clock was ahead."""
_NEVER_UNIX_S = 1e12
MAX_WAITING = 10_000
"""Most rows that wait for the database; beyond, the files must be looked through again."""


class RecordingIndex:
    """What there is, by kind, and what of it goes first.

    Args:
        database: where the index is.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        """Where it is."""
        self.is_doubtful = False
        """Whether the files must be looked through, since something was not as it was written down."""
        self._sizes: Counter[RecordingKind] = Counter()
        self._counts: Counter[RecordingKind] = Counter()
        self._oldest: dict[RecordingKind, deque[IndexedRecording]] = {kind: deque() for kind in KINDS}
        self._ahead: dict[RecordingKind, deque[IndexedRecording]] = {kind: deque() for kind in KINDS}
        self._added: deque[IndexedRecording] = deque()
        self._gone: deque[IndexedRecording] = deque()

    def size_bytes(self, *kinds: RecordingKind) -> int:
        """Return how much there is of some kinds."""
        return sum(self._sizes[kind] for kind in kinds)

    def add(self, found: IndexedRecording) -> None:
        """Take note of a file that is complete."""
        self._added.append(found)
        self._note(found, 1)
        self._bound(self._added)

    def oldest(self, kind: RecordingKind) -> IndexedRecording | None:
        """Return the oldest of a kind; ``None`` where there is none.

        Raises:
            StateError: when it is not known, and the database cannot be asked.
        """
        if not self._oldest[kind] and self._counts[kind]:
            self.look_ahead(kind)
        return self._oldest[kind][0] if self._oldest[kind] else None

    def ahead(self, kind: RecordingKind) -> IndexedRecording | None:
        """Return the oldest of those of a kind that begin in the future; ``None`` where there is none."""
        return self._ahead[kind][0] if self._ahead[kind] else None

    def take(self, gone: IndexedRecording) -> None:
        """Forget one that :meth:`oldest` or :meth:`ahead` gave, whose files are gone."""
        for known in (self._oldest[gone.recording.kind], self._ahead[gone.recording.kind]):
            if known and known[0] is gone:
                known.popleft()
        self._note(gone, -1)
        self._gone.append(gone)
        self._bound(self._gone)

    def flush(self) -> None:
        """Write down what waits.

        Raises:
            StateError: when the database cannot be written to; it waits further then.
        """
        if not self._added and not self._gone:
            return
        with self.database.begin() as connection:
            put_recordings(connection, list(self._added))
            for kind in KINDS:
                forget_recordings(
                    connection, [one.recording.id for one in self._gone if one.recording.kind == kind], kind=kind
                )
        self._added.clear()
        self._gone.clear()

    def look_ahead(self, kind: RecordingKind) -> None:
        """Read which are the oldest of a kind.

        Raises:
            StateError: when the database does not answer.
        """
        with suppress(StateError):  # a full disk takes no more rows, and that is when something must go
            self.flush()
        gone = {one.recording.id for one in self._gone}
        count, ahead_unix_s = LOOK_AHEAD + len(gone), time.time() + AHEAD_S
        for known, since_unix_s, until_unix_s in (
            (self._oldest, -_NEVER_UNIX_S, ahead_unix_s),
            (self._ahead, ahead_unix_s, _NEVER_UNIX_S),
        ):
            with self.database.reading() as connection:
                found = oldest_recordings(connection, kind, count, since_unix_s=since_unix_s, until_unix_s=until_unix_s)
            known[kind] = deque(one for one in found if one.recording.id not in gone)
        if not self._oldest[kind] and not self._ahead[kind] and not self._added:
            self._sizes[kind] = self._counts[kind] = 0

    def take_stock(self) -> None:
        """Read how much there is and what is the oldest: another process may have changed it, or we ourselves.

        Raises:
            StateError: when the database does not answer.
        """
        self.flush()
        with self.database.reading() as connection:
            totals = recorded_totals(connection)
        self._sizes, self._counts = Counter(), Counter()
        for one in totals:
            self._sizes[one.kind] += one.size_bytes
            self._counts[one.kind] += one.files
        for kind in KINDS:
            if kind != "kept":
                self.look_ahead(kind)

    def _note(self, found: IndexedRecording, sign: int) -> None:
        kind = found.recording.kind
        self._sizes[kind] = max(self._sizes[kind] + sign * found.recording.size_bytes, 0)
        self._counts[kind] = max(self._counts[kind] + sign, 0)

    def _bound(self, waiting: deque[IndexedRecording]) -> None:
        if len(waiting) > MAX_WAITING:
            waiting.popleft()
            self.is_doubtful = True
