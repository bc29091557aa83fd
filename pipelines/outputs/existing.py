"""What becomes of a file that is there already: nothing that was recorded is destroyed unless that is asked for.

Under a supervisor a run that crashed begins again at once, with the same outputs. A file of live streams that grows by
lines is continued. Everything else gets a name with the date of its last change, so that the named file always holds
this run and nothing else.
"""

from __future__ import annotations

import stat
import time
from itertools import count
from pathlib import Path
from typing import Literal

from streamvision.core.errors import OutputError

Existing = Literal["continue", "keep", "overwrite"]
"""What an output does with an existing file: append to it, give it a dated name, or empty it."""


def date_text(time_unix_s: float) -> str:
    """Return a moment as it stands in file names: ISO 8601, UTC, with milliseconds.

    >>> date_text(1790000000.25)
    '20260921T141320.250Z'
    """
    milliseconds = round(time_unix_s * 1000)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(milliseconds // 1000))}.{milliseconds % 1000:03d}Z"


def set_aside(path: Path) -> Path | None:
    """Give an existing file that holds something a dated name, ``F.DATE.mp4``, and return it.

    Returns:
        ``None`` where there is nothing to keep: no file, an empty one, or a device.

    Raises:
        OutputError: when it cannot be renamed.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or not found.st_size:
            return None
        dated = _unused(path, date_text(found.st_mtime))
        path.rename(dated)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot rename the existing {path}: {reason}; give another file, or --overwrite to replace it"
        ) from error
    return dated


def _unused(path: Path, date: str) -> Path:
    names = (path.with_name(f"{path.stem}.{date}{f'-{number}' * (number > 1)}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())
