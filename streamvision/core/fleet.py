"""What the web may know of the store that a service's models come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

FleetModelState = Literal["unused", "coming", "changing", "running", "refused", "cancelled", "rolled_back", "overruled"]
"""``unused``: no model of that name is set here. ``coming``: it is being fetched, or cannot be yet. ``changing``: it is
loaded, proven or in its shadow run. ``overruled``: it ran, and somebody has put another in its place since."""


@dataclass(frozen=True)
class FleetModel:
    """A model of the channel that is followed."""

    name: str
    """Its name; ``default`` for the run's own."""
    id: str
    """Digest of its files."""
    format: str
    """Ending of its file."""
    size_bytes: int
    """Size of its files."""
    came_bytes: int
    """How much of them is here."""
    state: FleetModelState
    """Where it stands."""
    sentence: str
    """The same in words, with the reason where it was refused."""


@dataclass(frozen=True)
class FleetStatus:
    """The store that is followed, at one moment."""

    store: str
    """Where it is, without secrets."""
    channel: str
    """The channel that is followed."""
    number: int | None
    """Number of the newest manifest that was accepted; ``None`` before the first."""
    created_unix_s: float | None
    """When that was made, by its maker's clock."""
    confirmed_unix_s: float | None
    """When the store last gave it, by this machine's clock."""
    fault: str | None
    """Why the last try failed; ``None`` where it did not."""
    models: tuple[FleetModel, ...]
    """What it holds."""


class Fleet(Protocol):
    """A store that is followed."""

    @property
    def fault(self) -> str | None:
        """Why the last try failed; ``None`` where it did not."""

    def status(self) -> FleetStatus:
        """Return how it is."""

    def check(self) -> None:
        """Ask the store soon."""
