"""How far a viewer of video is behind: for how long the oldest of what was written has not been read.

What has reached its machine and was not read there is known from its window, but roughly: a kernel tells of more room
only when that has doubled, so that a window that is open by half says nothing. The kernel is not asked for each packet,
which would cost more than to send it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from streamvision.web.layer_choice import TakenRate
from streamvision.web.pacing import Look

LOOK_S = 0.2
"""How often the kernel is asked about a viewer that keeps up."""
LATE_LOOK_S = 0.02
"""The same for one that does not."""
LATE_S = 0.4
"""A viewer that is so far behind gets nothing more for now, beside the time there and back."""
CAUGHT_UP_S = 0.1
"""It gets more when it is no further behind than this."""
MARK_S = 0.02
"""What is written within this time counts as written at once."""
MAX_MARKS = 512
PATIENCE_S = 3.0
"""A window that stays small for so long, while nothing is sent, is as large as it gets."""


class Backlog:
    """Used on one event loop.

    Args:
        look: looks at the connection; gives ``None`` where the kernel says nothing, and nobody is late then.
    """

    def __init__(self, look: Callable[[], Look | None]) -> None:
        self._look = look
        self._written_bytes = 0
        self._marks: deque[tuple[float, int]] = deque(maxlen=MAX_MARKS)
        """When something was written, and how much there was in all at the end of that time."""
        self._looked_at_s = 0.0
        self._taken = TakenRate()
        self._untaken_bytes = 0
        """Of what was written, as far as it is known between two looks."""
        self._largest_window_bytes = 0
        self._sent_at_s = 0.0
        self._is_late = False

    def note_sent(self, size_bytes: int, now_s: float) -> None:
        """Take note of what was handed to the kernel."""
        self._written_bytes += size_bytes
        self._untaken_bytes += size_bytes
        self._sent_at_s = now_s
        if self._marks and now_s - self._marks[-1][0] < MARK_S:
            self._marks[-1] = self._marks[-1][0], self._written_bytes
        else:
            self._marks.append((now_s, self._written_bytes))

    def is_late(self, now_s: float) -> bool:
        """Return whether the viewer is too far behind for more."""
        is_recent = now_s - self._looked_at_s < (LATE_LOOK_S if self._is_late else LOOK_S)
        if is_recent and (self._is_late or self._needed_s() < LATE_S):
            return self._is_late
        seen = self._look()
        self._looked_at_s = now_s
        if seen is None:
            return False
        unread_bytes = self._unread_bytes(seen, now_s)
        self._taken.note(self._written_bytes - unread_bytes, unread_bytes, now_s)
        is_open = 2 * seen.window_bytes >= self._largest_window_bytes
        self._untaken_bytes = seen.unacknowledged_bytes if is_open else unread_bytes
        taken_bytes = self._written_bytes - self._untaken_bytes
        while self._marks and self._marks[0][1] <= taken_bytes:
            self._marks.popleft()
        behind_s = max(now_s - self._marks[0][0] if self._marks else 0.0, self._needed_s())
        self._is_late = behind_s > (CAUGHT_UP_S if self._is_late else LATE_S) + 2 * seen.rtt_s
        return self._is_late

    @property
    def taken_bytes_s(self) -> float | None:
        """How fast the viewer takes bytes; ``None`` where it keeps up, so that nobody knows."""
        return self._taken.bytes_per_s

    def _unread_bytes(self, seen: Look, now_s: float) -> int:
        """Return how much was not read, as the viewer's kernel has told last."""
        if not seen.unacknowledged_bytes and now_s - self._sent_at_s > PATIENCE_S:
            self._largest_window_bytes = 0
        self._largest_window_bytes = max(self._largest_window_bytes, seen.window_bytes)
        unread_bytes = seen.unacknowledged_bytes + self._largest_window_bytes - seen.window_bytes
        return min(unread_bytes, self._written_bytes)

    def _needed_s(self) -> float:
        """Return how long the viewer needs for what it has not taken, as far as that is known.

        One burst that the kernel takes whole may be seconds for a slow viewer.
        """
        rate = self._taken.bytes_per_s if self._untaken_bytes else None
        return self._untaken_bytes / rate if rate else 0.0
