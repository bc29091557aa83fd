"""What is told of events: a web hook, a broker, a queue, people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from streamvision.core.config.section import Section
from streamvision.core.errors import StreamVisionError
from streamvision.notify.message import Message


class DeliveryError(StreamVisionError, OSError):
    """Messages were not taken.

    Args:
        reason: why, in one sentence without secrets.
        retry: whether they may be taken later; otherwise the first one that was not taken is given up.
        after_s: the earliest time at which to try again, in seconds from now, where the other side says so.
        delivered: how many of them, from the first, were taken all the same.
    """

    def __init__(self, reason: str, *, retry: bool, after_s: float | None = None, delivered: int = 0) -> None:
        super().__init__(reason)
        self.retry = retry
        self.after_s = after_s
        self.delivered = delivered


class Target(Protocol):
    """Is told of events, by one thread at a time, oldest first; what it is not told now waits in a spool."""

    batch: int
    """Most messages of one call."""

    def send(self, messages: Sequence[Message]) -> None:
        """Hand messages over, in order; back when the other side has confirmed all of them.

        It connects where that is still to be done, and never takes longer than half a minute.

        Raises:
            DeliveryError: when the other side has not confirmed all of them.
        """

    def close(self) -> None:
        """Let go of the connection, within a second; calling it twice is harmless."""


@dataclass(frozen=True)
class TargetContext:
    """What a target is made from; making one opens no connection."""

    name: str
    """What the configuration calls it."""
    options: Section | None = None
    """Its settings, checked by its configuration class."""
