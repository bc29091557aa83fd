"""Folders that look to Python as if packages of ONNX Runtime were installed in them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Site = Callable[..., Path]
"""Takes packages by name and version, and by ``code`` what is imported as ``onnxruntime``; see :func:`write_site`."""


def write_site(folder: Path, packages: dict[str, str], *, code: str | None = "class InferenceSession: ...\n") -> Path:
    """Write what installed packages leave behind.

    Args:
        folder: where.
        packages: their versions by their names.
        code: the module that they bring; ``None`` for what remains of it when another package is removed.
    """
    for name, version in packages.items():
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if packages:
        (folder / "onnxruntime" / "capi").mkdir(parents=True)
    if packages and code is not None:
        (folder / "onnxruntime" / "__init__.py").write_text(code)
    return folder
