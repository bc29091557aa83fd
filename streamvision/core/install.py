"""What this project is called where it is installed from, and the commands that install more of it."""

from __future__ import annotations

DISTRIBUTION = "streamvision-edge"
"""Name for pip. The package that is imported is ``streamvision``; a distribution of that name is somebody else's."""


def with_extra(extra: str) -> str:
    """Return what pip takes for an extra, quoted for the shell; it is right in a checkout and in a wheel.

    >>> with_extra("openvino")
    "'streamvision-edge[openvino]'"
    """
    return f"'{DISTRIBUTION}[{extra}]'"


def install_command(extra: str) -> str:
    """Return the command that installs an extra.

    >>> install_command("eval")
    "pip install 'streamvision-edge[eval]'"
    """
    return f"pip install {with_extra(extra)}"
