"""The packages that convert networks: imported where they are used, kept quiet, and their failures as one sentence."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import platform
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamvision.core.errors import ExportError, MissingDependencyError
from streamvision.core.install import install_command

_LOGGERS = (None, "coremltools", "nncf", "torch.onnx")
"""Names of the loggers that converters speak through; ``None`` is the root."""
_ONLY_X86 = ("coremltools", "litert_torch")
"""What has no wheels for Linux on other processors; the extra leaves it out there."""
_NOWHERE = Path(os.devnull).open("w")  # noqa: SIM115
"""Never closed: libraries keep what stdout and stderr were when they were imported."""


def import_converter(name: str) -> Any:
    """Return a package that converts networks, or a module of one.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        if name.split(".")[0] in _ONLY_X86 and (sys.platform, platform.machine()) == ("linux", "aarch64"):
            raise MissingDependencyError(
                f"this export needs {error.name or name}, which is not made for Linux on 64-bit ARM: export on x86-64"
            ) from error
        raise MissingDependencyError(f"this export needs {error.name or name}: {install_command('export')}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars, warnings and logs of the converters away; their errors are exceptions.

    What C++ writes is kept away, too, unless details are asked for (``-v``): it may say why the process ended.
    """
    written = contextlib.nullcontext() if logging.getLogger().isEnabledFor(logging.INFO) else _without_descriptor_2()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    python = contextlib.redirect_stdout(_NOWHERE), contextlib.redirect_stderr(_NOWHERE)
    with written, python[0], python[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(max(level, logging.ERROR))
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextlib.contextmanager
def _without_descriptor_2() -> Iterator[None]:
    kept = os.dup(2)
    os.dup2(_NOWHERE.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def converting(network: object, to: str, *, instead: str) -> Iterator[None]:
    """Keep a converter quiet, and turn what it raises into a sentence.

    Args:
        network: what is converted, in a word.
        to: the format, as people write it.
        instead: what the user can do.

    Raises:
        ExportError: when the converter fails, in whatever way.
    """
    try:
        with quiet():
            yield
    except ExportError:
        raise
    except Exception as error:  # torch and the converters raise whatever the network's code leads to
        lines = (line.strip() for line in str(error).splitlines())
        first = next((line[:300].rstrip(".") for line in lines if line), type(error).__name__)
        raise ExportError(f"{network} cannot be converted to {to} ({first}); {instead}") from error
