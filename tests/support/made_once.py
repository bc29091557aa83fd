"""What takes seconds to make, and stays: made by the first test process that asks for it, while the others wait."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable
from pathlib import Path


def made_once(place: Path, make: Callable[[Path], object]) -> Path:
    """Return a file or folder, which is there already or is made whole.

    Args:
        place: where it is to lie; never write there.
        make: makes it at the path that it is given, whose folder is empty. What it raises leaves nothing behind.
    """
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.with_name(f"{place.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.exists():
                with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
                    made = Path(scratch) / place.name
                    make(made)
                    made.rename(place)
    return place
