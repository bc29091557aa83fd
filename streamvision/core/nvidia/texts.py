"""What NVIDIA's files and commands say, read out of their text; absent or unknown things are ``None``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_TEGRA_RELEASE = re.compile(r"#\s*R(\d{1,3})\s*\(release\),\s*REVISION:\s*(\d{1,3})(?:\.(\d{1,3}))?", re.IGNORECASE)
_POWER_MODE = re.compile(r"NV Power Mode:[ \t]*(\S[^\r\n]{0,40})")
_DRIVER_CUDA = re.compile(r"CUDA (?:UMD )?Version:\s*(\d{1,2}\.\d{1,2})")
_VERSION = re.compile(r"\d{1,4}(?:\.\d{1,10}){0,3}")
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w{1,64})[ \t]+(\w{1,64})", re.MULTILINE)
_TEGRA = re.compile(r"nvidia,(tegra\d{3})")
_MAX_GPUS = 64
GPU_QUERY = "name,driver_version,compute_cap,memory.total"
"""What ``nvidia-smi --query-gpu`` is asked for: nothing that names one single device, as its serial number does."""

SYSTEMS_ON_CHIP = {
    "tegra210": ("Tegra X1", "5.3"),
    "tegra186": ("Tegra X2", "6.2"),
    "tegra194": ("Xavier", "7.2"),
    "tegra234": ("Orin", "8.7"),
    "tegra264": ("Thor", "11.0"),
}
"""Name and compute capability of the GPU in a Jetson, by what its device tree calls the chip."""


class L4tVersion(NamedTuple):
    """Version of Jetson Linux, formerly Linux for Tegra (L4T)."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class Gpu(NamedTuple):
    """One GPU."""

    name: str
    """As the driver calls it."""
    compute_capability: str | None
    """Such as ``8.7``."""
    memory_mib: int | None
    """Its own memory; ``None`` where it shares the machine's."""


def read_tegra_release(text: str) -> L4tVersion | None:
    """Return the version in ``/etc/nv_tegra_release``.

    >>> str(read_tegra_release("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64"))
    '36.4.3'
    """
    found = _TEGRA_RELEASE.search(text)
    return L4tVersion(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def read_power_mode(text: str) -> str | None:
    """Return the power mode in what ``nvpmodel -q`` prints.

    >>> read_power_mode("NV Power Mode: MAXN_SUPER\\n2\\n")
    'MAXN_SUPER'
    """
    found = _POWER_MODE.search(text)
    return found[1].strip() if found else None


def read_gpus(csv: str) -> tuple[tuple[Gpu, ...], str | None]:
    """Return the GPUs and the driver's version in what ``nvidia-smi --query-gpu`` prints for :data:`GPU_QUERY`.

    >>> read_gpus("Orin (nvgpu), 540.4.0, 8.7, [N/A]")
    ((Gpu(name='Orin (nvgpu)', compute_capability='8.7', memory_mib=None),), '540.4.0')
    """
    gpus: list[Gpu] = []
    driver = None
    for line in csv.splitlines()[:_MAX_GPUS]:
        fields = [field.strip() for field in line.rsplit(",", 3)]
        if len(fields) != 4 or not fields[0]:
            continue
        memory = re.match(r"(\d{1,7}) MiB", fields[3])
        driver = driver or read_version(fields[1])
        gpus.append(Gpu(fields[0], read_version(fields[2]), int(memory[1]) if memory else None))
    return tuple(gpus), driver


def read_driver_cuda(text: str) -> str | None:
    """Return the newest CUDA that the driver takes, of what ``nvidia-smi`` prints."""
    found = _DRIVER_CUDA.search(text)
    return found[1] if found else None


def read_cuda_version(text: str) -> str | None:
    """Return the version of CUDA's runtime in ``version.json`` of a toolkit."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for part in ("cuda_cudart", "cuda"):
        entry = document.get(part) if isinstance(document, dict) else None
        if isinstance(entry, dict) and (version := read_version(str(entry.get("version", "")))):
            return version
    return None


def read_header_version(text: str, prefix: str) -> str | None:
    """Return the version that a header defines as ``PREFIX_MAJOR`` and so on, by other names for the numbers or not.

    >>> read_header_version("#define CUDNN_MAJOR 9\\n#define CUDNN_MINOR 3\\n#define CUDNN_PATCHLEVEL 0\\n", "CUDNN")
    '9.3.0'
    """
    defined = dict(_DEFINE.findall(text))
    numbers = []
    for names in (("MAJOR",), ("MINOR",), ("PATCH", "PATCHLEVEL")):
        value = next((defined[f"{prefix}_{name}"] for name in names if f"{prefix}_{name}" in defined), "")
        value = defined.get(value, value)
        if not value.isdecimal():
            break
        numbers.append(value)
    return ".".join(numbers) or None


def read_system_on_chip(compatible: str) -> tuple[str, str] | None:
    """Return name and compute capability of a Jetson's chip from ``/proc/device-tree/compatible``."""
    found = _TEGRA.findall(compatible)
    return next((SYSTEMS_ON_CHIP[chip] for chip in found if chip in SYSTEMS_ON_CHIP), None)


def read_version(text: str) -> str | None:
    """Return the version that a text is, cut to three numbers, which can be taken for no address.

    >>> read_version("10.3.0.30")
    '10.3.0'
    """
    return ".".join(text.strip().split(".")[:3]) if _VERSION.fullmatch(text.strip()) else None


def library_version(
    library: str, names: Iterable[str], packages: Mapping[str, str], package: re.Pattern[str]
) -> str | None:
    """Return the version of a shared library, as exactly as anything says it; where there are several majors, of each.

    Args:
        library: its name without version, such as ``libcudnn.so``.
        names: names of files in the folders that are searched.
        packages: versions of installed Python packages by name, which may bring the library.
        package: names of those that bring it.

    >>> library_version("libnvinfer.so", ["libnvinfer.so.10", "libnvinfer.so.10.3.0"], {}, re.compile("tensorrt"))
    '10.3.0'
    """
    beginning = f"{library}."
    found = [read_version(name[len(beginning) :]) for name in names if name.startswith(beginning)]
    brought = [read_version(version) for name, version in packages.items() if package.fullmatch(name)]
    by_major: dict[str, list[str]] = {version.split(".")[0]: [] for version in found if version}
    for version in (*found, *brought):
        if version and version.split(".")[0] in by_major:
            by_major[version.split(".")[0]].append(version)
    return " and ".join(max(by_major[major], key=_exactness) for major in sorted(by_major, key=int)) or None


def _exactness(version: str) -> tuple[int, list[int]]:
    return version.count("."), [int(number) for number in version.split(".")]
