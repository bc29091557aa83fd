"""Importing much at a time without the cost of looking through it again and again."""

from __future__ import annotations

import gc
import importlib
import sys
from types import ModuleType


def import_uncollected(name: str) -> ModuleType:
    """Import a module; what comes with it is passed over by the collection of garbage, meanwhile and ever after.

    Hundreds of thousands of objects that stay would be looked through several times while they are made, a quarter of
    the time that a command takes to start, and again while streams run.

    Raises:
        ImportError: as :func:`importlib.import_module` does.
    """
    if (known := sys.modules.get(name)) is not None:
        return known
    enabled = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
