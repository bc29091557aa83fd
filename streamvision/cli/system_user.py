"""Who runs a command, for the audit."""

from __future__ import annotations

import getpass


def system_user() -> str:
    """Return the name of the system's user; ``unknown`` where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return "unknown"
