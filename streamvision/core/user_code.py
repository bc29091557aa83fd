"""Finds a function or class of the user's own, which configurations and commands name as ``module:function``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from streamvision.core.errors import ConfigError


def find_code(path: str, *, kind: str) -> Callable[..., Any]:
    """Import what ``module:function`` or ``file.py:function`` names; importing runs the module's code.

    Args:
        path: where it is; modules of the present folder are found, too.
        kind: what it is for, for messages.

    Raises:
        ConfigError: when there is no such code, or it cannot be imported.
    """
    place, _, name = path.rpartition(":")
    found: Any = _module(place, path, kind)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{kind} {path!r}: {place} has no {name!r}; give module:function or file.py:function")
        found = getattr(found, part)
    if not callable(found):
        raise ConfigError(
            f"{kind} {path!r} is {type(found).__name__}, which cannot be called; give a function or class"
        )
    target: Callable[..., Any] = found
    return target


def _module(place: str, path: str, kind: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            here = str(Path.cwd())
            if here not in sys.path:
                sys.path.append(here)  # as `python -m` has it, where a console script has not
            return importlib.import_module(place)
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        if spec is None or spec.loader is None:
            raise ImportError(f"{place} is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{kind} {path!r} cannot be imported: {type(error).__name__}: {error}") from error
    return module
