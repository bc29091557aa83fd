"""Sources with random weights, each made once a session."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from streamvision.checkpoints import open_source
from streamvision.checkpoints.base import Source
from support.tiny_architectures import tiny_architecture


@cache
def random_source(name: str, size_px: tuple[int, int] | None = None, seed: int = 1) -> Source:
    """Return an architecture with random weights; its modules are fresh each time they are asked for."""
    return open_source(name, size_px=size_px, random_weights=seed)


@cache
def tiny_random_source(task: str, size_px: tuple[int, int], seed: int = 1) -> Source:
    """Return a network of six of ultralytics' layers with random weights; see :mod:`support.tiny_architectures`."""
    with tempfile.TemporaryDirectory() as folder:
        return open_source(tiny_architecture(Path(folder), task), size_px=size_px, random_weights=seed)
