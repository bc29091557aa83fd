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
        wait_s: how long it is waited for a place.
    """

    def __init__(self, most: int, what: str, *, wait_s: float = 0.0) -> None:
        self._most = most
        self._what = what
        self._wait_s = wait_s
        self._free = threading.BoundedSemaphore(most)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place for the length of the block.

        Raises:
            Refused: when none is free.
        """
        if not self._free.acquire(timeout=self._wait_s):
            sentence = f"there are no more than {self._most} {self._what} at a time; try again in a while"
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": "1"})
        try:
            yield
        finally:
            self._free.release()
