"""Finds the runtime for a model file and opens it there."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from streamvision.core.config.model import BackendName, Precision
from streamvision.core.errors import ModelError
from streamvision.inference.backends.base import Backend

_ENDINGS: dict[str, tuple[BackendName, ...]] = {
    ".onnx": ("onnxruntime", "openvino"),
    ".xml": ("openvino",),
    ".tflite": ("litert",),
    ".engine": ("tensorrt",),
    ".plan": ("tensorrt",),
    ".mlpackage": ("coreml",),
}
"""By file ending, the runtimes that read it; the first is taken unless another is asked for."""

_EXPORT_FIRST = (".pt", ".pth", ".ckpt", ".safetensors", ".keras", ".h5", ".pb")
_FOLDERS = (".mlpackage",)
"""Endings of models that are folders."""
_ACCEPTED = (
    "an .onnx file, an OpenVINO .xml file (or its folder), a .tflite file, a TensorRT .engine file or a Core ML "
    ".mlpackage"
)


def open_backend(
    path: Path,
    *,
    backend: BackendName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
    requests: int | None = 1,
    dynamic_batch: bool = False,
) -> Backend:
    """Load a model on the runtime and device that will execute it.

    Args:
        path: an ``.onnx``, ``.xml``, ``.tflite``, ``.engine`` or ``.plan`` file, an ``.mlpackage``, or a folder with
            one ``.xml`` file.
        backend: the runtime; ``auto`` picks by the file's ending.
        device: ``auto``, ``cpu``, ``cuda[:N]``, ``tensorrt[:N]`` (ONNX Runtime), or an OpenVINO device such as
            ``gpu``; ``auto`` is the CPU, and CUDA where ONNX Runtime was installed with it and it works.
        precision: the arithmetic; ``auto`` keeps a CPU at the file's own precision, so that results equal the
            reference, and leaves accelerators their default. ``bf16`` takes OpenVINO where the runtime is left open.
        threads: CPU threads of each call; by default the cores shared by the requests, and all but one for one.
        requests: how many calls may run at a time; ``None`` for as many as pay on the device. Runtimes that take one
            call at a time stay at that.
        dynamic_batch: let OpenVINO take any number of pictures a call, where the model can be reshaped to that.

    Raises:
        ModelError: when there is no such file, it is not a model, or it is damaged.
        DeviceError: when device or precision would not really execute the model.
        MissingDependencyError: when the runtime is not installed.
    """
    file = _model_file(path)
    runtime = _runtime_for(file, backend, precision)
    if runtime == "onnxruntime":
        from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend

        return OnnxRuntimeBackend(file, device=device, precision=precision, threads=threads, requests=requests)
    if runtime == "openvino":
        from streamvision.inference.backends.open_vino import OpenVinoBackend

        return OpenVinoBackend(
            file, device=device, precision=precision, threads=threads, requests=requests, dynamic_batch=dynamic_batch
        )
    if runtime == "tensorrt":
        from streamvision.inference.backends.tensorrt_engine import TensorRtBackend

        return TensorRtBackend(file, device=device, precision=precision, requests=requests)
    if runtime == "coreml":
        from streamvision.inference.backends.core_ml import CoreMlBackend

        return CoreMlBackend(file, device=device, precision=precision)
    from streamvision.inference.backends.lite_rt import LiteRtBackend

    return LiteRtBackend(file, device=device, precision=precision, threads=threads)


def _model_file(path: Path) -> Path:
    if not path.exists():
        raise ModelError(f"no model at {path}: give {_ACCEPTED}")
    if path.is_dir() and path.suffix.lower() in _FOLDERS:
        return path
    if path.is_dir():
        found = sorted(path.glob("*.xml"))
        if len(found) != 1:
            raise ModelError(f"{path} is a folder with {len(found)} .xml files; give {_ACCEPTED}")
        return _model_file(found[0])
    if path.suffix.lower() in _EXPORT_FIRST:
        raise ModelError(f"{path} holds training weights, which must be exported first; give {_ACCEPTED}")
    if path.suffix.lower() not in _ENDINGS:
        ending = repr(path.suffix) if path.suffix else "none"
        raise ModelError(f"{path} has an ending that no backend reads ({ending}); give {_ACCEPTED}")
    try:
        if path.stat().st_size == 0:
            raise ModelError(f"{path} is empty; export or download the model again")
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); give {_ACCEPTED}") from error
    return path


def _runtime_for(file: Path, asked: BackendName, precision: Precision) -> BackendName:
    runtimes = _ENDINGS[file.suffix.lower()]
    if asked == "auto":
        # Of the runtimes for CPUs, only OpenVINO computes in bf16 what was not exported so.
        return "openvino" if precision == "bf16" and "openvino" in runtimes else runtimes[0]
    if asked not in runtimes:
        readable = " or ".join(runtimes)
        raise ModelError(f"{asked} does not read {file}: a {file.suffix} file needs {readable}")
    return cast(BackendName, asked)
