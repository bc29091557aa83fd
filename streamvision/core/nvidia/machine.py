"""Reads what a machine with an NVIDIA GPU is: from files, and from commands with a deadline each."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streamvision.core.nvidia.jetpack import Wheel, jetpack_of, wheel_for_gpu, wheel_for_jetson
from streamvision.core.nvidia.texts import (
    GPU_QUERY,
    Gpu,
    L4tVersion,
    library_version,
    read_cuda_version,
    read_driver_cuda,
    read_gpus,
    read_header_version,
    read_power_mode,
    read_system_on_chip,
    read_tegra_release,
)

COMMAND_TIMEOUT_S = 10.0
"""A driver that hangs lets its tools hang; a machine of many GPUs answers in two or three seconds."""
_MAX_BYTES = 65_536
_MAX_FILES = 20_000
_LIBRARY_FOLDERS = (
    "usr/lib",
    "usr/lib64",
    "usr/lib/*-linux-gnu",
    "usr/lib/*-linux-gnu/nvidia",
    "usr/lib/*-linux-gnu/tegra",
    "usr/local/cuda/lib64",
    "usr/local/cuda/targets/*-linux/lib",
)
_CUDNN_PACKAGE = re.compile(r"nvidia-cudnn-cu\d\d")
_CUDA_PACKAGE = re.compile(r"nvidia-cuda-runtime(-cu\d\d)?")
_TENSORRT_PACKAGE = re.compile(r"tensorrt-cu\d\d-libs")
_GSTREAMER_DECODER = "usr/lib/*-linux-gnu/gstreamer-1.0/libgstnvvideo4linux2.so"

Run = Callable[[Sequence[str]], str]
"""Returns what a command prints; nothing where it is not there, fails or takes too long."""


@dataclass(frozen=True)
class NvidiaMachine:
    """What is known of a machine with an NVIDIA GPU; ``None`` is not known, or not there."""

    gpus: tuple[Gpu, ...]
    """Its GPUs, of a Jetson without ``nvidia-smi`` by its chip."""
    board: str | None
    """What a Jetson is called, such as ``NVIDIA Jetson AGX Orin Developer Kit``."""
    l4t: L4tVersion | None
    """Version of Jetson Linux."""
    jetpack: str | None
    """JetPack of this Jetson Linux."""
    power_mode: str | None
    """Power mode of a Jetson, such as ``MAXN``."""
    driver: str | None
    """Version of the driver."""
    driver_cuda: str | None
    """The newest CUDA that the driver takes."""
    cuda: str | None
    """Version of CUDA's runtime."""
    cudnn: str | None
    """Version of cuDNN."""
    tensorrt: str | None
    """Version of TensorRT."""
    decoder: str | None
    """How its video decoder (NVDEC) is reached: ``cuda``, by FFmpeg, or ``nvv4l2decoder``, by GStreamer."""
    wheel: Wheel
    """The build of ONNX Runtime that fits."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {
            "gpus": [gpu._asdict() for gpu in self.gpus],
            "l4t": str(self.l4t) if self.l4t else None,
            "wheel": self.wheel._asdict(),
        }


def read_machine(
    root: Path = Path("/"),
    *,
    run: Run | None = None,
    environ: Mapping[str, str] = os.environ,
    python_path: Sequence[str] | None = None,
) -> NvidiaMachine | None:
    """Return what this machine is; ``None`` where there is neither an NVIDIA GPU nor a Jetson.

    Args:
        root: the folder that is taken for the root of the file system.
        run: runs commands; :func:`run_command` by default.
        environ: the variables, for ``LD_LIBRARY_PATH``.
        python_path: where Python's packages lie, which may bring NVIDIA's libraries; ``sys.path`` by default.
    """
    run = run or run_command
    compatible = _text(root / "proc/device-tree/compatible").replace("\0", " ")
    chip = read_system_on_chip(compatible)
    l4t = read_tegra_release(_text(root / "etc/nv_tegra_release"))
    gpus, driver = read_gpus(run(["nvidia-smi", f"--query-gpu={GPU_QUERY}", "--format=csv,noheader"]))
    if not gpus and chip:
        gpus = (Gpu(*chip, None),)
    if not gpus and l4t is None:
        return None
    board = _text(root / "proc/device-tree/model").strip("\0 \n") if chip or l4t else ""
    driver_cuda = read_driver_cuda(run(["nvidia-smi"]))
    places = list(sys.path if python_path is None else python_path)
    names, packages = _library_names(root, environ, places), _packages(places)
    python = sys.version_info[:2]
    return NvidiaMachine(
        gpus=gpus,
        board=board or None,
        l4t=l4t,
        jetpack=jetpack_of(l4t) if l4t else None,
        power_mode=read_power_mode(run(["nvpmodel", "-q"])) if l4t else None,
        driver=driver,
        driver_cuda=driver_cuda,
        cuda=_cuda(root, names, packages),
        cudnn=_cudnn(root, names, packages),
        tensorrt=_tensorrt(root, names, packages),
        decoder=_decoder(root, names),
        wheel=wheel_for_jetson(l4t, python) if l4t else wheel_for_gpu(platform.machine(), python, driver_cuda),
    )


def run_command(command: Sequence[str]) -> str:
    """Return what a command prints to standard output; nothing where it is not there, fails or takes too long."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout[:_MAX_BYTES].decode(errors="replace")


def _cuda(root: Path, names: Iterable[str], packages: Mapping[str, str]) -> str | None:
    said = read_cuda_version(_text(root / "usr/local/cuda/version.json"))
    return library_version("libcudart.so", names, packages, _CUDA_PACKAGE) or said


def _cudnn(root: Path, names: Iterable[str], packages: Mapping[str, str]) -> str | None:
    return library_version("libcudnn.so", names, packages, _CUDNN_PACKAGE) or read_header_version(
        _header(root, "cudnn_version.h"), "CUDNN"
    )


def _tensorrt(root: Path, names: Iterable[str], packages: Mapping[str, str]) -> str | None:
    return library_version("libnvinfer.so", names, packages, _TENSORRT_PACKAGE) or read_header_version(
        _header(root, "NvInferVersion.h"), "NV_TENSORRT"
    )


def _decoder(root: Path, names: Iterable[str]) -> str | None:
    if any(name.startswith("libnvcuvid.so") for name in names):
        return "cuda"
    return "nvv4l2decoder" if any(root.glob(_GSTREAMER_DECODER)) else None


def _header(root: Path, name: str) -> str:
    found = [*sorted(root.glob(f"usr/include/*-linux-gnu/{name}")), root / f"usr/include/{name}"]
    return _text(found[0])


def _library_names(root: Path, environ: Mapping[str, str], places: Sequence[str]) -> list[str]:
    """Return the names of NVIDIA's libraries in the folders where they lie, Python's among them."""
    folders = [found for folder in _LIBRARY_FOLDERS for found in sorted(root.glob(folder))]
    folders += [root / folder.lstrip("/") for folder in environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    for place in {Path(entry) for entry in places if entry.endswith("-packages")}:
        folders += [*sorted(place.glob("nvidia/*/lib")), place / "tensorrt_libs"]
    names: list[str] = []
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                names += [
                    entry.name for entry, _ in zip(entries, range(_MAX_FILES), strict=False) if ".so" in entry.name
                ]
        except OSError:
            continue
    return names


def _packages(places: Sequence[str]) -> dict[str, str]:
    found = {}
    for distribution in importlib.metadata.distributions(path=list(places)):
        name = distribution.metadata["Name"]
        if name:
            found[name.lower().replace("_", "-")] = distribution.version
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
