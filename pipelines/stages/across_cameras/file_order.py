"""Frames of several files in the order of their times, so that every run over them gives the same identities.

Live cameras need none of it: what is seen first comes first. Files are read as fast as each can be, and whichever is
ahead would decide who began an identity. So the earliest frame goes first, and of equal ones that of the stream which
was built first. It is the conservative simulation of events by Chandy and Misra, 1979: a file goes on when all others
have said that their next frame is later.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

PATIENCE_S = 10.0
"""Longest wait for another file's next frame; after it nobody waits for that one until it comes."""


class FileOrder:
    """Lets files take turns. Any thread may use it.

    Args:
        patience_s: longest wait for another file.
    """

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._place: dict[Hashable, int] = {}
        self._next: dict[Hashable, tuple[float, int]] = {}
        self._absent: set[Hashable] = set()
        self._places = 0
        self.overtaken = 0
        """Frames that did not wait any longer for another file."""

    def join(self, file: Hashable) -> None:
        """Let the others wait for a file from now on."""
        with self._changed:
            self._places += 1
            self._place[file] = self._places

    def leave(self, file: Hashable) -> None:
        """Let nobody wait for a file any more; calling it twice is harmless."""
        with self._changed:
            self._place.pop(file, None)
            self._next.pop(file, None)
            self._absent.discard(file)
            self._changed.notify_all()

    @contextmanager
    def turn(self, file: Hashable, at_s: float) -> Iterator[None]:
        """Wait until no other file has an earlier frame, and let them wait meanwhile.

        Args:
            file: which one.
            at_s: time of its next frame.
        """
        with self._changed:
            place = self._place.get(file)
            if place is not None:
                self._absent.discard(file)
                own = self._next[file] = (at_s, place)
                self._changed.notify_all()
                if not self._changed.wait_for(lambda: self._is_next(file, own), self._patience_s):
                    self.overtaken += 1
                    self._absent |= self._place.keys() - self._next.keys()
        try:
            yield
        finally:
            with self._changed:
                self._next.pop(file, None)
                self._changed.notify_all()

    def _is_next(self, file: Hashable, own: tuple[float, int]) -> bool:
        """Say whether all others have a later frame, or are not there."""
        others = self._place.keys() - self._absent - {file}
        return all(other in self._next and own < self._next[other] for other in others)
