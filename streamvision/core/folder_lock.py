"""A folder that one process at a time works in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streamvision.core.errors import StreamVisionError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked(folder: Path, busy: StreamVisionError) -> Iterator[None]:
    """Hold a folder; the system lets go of it when the process ends, however it does.

    Args:
        folder: it is there.
        busy: raised when another process, or another part of this one, holds it.

    Raises:
        OSError: when the folder cannot be opened.
    """
    with ExitStack() as held:
        if fcntl is not None:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy from None
            except OSError:  # a file system of the network that knows no locks
                pass
        yield
