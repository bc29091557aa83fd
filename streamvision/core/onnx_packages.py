"""The packages that bring ONNX Runtime: several, all imported as ``onnxruntime``, whose files overwrite each other.

No package manager knows that they exclude each other. Of two, the one that was installed last is imported, and removing
either takes files away from the other.
"""

from __future__ import annotations

from importlib import metadata
from typing import NamedTuple

PLAIN = "onnxruntime"
"""The one that needs no accelerator."""
NAMES = (
    PLAIN,
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-directml",
    "onnxruntime-training",
    "onnxruntime-rocm",
    "onnxruntime-migraphx",
    "onnxruntime-qnn",
    "onnxruntime-cann",
    "onnxruntime-vitisai",
    "onnxruntime-silicon",
    "onnxruntime-coreml",
    "ort-nightly",
    "ort-nightly-gpu",
)
"""Names of all of them on package indexes. What builds on ONNX Runtime, such as ``onnxruntime-extensions``, is none."""


class OnnxPackage(NamedTuple):
    """One that is installed."""

    name: str
    """As pip takes it."""
    version: str
    """Its version; ``unknown`` where its metadata do not say it."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def installed_packages() -> tuple[OnnxPackage, ...]:
    """Return those that are installed, the plain one first; ONNX Runtime may also be there without a package."""
    found = []
    for name in NAMES:
        try:
            version = metadata.distribution(name).metadata["Version"]
        except (metadata.PackageNotFoundError, KeyError):
            continue
        found.append(OnnxPackage(name, version or "unknown"))
    return tuple(found)
