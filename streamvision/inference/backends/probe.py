"""Which runtimes are installed and which of their devices really execute a model: what ``doctor`` reports.

Each runtime is tried in a process of its own, since a faulty driver may crash or hang.
``python -m streamvision.inference.backends.probe RUNTIME`` writes one JSON object a line to standard output: first
``{"version": ...}``, then for each device ``{"begin": device}`` and ``{"device": ..., "works": ..., "detail": ...}``.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import DeviceError, StreamVisionError
from streamvision.core.install import pip_install
from streamvision.inference.backends.base import LoadedBackend
from streamvision.inference.backends.registry import BACKENDS, BackendPlugin, open_backend

SIDE_PX = 8
"""Side of the pictures of two tiny models, each one 1x1 convolution, 3 channels to 1, with these weights."""
WEIGHTS = np.array([1, 2, 4], np.float32)

ONNX_BYTES = base64.b64decode(
    "CAgSADprCg8KAXgKAXcSAXkiBENvbnYSAWcqGwgBCAMIAQgBEAFCAXdKDAAAgD8AAABAAACAQFobCgF4EhYKFAgBEhAKAggBCgIIAwoCCAgKAggI"
    "YhsKAXkSFgoUCAESEAoCCAEKAggBCgIICAoCCAhCBAoAEA0="
)
"""ONNX, opset 13: x (1, 3, 8, 8) float32 to y (1, 1, 8, 8)."""

TFLITE_BYTES = zlib.decompress(
    base64.b64decode(
        "eNptUDkOwkAMnJAVioIVKBBKQUFBQYnEA0hFRUlBQYGoKSiQgC4P4SE8hxfwhTDrdQ4kIk3W9s7Y480B7DbbFZAhxxgjCBI4ZmAG7IkD"
        "8YqAGAEFMSMc8amqylkcvr7q+1YTrZXrICsLB9fhAmzLmZ7XzharnYkLcTXeWBUZJnovGJjPqbWa87fQMOX9UHulpo2ME6Hdo57fszNu"
        "eerxSRyJpeUld01sJ897WN3HicHHb/LE+tbcU8eHqHs0u0pTD+et0zfqeBN9n+BObF6tuf/xEv+8r3+vVmv7x1+GgBgP"
    )
)
"""TFLite: x (1, 8, 8, 3) float32 to y (1, 8, 8, 1)."""


NCNN_PARAM = b"""7767517
2 2
Input x 0 1 x 0=8 1=8 2=3
Convolution y 1 1 x y 0=1 1=1 5=0 6=3
"""
"""NCNN: x (3, 8, 8) float32 to y (1, 8, 8)."""

PROBES = {".onnx": ONNX_BYTES, ".tflite": TFLITE_BYTES, ".param": NCNN_PARAM}
"""The model that a runtime is tried with, by the ending that it reads."""
BESIDE = {".param": bytes(4) + WEIGHTS.tobytes()}
"""What lies beside such a model as its ``.bin``; in NCNN's, four bytes say that float32 follows."""


def computes_right(outputs: list[NDArray[Any]], picture_hwc: NDArray[np.float32]) -> bool:
    """Say whether the outputs are the probe model's for this picture; half precision is near enough."""
    expected = picture_hwc @ WEIGHTS
    return len(outputs) == 1 and bool(np.allclose(outputs[0].reshape(expected.shape), expected, rtol=0.02))


def main(arguments: list[str]) -> None:
    """Try the runtime that is named on each of its devices."""
    plugin = BACKENDS.get(arguments[0])
    ending = next(ending for ending in PROBES if ending in plugin.endings)
    try:
        runtime: type[LoadedBackend] = plugin.load()
        _say(version=runtime.version())
    except StreamVisionError as error:
        sys.exit(str(error))
    for device, note in runtime.devices():
        _try(plugin, device, ending, note)


def _try(plugin: BackendPlugin, device: str, ending: str, note: str) -> None:
    _say(begin=device)
    with tempfile.TemporaryDirectory(prefix="streamvision-") as folder:
        path = Path(folder) / f"probe{ending}"
        path.write_bytes(PROBES[ending])
        if ending in BESIDE:
            path.with_suffix(".bin").write_bytes(BESIDE[ending])
        try:
            backend = open_backend(path, backend=plugin.name, device=device)
            picture = np.random.default_rng(0).random((SIDE_PX, SIDE_PX, 3), np.float32)
            tensor = picture if backend.input.shape[-1] == 3 else picture.transpose(2, 0, 1)
            outputs = backend.run(np.ascontiguousarray(tensor[None]))
            if not computes_right(outputs, picture):
                raise DeviceError(f"{device} computes wrong numbers; update its driver")
            _say(device=device, works=True, detail=backend.precision + note)
            backend.close()
        except StreamVisionError as error:
            _say(device=device, works=False, detail=str(error).replace(str(path), "the probe model"))


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


PROBE_TIMEOUT_S = 120.0
"""TensorRT builds an engine within; everything else takes a few seconds."""


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
    plugins = [plugin for plugin in BACKENDS if not PROBES.keys().isdisjoint(plugin.endings)]
    with ThreadPoolExecutor(len(plugins)) as pool:
        return list(pool.map(lambda plugin: _report(plugin, timeout_s), plugins))


def _report(plugin: BackendPlugin, timeout_s: float) -> BackendReport:
    name, install = plugin.name, pip_install(plugin.extra or plugin.package)
    if importlib.util.find_spec(plugin.package) is None:
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


if __name__ == "__main__":
    main(sys.argv[1:])
