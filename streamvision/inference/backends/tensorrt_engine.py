"""TensorRT engines (.engine, .plan) on NVIDIA GPUs, as ``streamvision build-engine`` or ultralytics build them.

Not verified on a GPU: written and tested against the documented interfaces of TensorRT 10 and 11.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.backends.cuda_memory import CudaDevice, parse_cuda_device
from streamvision.inference.backends.loaded import LoadedBackend, ModelFacts
from streamvision.inference.backends.tensorrt_api import DTYPES, CudaEngine, TensorRt, import_cuda, import_tensorrt
from streamvision.inference.backends.tensorrt_header import EngineHeader, read_header, split_embedded
from streamvision.inference.backends.tensorrt_lane import EngineLayout, Lane, TensorRtError
from streamvision.inference.backends.tensorrt_log import ErrorLog, tensorrt_logger
from streamvision.inference.backends.tensors import picture_input

_USEFUL_REQUESTS = 2
"""One call on the device while the pictures of the next are copied."""
_NOBODY = -1
"""In place of a thread's identity: the lane that loading prepares belongs to whoever calls first."""


class TensorRtBackend(LoadedBackend):
    """An engine in TensorRT. Its outputs are views that the same thread's next run overwrites.

    Its precision is what its header says that it was built in, and ``unknown`` without one. Batches beyond the largest
    that it was built for go through it in parts.
    """

    name = "tensorrt"
    runtime = "TensorRT"
    failures = (TensorRtError,)

    def __init__(
        self, path: Path, *, device: str = "auto", precision: Precision = "auto", requests: int | None = 1
    ) -> None:
        """Load the engine.

        Args:
            path: an ``.engine`` or ``.plan`` file.
            device: ``auto`` (the first GPU) or ``cuda[:N]``.
            precision: ``auto``, or what the engine was built in.
            requests: how many threads will run it at a time, each with memory of its own; ``None`` for as many as pay.

        Raises:
            ModelError: when the file is no engine, or is damaged.
            DeviceError: when there is no such GPU, or the engine was built for another one.
            MissingDependencyError: when TensorRT or CUDA's Python package is not installed.
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
        self._lanes: dict[int, Lane] = {}
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
            self._lanes[_NOBODY] = Lane(engine, self._layout, gpu, self._errors)

    def close(self) -> None:
        """Release the engine and its memory; calling it twice is harmless."""
        super().close()
        lanes, self._lanes = self._lanes, {}
        for lane in lanes.values():
            lane.close()

    def _execute(self, engine: CudaEngine, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        lane = self._lane(engine)
        least, most = self._layout.smallest[0], self._layout.largest[0]
        if least <= len(tensor) <= most:
            return lane.run(tensor)
        parts = [[np.array(out) for out in lane.run(part)] for part in _parts(tensor, least, most)]
        return [np.concatenate(outputs)[: len(tensor)] for outputs in zip(*parts, strict=True)]

    def _lane(self, engine: CudaEngine) -> Lane:
        """Return the calling thread's lane: its own, one that nobody has any more, or a new one."""
        thread = threading.get_ident()
        with self._lock:
            if thread not in self._lanes:
                alive = {t.ident for t in threading.enumerate()}
                free = next((ident for ident in self._lanes if ident not in alive), None)
                if free is None:
                    self._lanes[thread] = Lane(engine, self._layout, self._gpu, self._errors)
                else:
                    self._gpu.choose()
                    self._lanes[thread] = self._lanes.pop(free)
            return self._lanes[thread]

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
