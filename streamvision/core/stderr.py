"""Where lines for people go. A program may have no stderr, as under pythonw or as a service, or one of its own make."""

from __future__ import annotations

import io
import sys
from typing import TextIO


def stderr() -> TextIO:
    """Return what ``sys.stderr`` is at the moment, or what forgets all that is written, where there is none."""
    return sys.stderr if sys.stderr is not None else io.StringIO()


def stderr_is_terminal() -> bool:
    """Say whether somebody sees it at once."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # none, one that cannot say, or a closed one
        return False
