"""What the web asks of whoever tells others of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from streamvision.core.errors import StreamVisionError

TargetState = Literal["idle", "sending", "failing"]
"""idle: nothing waits; sending: something does; failing: the last try failed, and why is said."""


class UnknownTargetError(StreamVisionError, LookupError):
    """There is no target of that name."""


@dataclass(frozen=True)
class TargetStatus:
    """How a target is doing."""

    name: str
    """What the configuration calls it."""
    kind: str
    """Its kind: webhook and the like."""
    state: TargetState
    """idle, sending or failing."""
    reason: str
    """Why it fails, in a sentence; empty where it does not."""
    waiting: int
    """Messages that wait for it."""
    sent: int
    """Messages that it has confirmed since the start."""
    lost: dict[str, int]
    """Messages that it never will have, by cause, since the start."""


@dataclass(frozen=True)
class TargetOption:
    """A setting of a kind of target."""

    name: str
    """Its key."""
    words: str
    """What it is."""
    form: Literal["text", "number", "flag", "texts", "pairs"]
    """A text, a number, yes or no, several texts, or texts by name."""
    required: bool
    """Whether it must be given."""
    secret: bool
    """Whether it is shown as ``***``."""


@dataclass(frozen=True)
class TargetKind:
    """A kind of target."""

    name: str
    """What the configuration calls it."""
    summary: str
    """What it is, in one line."""
    options: list[TargetOption]
    """Its settings."""


class Notifications(Protocol):
    """Targets of events; safe to use from any thread."""

    def statuses(self) -> list[TargetStatus]:
        """Return how each target is doing."""

    def kinds(self) -> list[TargetKind]:
        """Return the kinds of targets that can be used here."""

    def test(self, name: str) -> None:
        """Send a target a message now, beside what waits for it; back when it is confirmed, within 15 s.

        Raises:
            UnknownTargetError: when there is no target of that name.
            DeliveryError: when it is not confirmed, with the reason.
        """
