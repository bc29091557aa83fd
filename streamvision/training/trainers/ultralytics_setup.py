"""Ultralytics without its network habits: nothing is fetched, installed or reported unasked."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from streamvision.errors import ConfigError, MissingDependencyError
from streamvision.training.trainers.torch_setup import INSTALL, import_torch

RELEASES = "https://github.com/ultralytics/assets/releases"


def import_ultralytics() -> Any:
    """Import ultralytics, offline, and silent unless our own log is at INFO (``-v``).

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
    try:
        import ultralytics
    except ImportError as error:
        raise MissingDependencyError(f"training needs {error.name}; install it with {INSTALL}") from error
    if ultralytics.settings["sync"]:
        ultralytics.settings.update({"sync": False})
    return ultralytics


def resolve_weights(model: str) -> str:
    """Return the weights file, or the architecture (``NAME.yaml``) to begin from nothing.

    A name without an ending stands for the file NAME.pt in the present folder.

    Raises:
        ConfigError: when there is no such file, saying where to put it.
    """
    path = Path(model).expanduser()
    if path.suffix in {".yaml", ".yml"}:
        return model
    if path.suffix == "":
        path = path.with_suffix(".pt")
    if path.is_file():
        return str(path.resolve())
    raise ConfigError(
        f"there are no weights at {path}, and nothing is downloaded unasked: put the file there (ultralytics' own are "
        f"at {RELEASES}), give another with --model, or begin from nothing with --model {path.stem}.yaml"
    )


def read_checkpoint(path: str) -> Any:
    """Return the network of a checkpoint.

    Raises:
        ConfigError: when the file is none.
    """
    from ultralytics.nn.tasks import load_checkpoint

    try:
        return load_checkpoint(path)[0]
    except Exception as error:  # unpickling raises whatever the file's content leads to
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(f"{path} is not a checkpoint that ultralytics can load ({first}); give another") from error
