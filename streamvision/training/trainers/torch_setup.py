"""Imports torch so that it shares a busy machine well."""

from __future__ import annotations

import os
from typing import Any

from streamvision.errors import MissingDependencyError

INSTALL = "pip install 'streamvision[train]'"


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
        raise MissingDependencyError(f"training needs {error.name}; install it with {INSTALL}") from error
    return torch
