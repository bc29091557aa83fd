"""A small disk in memory, for tests that fill it; only root may mount one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, megabytes: float) -> Iterator[Path]:
    """Mount a disk at a folder, which is made, for the length of the block."""
    folder.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", f"size={round(megabytes * 1000)}k", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True, timeout=30, check=False).returncode:
        pytest.skip("no disk may be mounted here, not even by root: a container without that right")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)
