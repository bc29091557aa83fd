"""Tries one runtime on each of its devices, in a process of its own, since a faulty driver may crash or hang.

``python -m streamvision.inference.backends.probe RUNTIME`` writes one JSON object a line to standard output: first
``{"version": ...}``, then for each device ``{"begin": device}`` and ``{"device": ..., "works": ..., "detail": ...}``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.core.errors import DeviceError, StreamVisionError
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.probe_models import ONNX_BYTES, SIDE_PX, TFLITE_BYTES, computes_right


def main(arguments: list[str]) -> None:
    """Probe the runtime that is named."""
    {"onnxruntime": _onnxruntime, "openvino": _openvino, "litert": _litert}[arguments[0]]()


def _onnxruntime() -> None:
    from streamvision.inference.backends.onnx_runtime import PROVIDERS, OnnxRuntimeBackend, import_onnxruntime

    _say(version=import_onnxruntime().__version__)
    for device in PROVIDERS:
        _try(device, ONNX_BYTES, "probe.onnx", partial(OnnxRuntimeBackend, device=device))


def _openvino() -> None:
    from streamvision.inference.backends.open_vino import OpenVinoBackend, import_openvino

    openvino = import_openvino()
    _say(version=openvino.__version__.partition("-")[0])
    core = openvino.Core()
    available = [name.lower() for name in core.available_devices]
    absent = [kind for kind in ("gpu", "npu") if not any(name.startswith(kind) for name in available)]
    for device in [*available, *absent]:
        halves = device == "cpu" and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        note = "; twice as fast and less exact with --precision bf16" if halves else ""
        _try(device, ONNX_BYTES, "probe.onnx", partial(OpenVinoBackend, device=device), note=note)


def _litert() -> None:
    import importlib.metadata

    from streamvision.inference.backends.lite_rt import LiteRtBackend, import_interpreter

    import_interpreter()
    _say(version=importlib.metadata.version("ai-edge-litert"))
    _try("cpu", TFLITE_BYTES, "probe.tflite", LiteRtBackend)


def _try(device: str, model: bytes, file_name: str, opened: Callable[[Path], Backend], *, note: str = "") -> None:
    _say(begin=device)
    with tempfile.TemporaryDirectory(prefix="streamvision-") as folder:
        path = Path(folder) / file_name
        path.write_bytes(model)
        try:
            backend = opened(path)
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


if __name__ == "__main__":
    main(sys.argv[1:])
