"""TensorRT engines (.engine, .plan) on NVIDIA GPUs, as ``streamvision build-engine`` or ultralytics build them.

Not verified on a GPU: written and tested against the documented interfaces of TensorRT 10 and 11.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.backends.cuda_memory import CudaDevice, PinnedBuffer, parse_cuda_device
from streamvision.inference.backends.tensorrt_api import DTYPES, CudaEngine, TensorRt, import_cuda, import_tensorrt
from streamvision.inference.backends.tensorrt_header import EngineHeader, read_header, split_embedded
from streamvision.inference.tensors import TensorSpec, picture_input

logger = logging.getLogger("streamvision.tensorrt")

_LEVELS = {
    "INTERNAL_ERROR": logging.ERROR,
    "ERROR": logging.ERROR,
    "WARNING": logging.INFO,
    "INFO": logging.DEBUG,
    "VERBOSE": logging.DEBUG,
}
"""TensorRT warns of much that its users cannot mend."""

_KEPT_ERRORS = 8


class ErrorLog:
    """The last errors that TensorRT has reported."""

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=_KEPT_ERRORS)

    def take(self, severity: str, message: str) -> None:
        """Pass a message on, and keep it where it is an error."""
        level = _LEVELS.get(severity, logging.DEBUG)
        if level >= logging.ERROR:
            self._errors.append(message.strip())
        logger.log(level, "%s", message)

    def cause(self) -> str:
        """Return the first of the kept errors, which the others follow from, in one line."""
        return " ".join(self._errors[0].split())[:300].rstrip(".") if self._errors else "TensorRT does not say why"


def tensorrt_logger(tensorrt: TensorRt, errors: ErrorLog) -> Any:
    """Return an ``ILogger``; TensorRT only takes classes derived from its own."""

    class Logger(tensorrt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            errors.take(severity.name, msg)

    return Logger()


class TensorRtError(RuntimeError):
    """TensorRT refused or failed; the message is its own."""


@dataclass(frozen=True)
class EngineLayout:
    """What goes into an engine and comes out of it."""

    input: TensorSpec
    """The picture input."""
    outputs: tuple[TensorSpec, ...]
    """The outputs, in the engine's order."""
    smallest: tuple[int, ...]
    """Smallest shape of the input."""
    largest: tuple[int, ...]
    """Largest shape of the input."""


class Execution:
    """What one thread needs to run an engine. Its outputs are views of page-locked memory that its next run overwrites.

    Raises:
        TensorRtError: when the engine cannot be prepared, or the size of an output depends on the picture.
        DeviceError: when the device has no memory left.
    """

    def __init__(self, engine: CudaEngine, layout: EngineLayout, device: CudaDevice, errors: ErrorLog) -> None:
        device.choose()
        self._layout = layout
        self._errors = errors
        context = engine.create_execution_context()
        if context is None:
            raise TensorRtError(f"no memory for another call at a time ({errors.cause()})")
        self._context = context
        self._shape: tuple[int, ...] | None = None
        self._output_shapes: list[tuple[int, ...]] = []
        self._buffers: list[PinnedBuffer] = []
        self._stream = device.stream()
        try:
            self._take_shape(layout.largest)
            for spec, shape in zip(
                (layout.input, *layout.outputs), (layout.largest, *self._output_shapes), strict=True
            ):
                buffer = device.buffer(math.prod(shape), spec.dtype)
                self._buffers.append(buffer)
                self._checked(context.set_tensor_address(spec.name, buffer.address), f"the address of {spec.name}")
        except BaseException:
            self.close()
            raise

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Execute on one batch that the engine was built for, and wait for its outputs."""
        if tensor.shape != self._shape:
            self._take_shape(tensor.shape)
        picture, *outputs = self._buffers
        staged = picture.host[: tensor.size]
        np.copyto(staged.reshape(tensor.shape), tensor)
        picture.send(tensor.size, self._stream)
        self._checked(self._context.execute_async_v3(self._stream.handle), "the execution")
        for buffer, shape in zip(outputs, self._output_shapes, strict=True):
            buffer.fetch(math.prod(shape), self._stream)
        self._stream.wait()
        return [
            buffer.host[: math.prod(shape)].reshape(shape)
            for buffer, shape in zip(outputs, self._output_shapes, strict=True)
        ]

    def close(self) -> None:
        """Release memory and stream; the outputs of the last run are gone with them."""
        buffers, self._buffers = self._buffers, []
        for buffer in buffers:
            buffer.close()
        self._stream.close()

    def _take_shape(self, shape: Sequence[int]) -> None:
        name = self._layout.input.name
        self._shape = None
        self._checked(self._context.set_input_shape(name, tuple(shape)), f"the input shape {tuple(shape)}")
        self._output_shapes = [tuple(self._context.get_tensor_shape(spec.name)) for spec in self._layout.outputs]
        for spec, found in zip(self._layout.outputs, self._output_shapes, strict=True):
            if any(side < 0 for side in found):
                raise TensorRtError(
                    f"the size of its output {spec.name} depends on the picture; export the model with --nms, whose "
                    "outputs have one size, or with another head"
                )
        self._shape = tuple(shape)

    def _checked(self, done: bool, what: str) -> None:
        if not done:
            raise TensorRtError(f"{what} was refused ({self._errors.cause()})")


_USEFUL_REQUESTS = 2
"""One call on the device while the pictures of the next are copied."""
_NO_THREAD = -1
"""In place of a thread's identity: what loading prepares belongs to the thread that calls first."""


class TensorRtBackend(LoadedBackend):
    """An engine in TensorRT. Its outputs are views that the same thread's next run overwrites.

    Its precision is what its header says that it was built in, and ``unknown`` without one. Batches beyond the largest
    that it was built for go through it in parts.
    """

    name = "tensorrt"
    runtime = "TensorRT"
    failures = (TensorRtError,)

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
        """Load the engine; see :func:`streamvision.inference.backends.registry.open_backend`.

        Each request has memory of its own. The GPU executes the engine, so ``threads`` has no effect, and the batch is
        what it was built for.
        """
        index = parse_cuda_device(device)
        tensorrt = import_tensorrt()
        gpu = CudaDevice(import_cuda(), index)
        content = path.read_bytes()
        header = read_header(path, content)
        metadata, plan = split_embedded(content) if header is None else (header.metadata, content)
        if header is not None:
            header.check_device(path, gpu.facts(), tensorrt.__version__)
        real_precision = _precision(header)
        if precision not in ("auto", real_precision):
            raise DeviceError(
                f"{path} was built in {real_precision}, which cannot be changed while loading; export the model in "
                f"{precision} and build that, or use --precision auto"
            )
        gpu.choose()
        self._errors = ErrorLog()
        self._log = tensorrt_logger(tensorrt, self._errors)
        engine = self._deserialise(tensorrt, path, plan)
        self._layout = _layout(tensorrt, engine, path)
        self._gpu = gpu
        self._executions: dict[int, Execution] = {}
        self._lock = threading.Lock()
        facts = ModelFacts(
            path=path,
            device=f"cuda:{index}",
            precision=real_precision,
            input=self._layout.input,
            outputs=self._layout.outputs,
            metadata=metadata,
            requests=requests or _USEFUL_REQUESTS,
        )
        super().__init__(facts, engine)
        with self._failing_on(path):
            self._executions[_NO_THREAD] = Execution(engine, self._layout, gpu, self._errors)

    def close(self) -> None:
        """Release the engine and its memory; calling it twice is harmless."""
        super().close()
        executions, self._executions = self._executions, {}
        for execution in executions.values():
            execution.close()

    def _execute(self, engine: CudaEngine, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        execution = self._execution(engine)
        least, most = self._layout.smallest[0], self._layout.largest[0]
        if least <= len(tensor) <= most:
            return execution.run(tensor)
        parts = [[np.array(out) for out in execution.run(part)] for part in _parts(tensor, least, most)]
        return [np.concatenate(outputs)[: len(tensor)] for outputs in zip(*parts, strict=True)]

    def _execution(self, engine: CudaEngine) -> Execution:
        """Return what the calling thread executes with: its own, that of a thread that has ended, or a new one."""
        thread = threading.get_ident()
        with self._lock:
            if thread not in self._executions:
                alive = {t.ident for t in threading.enumerate()}
                free = next((ident for ident in self._executions if ident not in alive), None)
                if free is None:
                    self._executions[thread] = Execution(engine, self._layout, self._gpu, self._errors)
                else:
                    self._gpu.choose()
                    self._executions[thread] = self._executions.pop(free)
            return self._executions[thread]

    def _deserialise(self, tensorrt: TensorRt, path: Path, plan: bytes) -> CudaEngine:
        try:
            self._runtime = tensorrt.Runtime(self._log)
        except (TypeError, RuntimeError) as error:
            raise DeviceError(f"TensorRT does not start on this machine: {self._errors.cause()}") from error
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise ModelError(
                f"{path} is not an engine, is damaged, or was built for another GPU or version of TensorRT "
                f"({self._errors.cause()}); build it here with 'streamvision build-engine'"
            )
        return engine


def _precision(header: EngineHeader | None) -> str:
    return header.precision if header is not None else "unknown"


def _layout(tensorrt: TensorRt, engine: CudaEngine, path: Path) -> EngineLayout:
    inputs: list[TensorSpec] = []
    outputs: list[TensorSpec] = []
    for i in range(engine.num_io_tensors):
        name = engine.get_tensor_name(i)
        is_input = engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT
        (inputs if is_input else outputs).append(_spec(engine, name, path))
    picture = picture_input(tuple(inputs), path=path)
    fixed = tuple(side for side in picture.shape if side is not None)
    if len(fixed) == len(picture.shape):
        return EngineLayout(picture, tuple(outputs), fixed, fixed)
    smallest, _, largest = (tuple(shape) for shape in engine.get_tensor_profile_shape(picture.name, 0))
    # What the network leaves free is fixed where the engine was built for one value only.
    shape = tuple(low if low == high else None for low, high in zip(smallest, largest, strict=True))
    return EngineLayout(replace(picture, shape=shape), tuple(outputs), smallest, largest)


def _spec(engine: CudaEngine, name: str, path: Path) -> TensorSpec:
    dtype = engine.get_tensor_dtype(name).name
    if dtype not in DTYPES:
        raise ModelError(f"{path} has a tensor {name} of {dtype.lower()}, which NumPy has no type for; build it again")
    shape = tuple(None if side < 0 else int(side) for side in engine.get_tensor_shape(name))
    return TensorSpec(name, shape, DTYPES[dtype])


def _parts(tensor: NDArray[Any], least: int, most: int) -> Iterator[NDArray[Any]]:
    """Cut a batch into parts that the engine takes, the last filled up with zeros where it is too small."""
    for at in range(0, len(tensor), most):
        part = tensor[at : at + most]
        if len(part) < least:
            part = np.concatenate([part, np.zeros((least - len(part), *part.shape[1:]), part.dtype)])
        yield part
