"""ONNX Runtime, imported; or why there is none, or a broken one, in a sentence that leads on."""

from __future__ import annotations

import functools
import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamvision.core.errors import MissingDependencyError
from streamvision.core.install import with_extra
from streamvision.core.onnx_packages import OnnxPackage, installed_packages
from streamvision.inference.tensors import last_line

logger = logging.getLogger(__name__)

ABSENT = (
    f"ONNX models need ONNX Runtime, which is not installed: pip install {with_extra('cpu')}, with [cuda] in "
    "place of [cpu] for an NVIDIA GPU and [jetson] for a Jetson"
)
_JETSON = Path("/etc/nv_tegra_release")
"""What NVIDIA's system for Jetsons says of itself; nothing else has it."""


def import_onnxruntime() -> Any:
    """Return the package. Where two packages bring it, the log says so, once.

    Raises:
        MissingDependencyError: when it is not installed, or lacks files.
    """
    packages = installed_packages()
    try:
        import onnxruntime

        # A folder from which another package took most files is a package to Python, an empty one.
        _ = onnxruntime.InferenceSession
    except (ImportError, AttributeError) as error:
        raise MissingDependencyError(onnx_fault(packages) or _unloadable(packages, error)) from error
    _warn_of(packages)
    return onnxruntime


def onnx_fault(packages: Sequence[OnnxPackage]) -> str | None:
    """Return what is wrong with these installed packages, with the commands that mend it; ``None`` where nothing is.

    It is not imported for that.
    """
    if len(packages) > 1:
        names = [package.name for package in packages]
        return (
            f"{' and '.join(map(str, packages))} are installed and overwrite each other's files, and exactly one must "
            f"remain: run pip uninstall -y {' '.join(names)}, then {_install_one(names)}"
        )
    spec = importlib.util.find_spec("onnxruntime")
    if spec is not None and spec.origin is not None:
        return None
    if packages:
        return (
            f"{packages[0]} has lost files, as when another package of ONNX Runtime is uninstalled: "
            f"{_install_again(packages[0])}"
        )
    return ABSENT


def _install_one(names: Sequence[str]) -> str:
    """Return the command that installs the one of these that does the most here."""
    if not any(name.endswith("-gpu") for name in names):
        return f"pip install {with_extra('cpu')}"
    if _JETSON.exists():
        return "the command that 'streamvision doctor' names for this GPU"
    return f"pip install {with_extra('cuda')}"


def _unloadable(packages: Sequence[OnnxPackage], error: Exception) -> str:
    said = str(packages[0]) if packages else "the package onnxruntime"
    again = (
        f"install it again ({_install_again(packages[0])}), or another version of it" if packages else "install another"
    )
    return f"ONNX Runtime ({said}) does not load ({last_line(error)}): {again}"


def _install_again(package: OnnxPackage) -> str:
    return f"pip install --force-reinstall --no-deps {package.name}=={package.version}"


@functools.cache
def _warn_of(packages: tuple[OnnxPackage, ...]) -> None:
    if len(packages) > 1:
        logger.warning("%s", onnx_fault(packages))
