"""The garbage collector switched off, so that only what nothing holds any more is gone."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collector() -> Iterator[None]:
    """Collect no garbage in the block: it counts objects, not bytes, and may come after hours."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
