"""What waits for one viewer of video: packets and results in order, and never so much that it is late for good.

Packets build on each other, so that none can be left out by itself: where too much waits, all up to the next key frame
is left out, and what was found on those pictures with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

from streamvision.web.wire import Render

MAX_BYTES = 1_000_000
"""Most that waits of one stream, beside what is made when it is sent, such as what a viewer gets when it joins."""
MAX_AGE_S = 1.0
"""Longest that anything waits."""

Kind = Literal["key", "packet", "result", "format", "scene", "notice"]
"""``key``: decoding can begin here."""
STATES: frozenset[Kind] = frozenset({"format", "scene", "notice"})
"""What is valid until it is said anew: the newest of each is never left out."""


Record = bytes | Render
"""What is to be sent, or what makes it at that moment: that takes no room until then, and is counted by nobody."""


class _Entry(NamedTuple):
    record: Record
    kind: Kind
    since_s: float
    counted_bytes: int


class _Row:
    """What waits of one stream."""

    def __init__(self) -> None:
        self.entries: deque[_Entry] = deque()
        self.counted_bytes = 0

    def append(self, entry: _Entry) -> None:
        self.entries.append(entry)
        self.counted_bytes += entry.counted_bytes

    def popleft(self) -> Record:
        entry = self.entries.popleft()
        self.counted_bytes -= entry.counted_bytes
        return entry.record

    def is_too_much(self, now_s: float) -> bool:
        return self.counted_bytes > MAX_BYTES or now_s - self.entries[0].since_s > MAX_AGE_S

    def leave_out(self, now_s: float) -> bool:
        """Leave out all up to the newest key frame that waits; return whether there is one."""
        entries = list(self.entries)
        keys = (i for i in range(len(entries) - 1, 0, -1) if entries[i].kind == "key")
        begin = next(keys, len(entries))
        kept = [*_states(entries[:begin]), *entries[begin:]]
        if begin < len(entries) and now_s - entries[begin].since_s > MAX_AGE_S:
            begin, kept = len(entries), _states(entries)
        # States are valid still, whatever their age is.
        self.entries = deque(one._replace(since_s=now_s) if one.kind in STATES else one for one in kept)
        self.counted_bytes = sum(one.counted_bytes for one in kept)
        return begin < len(entries)


class PacketQueue:
    """The rows of all streams of one viewer, which have their turns in a circle.

    Used on the event loop of the fan-out alone.
    """

    def __init__(self) -> None:
        self.skipping: set[str] = set()
        """Streams of which nothing is taken up to their next key frame."""
        self._rows: dict[str, _Row] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def accepts(self, stream_id: str, kind: Kind) -> bool:
        """Say whether a record is to be sent, or to wait; a key frame ends the skipping."""
        if stream_id not in self.skipping or kind in STATES:
            return True
        if kind == "key":
            self.skipping.discard(stream_id)
            return True
        return False

    def put(self, stream_id: str, record: Record, kind: Kind, now_s: float) -> bool:
        """Let a record wait that is accepted; return whether something had to be left out for it.

        Args:
            stream_id: its stream.
            record: what is to be sent.
            kind: what it is.
            now_s: ``time.monotonic()``.
        """
        row = self._rows.setdefault(stream_id, _Row())
        row.append(_Entry(record, kind, now_s, len(record) if isinstance(record, bytes) else 0))
        if not row.is_too_much(now_s):
            return False
        if not row.leave_out(now_s):
            self.skipping.add(stream_id)
        if not row.entries:
            del self._rows[stream_id]
        return True

    def pop(self, now_s: float) -> bytes:
        """Return what is next, and take it out."""
        stream_id, row = next(iter(self._rows.items()))
        record = row.popleft()
        del self._rows[stream_id]
        if row.entries:
            self._rows[stream_id] = row
        return as_bytes(record, now_s)

    def forget(self, stream_id: str) -> None:
        """Let nothing of a stream wait any more."""
        self._rows.pop(stream_id, None)
        self.skipping.discard(stream_id)

    def forget_video(self, stream_id: str) -> None:
        """Let of a stream only states wait any more: another video begins."""
        row = self._rows.pop(stream_id, None)
        self.skipping.discard(stream_id)
        for entry in _states(row.entries) if row else ():
            self._rows.setdefault(stream_id, _Row()).append(entry)

    def clear(self) -> None:
        """Let nothing wait any more."""
        self._rows.clear()


def as_bytes(record: Record, now_s: float) -> bytes:
    """Return a record that is sent now."""
    return record if isinstance(record, bytes) else record(now_s)


def _states(entries: Iterable[_Entry]) -> list[_Entry]:
    """Return the newest state of each kind, in their order."""
    newest = {one.kind: (place, one) for place, one in enumerate(entries) if one.kind in STATES}
    return [one for _, one in sorted(newest.values(), key=lambda placed: placed[0])]
