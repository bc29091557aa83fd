"""OpenVINO models (.xml with its .bin) and ONNX models in OpenVINO: on Intel and other x86 or Arm CPUs, GPU, NPU.

On CPUs with bf16 instructions OpenVINO's own default is bf16. Measured with YOLOv8n: twice as fast as fp32 (32 ms
against 60 ms a picture on one thread), but scores move by up to 0.11 and boxes by 35 px. So a CPU computes in fp32
here unless another precision is asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.backends.cores import MAX_REQUESTS, share_cores
from streamvision.inference.backends.importing import import_runtime
from streamvision.inference.backends.metadata_file import read_metadata_beside
from streamvision.inference.tensors import ModelInputs, TensorSpec, last_line

logger = logging.getLogger(__name__)

MAX_FIXED_SHAPES = 4
"""Forms with a shape of their own; each takes half a second to compile, and memory for the network's weights."""

Shape = tuple[int, ...]


class CompiledShapes:
    """The compiled model, by shape. Any thread may use it.

    Args:
        compiled: the model compiled as it is.
        model: the model itself.
        inputs: its inputs.
        compile_model: compiles a model in the same way.
    """

    def __init__(self, compiled: Any, model: Any, *, inputs: ModelInputs, compile_model: Callable[[Any], Any]) -> None:
        self._compiled = compiled
        self._model = model
        self._inputs = inputs
        self._free = any(port.get_partial_shape().is_dynamic for port in compiled.inputs)
        self._compile_model = compile_model
        self.fixed: dict[Shape, Any] = {}
        """By shape, the forms that are compiled for one shape alone."""
        self._longest_px = 0
        self._compiling = threading.Lock()
        self._own = threading.local()

    def request(self, shape: Shape) -> Any:
        """Return the calling thread's infer request for tensors of this shape."""
        requests = self._own.__dict__.setdefault("requests", {})
        form = self._form(shape)
        request = requests.get(id(form))
        if request is None:
            request = requests[id(form)] = form.create_infer_request()
        return request

    def _form(self, shape: Shape) -> Any:
        if not self._free or shape[0] != 1:
            return self._compiled
        with self._compiling:
            self._longest_px = max(self._longest_px, *shape)
            if shape not in self.fixed:
                if len(self.fixed) >= MAX_FIXED_SHAPES or max(shape) < self._longest_px:
                    return self._compiled
                self.fixed[shape] = self._compiled_for(shape)
            return self.fixed[shape]

    def _compiled_for(self, shape: Shape) -> Any:
        fixed = self._model.clone()
        try:
            feeds = self._inputs.feeds(np.empty(shape, np.uint8))
            fixed.reshape({_port(fixed, name): list(tensor.shape) for name, tensor in feeds.items()})
            return self._compile_model(fixed)
        except RuntimeError as error:
            logger.warning("the model cannot be compiled for %s and stays dynamic: %s", shape, last_line(error))
            return self._compiled


_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
_PRECISIONS = {hint: precision for precision, hint in _HINTS.items()}


class OpenVinoBackend(LoadedBackend):
    """A model compiled by OpenVINO. Its outputs are views that the same thread's next run overwrites.

    Its precision is what the compiled model says that it computes in. Its metadata is the entries of ``rt_info``
    (nested ones joined by a dot) and of a ``metadata.yaml`` beside the file.
    """

    name = "openvino"
    runtime = "OpenVINO"
    failures = (RuntimeError,)

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        requests: int | None = 1,
        dynamic_batch: bool = False,
    ) -> None:
        """Read and compile the model; see :func:`streamvision.inference.backends.registry.open_backend`.

        A device of the form ``auto:gpu,cpu`` is the first of these that this machine has.
        """
        openvino = import_runtime("openvino")
        core = openvino.Core()
        name = _device_name(device, core)
        model = _read(core, path)
        inputs = ModelInputs.of(tuple(_specs(model.inputs)), path=path)
        if dynamic_batch and not (inputs.batched and _made_dynamic(model)):
            logger.warning("%s has its batch built in and keeps it: it cannot be reshaped", path)
        quantised = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if name == "CPU":
            share = share_cores(requests=requests, threads=threads, spare=True)
            config |= {"NUM_STREAMS": share.requests, "INFERENCE_NUM_THREADS": share.requests * share.threads}
            # Pinned threads of two processes would share one core while the others idle.
            config["ENABLE_CPU_PINNING"] = False
            config["INFERENCE_PRECISION_HINT"] = _HINTS.get(precision, "f32")
        else:
            config |= {"PERFORMANCE_HINT": "THROUGHPUT"} if requests is None else {}
            config |= {"INFERENCE_PRECISION_HINT": _HINTS[precision]} if precision in _HINTS else {}

        def compile_model(form: Any) -> Any:
            return core.compile_model(form, name, config)

        try:
            compiled = compile_model(model)
        except RuntimeError as error:
            raise DeviceError(f"{name.lower()} cannot compile {path}: {last_line(error)}") from error
        executing = _executing_device(compiled, name)
        hint = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        real_precision = "int8" if quantised else _PRECISIONS.get(hint, hint)
        if precision not in ("auto", real_precision):
            raise DeviceError(
                f"{path} runs in {real_precision} on {executing}, not in {precision}; export the model in "
                f"{precision} for a device that computes in it, or use --precision auto"
            )
        facts = ModelFacts(
            path=path,
            device=executing,
            precision=real_precision,
            input=ModelInputs.of(tuple(_specs(compiled.inputs)), path=path).picture,
            outputs=tuple(_specs(compiled.outputs)),
            metadata={**_inside(model, path), **(read_metadata_beside(path) if path.suffix == ".xml" else {})},
            requests=share.requests if name == "CPU" else requests or _useful_requests(compiled),
            inputs=inputs.own,
        )
        self._inputs = inputs if inputs.companions or not inputs.batched else None
        super().__init__(facts, CompiledShapes(compiled, model, inputs=inputs, compile_model=compile_model))

    @classmethod
    def version(cls) -> str:
        """Return OpenVINO's version."""
        return str(import_runtime("openvino").__version__).partition("-")[0]

    @classmethod
    def devices(cls) -> Iterator[tuple[str, str]]:
        """Yield OpenVINO's devices on this machine, then the kinds that it lacks."""
        core = import_runtime("openvino").Core()
        available = [name.lower() for name in core.available_devices]
        absent = [kind for kind in ("gpu", "npu") if not any(name.startswith(kind) for name in available)]
        for device in [*available, *absent]:
            halves = device == "cpu" and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            yield device, "; twice as fast and less exact with --precision bf16" if halves else ""

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        return self._execute_beside(engine, tensor, {})

    def _execute_beside(
        self, engine: Any, tensor: NDArray[Any], companions: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[Any]]:
        request = engine.request(tensor.shape)
        given = np.ascontiguousarray(tensor)
        feeds = [given] if self._inputs is None else self._inputs.feeds(given, companions)
        request.infer(feeds, share_inputs=True, share_outputs=True)
        return [request.get_output_tensor(i).data for i in range(len(self.outputs))]


def _device_name(device: str, core: Any) -> str:
    """Return OpenVINO's name of the asked-for device.

    OpenVINO's own AUTO device is not used: it may change the device, and with it the arithmetic, while running.
    """
    if device.lower() in ("auto", "cpu"):
        return "CPU"  # always there; looking for others takes 50 ms
    available = core.available_devices
    wanted = device.upper().removeprefix("AUTO:").split(",")
    present = [name for name in wanted if any(a == name or a.startswith(f"{name}.") for a in available)]
    if not present or (len(present) < len(wanted) and not device.upper().startswith("AUTO:")):
        raise DeviceError(
            f"OpenVINO has no device {device.lower()!r} on this machine: available are "
            f"{', '.join(a.lower() for a in available)}"
        )
    return present[0]


def _useful_requests(compiled: Any) -> int:
    return min(MAX_REQUESTS, int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")))


def _read(core: Any, path: Path) -> Any:
    if path.suffix == ".xml" and not path.with_suffix(".bin").is_file():
        raise ModelError(f"{path} needs its weights beside it, but there is no {path.with_suffix('.bin').name}")
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise ModelError(
            f"{path} is not a model that OpenVINO reads or is damaged ({last_line(error)}); export or download it again"
        ) from error


def _made_dynamic(model: Any) -> bool:
    """Make the batch axis dynamic, unless the graph has constants that tie it down."""
    before = {port: list(port.get_partial_shape()) for port in model.inputs}
    if all(shape[0].is_dynamic for shape in before.values()):
        return True
    model.reshape({port: [-1, *shape[1:]] for port, shape in before.items()})
    if all(port.get_partial_shape()[0].is_dynamic for port in model.outputs):
        return True
    model.reshape(before)
    return False


def _executing_device(compiled: Any, asked: str) -> str:
    devices = [str(device) for device in compiled.get_property("EXECUTION_DEVICES")]
    if not all(device.partition(".")[0] == asked.partition(".")[0] for device in devices):
        raise DeviceError(f"{asked.lower()} was asked for, but OpenVINO executes on {', '.join(devices).lower()}")
    return ",".join(devices).lower()


def _specs(ports: Any) -> Iterator[TensorSpec]:
    for port in ports:
        shape = tuple(None if n.is_dynamic else n.get_length() for n in port.get_partial_shape())
        yield TensorSpec(_name(port), shape, np.dtype(port.get_element_type().to_dtype()).name)


def _name(port: Any) -> str:
    return next(iter(sorted(port.get_names())), None) or str(port.get_node().get_friendly_name())


def _port(model: Any, name: str) -> Any:
    return next(port for port in model.inputs if _name(port) == name)


def _inside(model: Any, path: Path) -> dict[str, str]:
    try:
        return _rt_info(model.get_rt_info())
    except (UnicodeDecodeError, RecursionError, RuntimeError) as error:
        raise ModelError(f"the rt_info in {path} is damaged ({last_line(error)}); export the model again") from error


def _rt_info(info: Any, prefix: str = "") -> dict[str, str]:
    """Flatten the model's rt_info; metadata of ONNX files stands there under ``framework``, as it was."""
    found: dict[str, str] = {}
    for key, entry in info.items():
        value = getattr(entry, "value", entry)
        if hasattr(value, "items"):
            found |= _rt_info(value, "" if key == "framework" else f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)
    return found
