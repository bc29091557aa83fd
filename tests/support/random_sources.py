"""Sources with random weights, each made once a session."""

from __future__ import annotations

from functools import cache

from streamvision.checkpoints import open_source
from streamvision.checkpoints.base import Source


@cache
def random_source(name: str, size_px: tuple[int, int] | None = None, seed: int = 1) -> Source:
    """Return an architecture with random weights; its modules are fresh each time they are asked for."""
    return open_source(name, size_px=size_px, random_weights=seed)
