"""What a target is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

EVENT_BYTES = 1024
"""About how much room an event takes without its picture."""


@dataclass(frozen=True)
class Message:
    """One event on its way to a target; it may arrive twice, and then has the same :attr:`id`."""

    event: dict[str, Any]
    """The event as plain values, as docs/event.schema.json has it."""
    rules: tuple[str, ...] = ()
    """Names of the rules by which it is told."""
    jpeg: bytes | None = None
    """Its annotated picture as a JPEG file; ``None`` where no rule asks for one, or there is none."""

    @property
    def id(self) -> str:
        """The event's id: 32 hexadecimal digits."""
        return str(self.event["id"])

    @property
    def size_bytes(self) -> int:
        """About how much room it takes."""
        return EVENT_BYTES + len(self.jpeg or b"")


class Waiting(NamedTuple):
    """A message and its number in the spool; later ones are greater."""

    number: int
    message: Message
