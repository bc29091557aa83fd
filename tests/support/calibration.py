"""A few pictures to measure ranges on: an eighth is enough where the figures are not the claim."""

from __future__ import annotations

from pathlib import Path


def few(folder: Path, scratch: Path) -> Path:
    """Return a folder with every eighth picture."""
    chosen = scratch / "few"
    chosen.mkdir()
    for path in sorted(folder.glob("*.jpg"))[::8]:
        (chosen / path.name).symlink_to(path)
    return chosen
