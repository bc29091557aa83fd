"""What ``streamvision doctor`` says of one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was checked."""

    name: str
    """What it is for."""
    ok: bool
    """Whether it works."""
    detail: str
    """What was found; where it does not work, what to do."""
    required: bool = False
    """Whether nothing works without it."""
