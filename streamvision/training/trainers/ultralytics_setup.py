"""Ultralytics without its network habits: nothing is fetched, installed or reported unasked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from streamvision.errors import ConfigError, MissingDependencyError

INSTALL = "pip install 'streamvision[train]'"


def import_ultralytics() -> Any:
    """Import ultralytics, offline and quiet.

    Raises:
        MissingDependencyError: when it, or torch, is not installed.
    """
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ.setdefault("YOLO_VERBOSE", "true")
    # Its settings (which include consent to analytics) and fonts stay out of the user's home.
    os.environ.setdefault("YOLO_CONFIG_DIR", str(Path(tempfile.gettempdir()) / f"streamvision-{os.getuid()}"))
    try:
        import torch  # noqa: F401
        import ultralytics
    except ImportError as error:
        raise MissingDependencyError(f"training needs {error.name}; install it with {INSTALL}") from error
    ultralytics.settings.update({"sync": False})
    return ultralytics


def resolve_weights(model: str) -> Path:
    """Return the weights file; a name stands for a file of that name in the present folder.

    Raises:
        ConfigError: when there is no such file, saying where to put it.
    """
    path = Path(model).expanduser()
    if path.suffix == "":
        path = path.with_suffix(".pt")
    if path.exists():
        return path.resolve()
    raise ConfigError(
        f"there are no weights at {path}, and nothing is downloaded unasked: put the file there "
        f"(for example from https://github.com/ultralytics/assets/releases), give another path with --model, "
        f"or give --model {path.stem}.yaml to begin from nothing"
    )
