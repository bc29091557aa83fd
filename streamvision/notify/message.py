"""What a target is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
        return 1024 + len(self.jpeg or b"")
