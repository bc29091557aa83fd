"""Checks of the machine itself: what ``doctor`` says, and whether the ONNX Runtime that is installed fits."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from streamvision.bench.device.finding import Finding, NotTriedError, Settings, nvidia_machine
from streamvision.core.nvidia.machine import read_machine
from streamvision.core.onnx_packages import installed_packages
from streamvision.inference.backends.onnx_import import import_onnxruntime, onnx_fault
from streamvision.inference.backends.onnx_runtime import PROVIDERS

_DOCTOR_TIMEOUT_S = 170.0


def doctor(settings: Settings) -> Finding:
    """``streamvision doctor`` calls the machine ready, and every accelerator of an NVIDIA GPU works."""
    command = [sys.executable, "-m", "streamvision", "doctor", "--json"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_DOCTOR_TIMEOUT_S, check=False
    )
    document: dict[str, Any] = json.loads(done.stdout)
    checks = {check["name"]: check["detail"] for check in document["checks"]}
    broken = [f"{c['name']}: {c['detail']}" for c in document["checks"] if c["required"] and not c["ok"]]
    devices = {
        f"{backend['name']} {device['name']}": device["detail"] if device["works"] else f"no: {device['detail']}"
        for backend in document["backends"]
        for device in backend["devices"]
    }
    works = [name for name, detail in devices.items() if not detail.startswith("no: ")]
    figures = {"version": document["version"], "checks": checks, "devices": devices, "nvidia": document["nvidia"]}
    if document["healthy"]:
        return Finding("passed", f"ready; models run on {', '.join(works)}", figures)
    return Finding("failed", "; ".join(broken) or "no device executes a model", figures)


def runtime(settings: Settings) -> Finding:
    """Exactly one ONNX Runtime is installed, and has providers for the GPU that is there."""
    if fault := onnx_fault(installed_packages()):
        return Finding("failed", fault)
    ort = import_onnxruntime()
    providers = set(ort.get_available_providers())
    here = [name for name, provider in PROVIDERS.items() if provider in providers]
    figures = {"version": str(ort.__version__), "providers": here}
    machine = read_machine()
    if machine is None:
        return Finding(
            "passed", f"ONNX Runtime {ort.__version__} with {', '.join(here)}; there is no NVIDIA GPU", figures
        )
    missing = [name for name in ("cuda", "tensorrt") if name not in here]
    if not missing:
        return Finding("passed", f"ONNX Runtime {ort.__version__} with {', '.join(here)}", figures)
    advice = ": ".join(part for part in (machine.wheel.reason, machine.wheel.command) if part)
    return Finding(
        "not tried", f"this ONNX Runtime {ort.__version__} is without {' and '.join(missing)}; {advice}", figures
    )


def provider_here(device: str) -> None:
    """Make sure that an accelerator can be tried at all.

    Raises:
        NotTriedError: when there is no NVIDIA GPU, or ONNX Runtime lacks the provider.
    """
    nvidia_machine()
    if PROVIDERS[device] not in import_onnxruntime().get_available_providers():
        raise NotTriedError(f"this ONNX Runtime is without {device}; see the check of ONNX Runtime above")


def device_here() -> str:
    """Return what a network runs on here: CUDA where GPU and provider are there, else the processor."""
    has_provider = PROVIDERS["cuda"] in import_onnxruntime().get_available_providers()
    return "cuda" if has_provider and read_machine() is not None else "cpu"
