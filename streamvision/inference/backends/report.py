"""Which runtimes are installed and which of their devices really execute a model: what ``doctor`` reports."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

PROBE_TIMEOUT_S = 120.0
"""TensorRT builds an engine within; everything else takes a few seconds."""

_PACKAGES = {
    "onnxruntime": ("onnxruntime", "pip install onnxruntime"),
    "openvino": ("openvino", "pip install '.[openvino]'"),
    "litert": ("ai_edge_litert", "pip install '.[litert]'"),
}
"""By runtime, the module that must be there and the command that installs it."""


@dataclass(frozen=True)
class DeviceReport:
    """One device of one runtime."""

    name: str
    """As ``--device`` takes it."""
    works: bool
    """Whether it executed a model, with the right result."""
    detail: str
    """Its default precision where it works, otherwise why it does not."""


@dataclass(frozen=True)
class BackendReport:
    """One runtime."""

    name: str
    """As ``--backend`` takes it."""
    installed: str | None
    """Its version, or ``None`` where it is not installed or does not start."""
    install: str
    """The command that installs it."""
    devices: tuple[DeviceReport, ...]
    """Its devices, the absent ones with the reason; empty where it is not installed."""
    problem: str | None = None
    """Why an installed runtime does not start."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def survey(*, timeout_s: float = PROBE_TIMEOUT_S) -> list[BackendReport]:
    """Try every runtime on each of its devices, each runtime in a process of its own, and report what works."""
    with ThreadPoolExecutor(len(_PACKAGES)) as pool:
        return list(pool.map(lambda name: _report(name, timeout_s), _PACKAGES))


def _report(name: str, timeout_s: float) -> BackendReport:
    module, install = _PACKAGES[name]
    if importlib.util.find_spec(module) is None:
        return BackendReport(name, None, install, ())
    command = [sys.executable, "-m", "streamvision.inference.backends.probe", name]
    try:
        probe = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        output, fate, errors = probe.stdout, _fate(probe.returncode), probe.stderr
    except subprocess.TimeoutExpired as expired:
        captured = expired.stdout or b""
        output = captured.decode(errors="replace") if isinstance(captured, bytes) else captured
        fate, errors = f"hung for {timeout_s:g} s", ""
    return read_probe(name, install, output.splitlines(), fate=fate, errors=errors)


def read_probe(name: str, install: str, lines: Iterable[str], *, fate: str | None, errors: str) -> BackendReport:
    """Turn a probe's output into a report.

    Args:
        name: the runtime.
        install: the command that installs it.
        lines: what the probe wrote, as far as it came; lines of others in between are passed over.
        fate: how the probe ended, if not well.
        errors: what it wrote to standard error.
    """
    version: str | None = None
    begun: str | None = None
    devices: list[DeviceReport] = []
    for line in lines:
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if not isinstance(fields, dict):
            continue
        version = fields.get("version", version)
        begun = fields.get("begin")
        if "device" in fields:
            devices.append(DeviceReport(fields["device"], bool(fields["works"]), str(fields["detail"])))
    if fate is not None and begun is not None:
        devices.append(DeviceReport(begun, False, f"the runtime {fate} while trying it; update its driver"))
    last = (errors.strip().splitlines() or [""])[-1]
    problem = f"{name} {fate}: {last}".rstrip(": ") if fate is not None and version is None else None
    return BackendReport(name, version, install, tuple(devices), problem)


def _fate(return_code: int) -> str | None:
    if return_code == 0:
        return None
    return f"crashed with signal {-return_code}" if return_code < 0 else f"failed with exit code {return_code}"
