"""What a Jetson's system is called, and which build of ONNX Runtime runs on which machine."""

from __future__ import annotations

from typing import NamedTuple

from streamvision.core.install import install_command, with_extra
from streamvision.core.nvidia.texts import L4tVersion

JETPACKS = {
    (35, 1, 0): "5.0.2",
    (35, 2, 1): "5.1",
    (35, 3, 1): "5.1.1",
    (35, 4, 1): "5.1.2",
    (35, 5, 0): "5.1.3",
    (35, 6, 0): "5.1.4",
    (36, 3, 0): "6.0",
    (36, 4, 0): "6.1",
    (36, 4, 3): "6.2",
    (36, 4, 4): "6.2.1",
    (36, 5, 0): "6.2.2",
    (36, 5, 2): "6.2.3",
    (38, 2, 0): "7.0",
    (38, 2, 1): "7.0",
    (38, 4, 0): "7.1",
    (39, 2, 0): "7.2",
    (39, 2, 1): "7.2.1",
}
"""JetPack by Jetson Linux, of the releases in NVIDIA's archive."""
_MAJORS = {32: "4", 34: "5", 35: "5", 36: "6", 38: "7", 39: "7"}
_WITH_CUDNN_9 = L4tVersion(36, 4, 0)
_INDEX = "https://pypi.jetson-ai-lab.io"


class Wheel(NamedTuple):
    """The build of ONNX Runtime that fits a machine."""

    command: str | None
    """What installs it; ``None`` where there is none."""
    reason: str
    """What it is built for, or why there is none and what to do."""


def jetpack_of(l4t: L4tVersion) -> str | None:
    """Return the JetPack of a Jetson Linux; of one that is not in the table what it begins with, such as ``6.x``.

    >>> jetpack_of(L4tVersion(36, 4, 7)), jetpack_of(L4tVersion(36, 4, 4)), jetpack_of(L4tVersion(99, 1, 0))
    ('6.x', '6.2.1', None)
    """
    major = _MAJORS.get(l4t.major)
    return JETPACKS.get(l4t) or (f"{major}.x" if major else None)


def wheel_for_jetson(l4t: L4tVersion, python: tuple[int, int]) -> Wheel:
    """Return the build of ONNX Runtime for a Jetson.

    Args:
        l4t: its Jetson Linux.
        python: major and minor version of the Python that will import it.
    """
    if l4t.major < 36:
        return Wheel(
            None, f"JetPack {jetpack_of(l4t) or l4t} has no Python that StreamVision runs on: install 6.1 or later"
        )
    if l4t < _WITH_CUDNN_9:
        return Wheel(
            None, "JetPack 6.0 has cuDNN 8, and the builds that are published need cuDNN 9: update to 6.1 or later"
        )
    meant, place, version, cuda = (
        ((3, 10), "jp6/cu126", "1.23.0", "CUDA 12.6")
        if l4t.major == 36
        else ((3, 12), "sbsa/cu130", "1.24.0", "CUDA 13")
    )
    if python != meant:
        ours, theirs = (".".join(map(str, one)) for one in (python, meant))
        return Wheel(
            None,
            f"NVIDIA's builds for this JetPack are for its own Python {theirs}, and this is {ours}: use python{theirs}",
        )
    command = f"pip install --extra-index-url {_INDEX}/{place} {with_extra('jetson')}"
    jetpack = _MAJORS.get(l4t.major, "7")
    return Wheel(command, f"NVIDIA's build {version} for JetPack {jetpack}, with {cuda}, cuDNN 9 and TensorRT 10")


def wheel_for_gpu(machine: str, python: tuple[int, int], driver_cuda: str | None) -> Wheel:
    """Return the build of ONNX Runtime for a machine with a graphics card, or a server's GPU.

    Args:
        machine: the processor's architecture, as :func:`platform.machine` calls it.
        python: major and minor version of the Python that will import it.
        driver_cuda: the newest CUDA that the driver takes; ``None`` where that is not known.
    """
    major = int(driver_cuda.split(".")[0]) if driver_cuda else None
    if machine in ("x86_64", "AMD64"):
        if major is not None and major < 12:
            return Wheel(
                None, f"the driver takes CUDA up to {driver_cuda}, and ONNX Runtime needs 12: update the driver"
            )
        return Wheel(install_command("cuda"), "ONNX Runtime for CUDA, with CUDA's and cuDNN's libraries")
    if machine not in ("aarch64", "arm64"):
        return Wheel(None, f"there is no ONNX Runtime with CUDA for {machine}: build it, or use a server of models")
    if python < (3, 11) or (major is not None and major < 13):
        return Wheel(
            None, "ONNX Runtime for CUDA on 64-bit ARM needs CUDA 13 and Python 3.11: update driver and Python"
        )
    return Wheel(install_command("cuda"), "the build for CUDA 13 and GPUs of 9.0 and 12.x, which is without TensorRT")
