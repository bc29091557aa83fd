"""From a torch module to a TFLite model with built-in operations only, by litert-torch."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from streamvision.core.errors import ExportError, MissingDependencyError
from streamvision.inference.model_card import InputCard

INSTALL = "pip install '.[export]'"


def convert(network: Any, card: InputCard) -> bytes:
    """Return the TFLite model in float32 of a module that takes one NHWC batch of what the card says.

    Args:
        network: a ``torch.nn.Module`` in evaluation mode; it may be changed.
        card: of its input.

    Raises:
        ExportError: when the network does something that TFLite has no operation for.
        MissingDependencyError: when litert-torch is not installed.
    """
    litert_torch = import_converter("litert_torch")
    import torch

    sample = torch.zeros((card.batch, card.height_px, card.width_px, 3), dtype=getattr(torch, card.dtype))
    litert_torch.config.show_progress = False
    with quiet(), tempfile.TemporaryDirectory() as scratch:
        try:
            model = litert_torch.convert(network, (sample,))
            path = Path(scratch) / "model.tflite"
            model.export(str(path))
        except Exception as error:  # torch, MLIR and the converter each raise what they like
            raise ExportError(
                f"this network cannot be converted to TFLite ({_first_line(error)}); export it to ONNX instead"
            ) from error
        return path.read_bytes()


def import_converter(name: str) -> ModuleType:
    """Return one of the packages that make TFLite files.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependencyError(f"exporting to TFLite needs {error.name}: {INSTALL}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars, warnings and logs of the converters to themselves."""
    root = logging.getLogger()
    level = root.level
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        root.setLevel(max(level, logging.ERROR))
        try:
            yield
        finally:
            root.setLevel(level)


def _first_line(error: Exception) -> str:
    lines = (line.strip() for line in str(error).splitlines())
    return next((line[:300].rstrip(".") for line in lines if line), type(error).__name__)
