"""The runtimes that execute models, by the name that ``--backend`` uses; other packages add theirs by entry point."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.core.config.model import Precision
from streamvision.core.errors import ModelError
from streamvision.core.files import exists
from streamvision.core.install import with_extra
from streamvision.core.model_location import ModelAddress, ModelLocation, is_without_network
from streamvision.core.registry import Plugin, Registry
from streamvision.inference.backends.base import Backend
from streamvision.models import find_model, shipped_models

_IN_FOLDERS = (".xml", ".param")
"""Endings of models that have their weights beside them, so that a folder with one of them is as good."""
_ENGINES = (".engine", ".plan")
_EXPORT_FIRST = (".pt", ".pth", ".ckpt", ".safetensors", ".keras", ".h5", ".pb")


@dataclass(frozen=True, kw_only=True)
class BackendPlugin(Plugin):
    """A runtime. The factory takes a path and, by keyword, what :func:`open_backend` takes but the backend's name and
    the longest time of a call, which is for those alone that open models on servers; these take a
    :class:`streamvision.core.model_location.ModelAddress` in place of the path.

    ``doctor`` tries it where it reads ``.onnx``, ``.tflite`` or ``.param`` and the factory is a
    :class:`streamvision.inference.backends.base.LoadedBackend`.
    """

    endings: tuple[str, ...] = ()
    """Endings of the files that it reads. Of those that read the same, the first is taken where none is asked for."""
    schemes: tuple[str, ...] = ()
    """What the addresses of models on servers begin with that it opens, without ``://``."""
    accepts: str
    """What it opens in words, for messages."""
    package: str
    """The module that is there where the runtime is installed."""
    casts_to_bf16: bool = False
    """Whether it computes in bf16 what was not exported so."""
    systems: tuple[str, ...] = ()
    """Where it executes models, as ``sys.platform`` has it; empty: everywhere."""
    tunes: frozenset[str] = frozenset()
    """Which of ``requests`` and ``threads`` may be chosen by a measurement on a CPU."""
    spare_call: bool = False
    """Whether its rule adds a call where each core has one of a single thread."""


BACKENDS: Registry[BackendPlugin] = Registry(
    "backend",
    group="streamvision.backends",
    plugins=(
        BackendPlugin(
            name="onnxruntime",
            factory="streamvision.inference.backends.onnx_runtime:OnnxRuntimeBackend",
            summary="ONNX Runtime, on cpu, cuda[:N] or tensorrt[:N]",
            extra=with_extra("cpu"),
            endings=(".onnx",),
            accepts="an .onnx file",
            package="onnxruntime",
            tunes=frozenset({"requests", "threads"}),
        ),
        BackendPlugin(
            name="openvino",
            factory="streamvision.inference.backends.open_vino:OpenVinoBackend",
            summary="OpenVINO, on cpu, gpu[.N], npu or auto:gpu,cpu",
            extra=with_extra("openvino"),
            endings=(".xml", ".onnx"),
            accepts="an OpenVINO .xml file (or its folder)",
            package="openvino",
            casts_to_bf16=True,
            tunes=frozenset({"requests", "threads"}),
            spare_call=True,
        ),
        BackendPlugin(
            name="litert",
            factory="streamvision.inference.backends.lite_rt:LiteRtBackend",
            summary="LiteRT (TensorFlow Lite), on cpu",
            extra=with_extra("litert"),
            endings=(".tflite",),
            accepts="a .tflite file",
            package="ai_edge_litert",
            tunes=frozenset({"threads"}),
        ),
        BackendPlugin(
            name="ncnn",
            factory="streamvision.inference.backends.ncnn_runtime:NcnnBackend",
            summary="NCNN, on cpu: small boards and phones",
            extra=with_extra("ncnn"),
            endings=(".param",),
            accepts="an NCNN .param file (or its folder)",
            package="ncnn",
            casts_to_bf16=True,
            tunes=frozenset({"requests", "threads"}),
        ),
        BackendPlugin(
            name="coreml",
            factory="streamvision.inference.backends.core_ml:CoreMlBackend",
            summary="Core ML, on cpu, gpu or npu of Apple devices",
            extra="coremltools pillow",
            endings=(".mlpackage",),
            accepts="a Core ML .mlpackage",
            package="coremltools",
            systems=("darwin",),
        ),
        BackendPlugin(
            name="kserve",
            factory="streamvision.inference.backends.kserve.backend:KserveBackend",
            summary="a server of the Open Inference Protocol (Triton, MLServer, KServe), over HTTP or gRPC",
            extra=with_extra("kserve"),
            schemes=("kserve", "kserve+grpc", "kserves", "kserves+grpc"),
            accepts="the address of a model on a server (kserve://HOST/NAME)",
            package="tritonclient",
        ),
    ),
)


def open_backend(
    path: ModelLocation,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
    requests: int | None = 1,
    dynamic_batch: bool = False,
    call_timeout_s: float = 10.0,
) -> Backend:
    """Load a model on the runtime and device that will execute it.

    Args:
        path: a file (or folder) with an ending that a backend reads, a folder with one ``.xml`` or ``.param`` file, or
            the address of a model on a server.
        backend: the runtime; ``auto`` picks by the file's ending or the address's scheme.
        device: ``auto``, ``cpu``, ``cuda[:N]``, ``tensorrt[:N]`` (ONNX Runtime), or an OpenVINO device such as
            ``gpu``; ``auto`` is the CPU, and CUDA where ONNX Runtime was installed with it and it works.
        precision: the arithmetic; ``auto`` keeps a CPU at the file's own precision, so that results equal the
            reference, and leaves accelerators their default. ``bf16`` takes OpenVINO where the runtime is left open.
        threads: CPU threads of each call; by default the cores shared by the requests, and all but one for one.
        requests: how many calls may run at a time; ``None`` for as many as pay on the device. Runtimes that take one
            call at a time stay at that.
        dynamic_batch: let OpenVINO take any number of pictures a call, where the model can be reshaped to that.
        call_timeout_s: longest time for one call of a model on a server.

    Raises:
        ConfigError: when there is no backend of that name.
        ModelError: when there is no such file, it is not a model, or it is damaged.
        ModelAwayError: when the model's server does not answer.
        DeviceError: when device or precision would not really execute the model.
        MissingDependencyError: when the runtime is not installed.
    """
    location = _checked(path)
    settings: dict[str, Any] = {"device": device, "precision": precision, "threads": threads, "requests": requests}
    if isinstance(location, ModelAddress):
        settings["call_timeout_s"] = call_timeout_s
    open_it = _plugin_for(location, backend, precision).load()
    opened: Backend = open_it(location, **settings, dynamic_batch=dynamic_batch)
    return opened


def check_model(given: str | ModelLocation) -> None:
    """Check that a model setting leads to a file or an address that some backend may open; it is not opened.

    Raises:
        ModelError: when there is no such file, it is no model by its name, or no backend opens such addresses.
        MissingDependencyError: when it is in a package that is not installed.
    """
    if not is_without_network(location := find_model(given)):
        _checked(location)


def plugin_for(path: ModelLocation, backend: str, precision: Precision) -> tuple[ModelLocation, BackendPlugin]:
    """Return the runtime that would open a model, and the file or address that it would be given.

    Raises:
        ConfigError, ModelError: as :func:`open_backend`.
    """
    location = _checked(path)
    return location, _plugin_for(location, backend, precision)


def _checked(location: ModelLocation) -> ModelLocation:
    if isinstance(location, ModelAddress):
        _openers(location)
        return location
    return _model_file(location)


def _openers(address: ModelAddress) -> list[BackendPlugin]:
    """Return the backends that open an address, at least one."""
    openers = [plugin for plugin in BACKENDS if address.scheme in plugin.schemes]
    if not openers:
        known = ", ".join(f"{scheme}://" for plugin in BACKENDS for scheme in plugin.schemes)
        raise ModelError(
            f"{address} is an address, and no backend opens models at {address.scheme}:// addresses: models on servers "
            f"begin with {known}; a file is fetched by you, and its path given"
        )
    return openers


def _model_file(path: Path) -> Path:
    suffix = path.suffix.lower()
    known = any(suffix in plugin.endings for plugin in BACKENDS)
    if not exists(path):
        named = ", ".join(shipped_models())
        raise ModelError(f"no model at {path}: give {_accepted()}, or the name of a model that ships here: {named}")
    if path.is_dir() and known and suffix not in _IN_FOLDERS:
        return path
    if path.is_dir():
        found = sorted(one for ending in _IN_FOLDERS for one in path.glob(f"*{ending}"))
        if len(found) != 1:
            raise ModelError(f"{path} is a folder with {len(found)} .xml or .param files; give {_accepted()}")
        return _model_file(found[0])
    if suffix in _ENGINES:
        raise ModelError(
            f"{path} is a TensorRT engine, which is not opened by itself: give the .onnx file that it was built from "
            "with --device tensorrt, which builds engines for this GPU and keeps them"
        )
    if suffix in _EXPORT_FIRST:
        raise ModelError(f"{path} holds training weights, which must be exported first; give {_accepted()}")
    if not known:
        ending = repr(path.suffix) if path.suffix else "none"
        raise ModelError(f"{path} has an ending that no backend reads ({ending}); give {_accepted()}")
    try:
        if path.stat().st_size == 0:
            raise ModelError(f"{path} is empty; export or download the model again")
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); give {_accepted()}") from error
    return path


def _plugin_for(location: ModelLocation, asked: str, precision: Precision) -> BackendPlugin:
    if isinstance(location, ModelAddress):
        readers, kind = _openers(location), f"a {location.scheme}:// address"
    else:
        ending = location.suffix.lower()
        readers, kind = [plugin for plugin in BACKENDS if ending in plugin.endings], f"a {location.suffix} file"
    if asked == "auto":
        casting = [plugin for plugin in readers if plugin.casts_to_bf16 and precision == "bf16"]
        return (casting or readers)[0]
    plugin = BACKENDS.get(asked)
    if plugin not in readers:
        readable = " or ".join(reader.name for reader in readers)
        raise ModelError(f"{asked} does not read {location}: {kind} needs {readable}")
    return plugin


def _accepted() -> str:
    *most, last = (plugin.accepts for plugin in BACKENDS)
    return f"{', '.join(most)} or {last}"
