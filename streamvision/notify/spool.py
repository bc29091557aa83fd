"""What waits for a target: in order, bounded, and on disk where it is to outlive this process."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from streamvision.notify.message import Message


class Waiting(NamedTuple):
    """A message and its number in the spool; later ones are greater."""

    number: int
    message: Message


class Spool(Protocol):
    """A queue of messages for one target, the oldest first; safe to use from any thread."""

    lost: int
    """How many messages made room for newer ones since this process began."""

    def put(self, message: Message) -> None:
        """Append a message; beyond the bounds the oldest make room, and are counted as :attr:`lost`.

        Raises:
            OutputError: when it cannot be written (disk full, say).
        """

    def first(self, count: int) -> list[Waiting]:
        """Return the oldest messages, so many at most; they stay where they are.

        Raises:
            OutputError: when they cannot be read.
        """

    def remove(self, number: int) -> None:
        """Take out the messages up to and with this number: they are delivered, or given up.

        Raises:
            OutputError: when that cannot be written.
        """

    def __len__(self) -> int:
        """Return how many messages wait."""

    def close(self) -> None:
        """Let go of what is open; what waits on disk is there at the next start. Calling it twice is harmless."""
