"""Work that is done for so many requests at once and no more, so that it leaves something for the cameras."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from streamvision.web.refusal import refuse


class AtOnce:
    """So many of a kind; who comes beyond is told to try again.

    Args:
        most: how many at a time.
        what: what is done, in the plural, for the sentence.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._free = threading.BoundedSemaphore(most)

    def enter(self) -> None:
        """Take a place, which :meth:`leave` gives back.

        Raises:
            Refused: when none is free.
        """
        if not self._free.acquire(blocking=False):
            sentence = f"there are no more than {self._most} {self._what} at a time; try again in a while"
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": "1"})

    def leave(self) -> None:
        """Give a place back."""
        self._free.release()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place for the length of the block."""
        self.enter()
        try:
            yield
        finally:
            self.leave()
