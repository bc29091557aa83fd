"""Asks cheaply whether a source could work again, so that a long back-off ends when its server or camera is back."""

from __future__ import annotations

import socket
from pathlib import Path

from pipelines.capture.uri import SourceSpec


def is_reachable(spec: SourceSpec, *, timeout_s: float) -> bool | None:
    """Say whether the server accepts connections or the device exists; ``None`` where that cannot be asked."""
    if spec.kind == "v4l2":
        return Path(spec.uri).exists()
    if spec.endpoint is None:
        return None
    try:
        socket.create_connection(spec.endpoint, timeout=timeout_s).close()
    except (OSError, UnicodeError):  # UnicodeError: the name is none that could be looked up
        return False
    return True
