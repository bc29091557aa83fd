"""Checkpoints, written whole or not at all; imports torch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from streamvision.core.files import write_whole


def write_tensors(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values as one file.

    Raises:
        OutputError: when it cannot be written; what was there before stays.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(path, buffer.getvalue())
