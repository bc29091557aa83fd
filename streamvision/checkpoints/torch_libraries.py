"""Imports torch so that it shares a busy machine well, and ultralytics without its network habits."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

from streamvision.core.errors import MissingDependencyError

INSTALL = "pip install '.[train]'"


def import_torch() -> Any:
    """Return torch.

    Raises:
        MissingDependencyError: when torch or torchvision is not installed.
    """
    # Threads that wait for each other by spinning slow training down many times where other programs run too.
    # OpenMP reads this when it is loaded, so it must be set before the first import.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import torch
        import torchvision  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(f"checkpoints and training need {error.name or 'torch'}: {INSTALL}") from error
    return torch


def import_ultralytics() -> Any:
    """Import ultralytics, offline, and silent unless our own log is at INFO (``-v``); nothing is fetched or installed.

    Raises:
        MissingDependencyError: when it, or torch, is not installed.
    """
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_VERBOSE"] = str(logging.getLogger().isEnabledFor(logging.INFO)).lower()
    # Its settings (among them the consent to analytics) are kept apart from the user's own.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(cache / "streamvision"))
    import_torch()
    # What it says at its first start must not mix with a report on stdout.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            import ultralytics
        except ImportError as error:
            raise MissingDependencyError(
                f"checkpoints and training need {error.name or 'ultralytics'}: {INSTALL}"
            ) from error
        if ultralytics.settings["sync"]:
            ultralytics.settings.update({"sync": False})
    return ultralytics
