"""Whether there is memory for two models at a time: estimated before the second is opened, and looked at after."""

from __future__ import annotations

import os
from pathlib import Path

from streamvision.core.model_control import ModelMemory
from streamvision.core.model_location import ModelAddress, ModelLocation, files_of

MB = 1e6
MARGIN_BYTES = 64_000_000
"""What must be left beside the second model: for buffers of frames, and for others."""
BYTES_PER_FILE_BYTE = 3.0
"""Memory of a model by the size of its file: weights, the runtime's copy of them in the order of its kernels, and
activations."""
_MEMINFO, _STATUS = Path("/proc/meminfo"), Path("/proc/self/status")
_CGROUP, _OF_PROCESS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_UNLIMITED = 1 << 60


def file_bytes(location: ModelLocation) -> int:
    """Return the size of a model's file and of that with its weights beside it; 0 for a model on a server."""
    if isinstance(location, ModelAddress):
        return 0
    files = [*files_of(location), location.with_name(f"{location.name}.data")]
    return sum(file.stat().st_size for file in files if file.is_file())


def needed_bytes(new: ModelLocation) -> int:
    """Return about how much memory a model will need, with a margin."""
    return round(BYTES_PER_FILE_BYTE * file_bytes(new)) + MARGIN_BYTES


def available_bytes() -> int | None:
    """Return how much memory this process may still take: what the machine has, or its control group less.

    ``None`` where that cannot be told.
    """
    found = [one for one in (_machine_bytes(), _group_bytes()) if one is not None]
    return min(found) if found else None


def used_bytes() -> int | None:
    """Return how much memory this process holds; ``None`` where that cannot be told."""
    return _kilobytes(_STATUS, "VmRSS:")


def memory_of(*, needed: int, available: int | None, grown: int | None) -> ModelMemory:
    """Return the figures in megabytes."""
    return ModelMemory(
        needed_mb=round(needed / MB, 1),
        available_mb=None if available is None else round(available / MB, 1),
        grown_mb=None if grown is None else round(grown / MB, 1),
    )


def _machine_bytes() -> int | None:
    return _kilobytes(_MEMINFO, "MemAvailable:")


def _kilobytes(file: Path, key: str) -> int | None:
    try:
        for line in file.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _group_bytes() -> int | None:
    """Return what the control groups above this process leave, of version 2 or 1."""
    left = [one for folder, names in _groups() if (one := _left(folder, *names)) is not None]
    return min(left) if left else None


def _groups() -> list[tuple[Path, tuple[str, str, str]]]:
    """Return the folders of this process's groups, with their files of limit and use, and the key of what is spare."""
    found: list[tuple[Path, tuple[str, str, str]]] = []
    try:
        lines = _OF_PROCESS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, place = rest.partition(":")
        if controllers == "":
            root, names = _CGROUP, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, names = _CGROUP / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = Path(os.path.normpath(f"{root}/{place}"))
        # In a container the folder is mounted at the root, whatever the process is told of its place.
        found += [(one, names) for one in (folder, *folder.parents) if one == root or root in one.parents]
    return found


def _left(folder: Path, limit: str, use: str, given_back: str) -> int | None:
    try:
        text = (folder / limit).read_text(encoding="ascii").strip()
        if text == "max" or int(text) >= _UNLIMITED:
            return None
        used = int((folder / use).read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii")
        free = next((int(line.split()[1]) for line in stat.splitlines() if line.startswith(f"{given_back} ")), 0)
        return max(int(text) - used + free, 0)
    except (OSError, ValueError, IndexError):
        return None
