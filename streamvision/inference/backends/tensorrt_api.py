"""The parts of TensorRT's and CUDA's Python interfaces that StreamVision uses, as their documentation states them.

TensorRT 10 and 11: https://docs.nvidia.com/deeplearning/tensorrt/latest/_static/python-api/; ``cuda.bindings.runtime``:
https://nvidia.github.io/cuda-python/cuda-bindings/latest/module/runtime.html. Neither package has type information of
its own. What differs between the two versions of TensorRT: 11 has no ``EXPLICIT_BATCH``, no precision flags, and every
network is strongly typed; it ignores ``STRONGLY_TYPED``, which 10 needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, SupportsInt, cast

from streamvision.core.errors import MissingDependencyError

INSTALL = "pip install tensorrt cuda-python"
LEAST_VERSION = 10


class Enumerated(Protocol):
    """A member of one of TensorRT's enumerations."""

    name: str

    def __int__(self) -> int: ...


class TensorRtLogger(Protocol):
    """``ILogger``."""

    def log(self, severity: Any, msg: str) -> None: ...


class OptimizationProfile(Protocol):
    """``IOptimizationProfile``: the sizes that an engine is built for."""

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None: ...


class TimingCache(Protocol):
    """``ITimingCache``: what the builder has measured."""

    def serialize(self) -> Any: ...


class BuilderConfig(Protocol):
    """``IBuilderConfig``."""

    def set_memory_pool_limit(self, pool: Enumerated, pool_size: int) -> None: ...
    def add_optimization_profile(self, profile: OptimizationProfile) -> int: ...
    def clear_flag(self, flag: Enumerated) -> None: ...
    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache: ...
    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool: ...
    def get_timing_cache(self) -> TimingCache | None: ...


class NetworkTensor(Protocol):
    """``ITensor``: an input or output of a network."""

    name: str
    shape: Sequence[int]
    dtype: Enumerated


class Network(Protocol):
    """``INetworkDefinition``."""

    num_inputs: int
    num_outputs: int

    def get_input(self, index: int) -> NetworkTensor: ...


class ParserError(Protocol):
    """``IParserError``."""

    def desc(self) -> str: ...


class OnnxParser(Protocol):
    """``OnnxParser``."""

    num_errors: int

    def parse(self, model: bytes) -> bool: ...
    def get_error(self, index: int) -> ParserError: ...


class Builder(Protocol):
    """``Builder``; its constructor takes a logger and raises ``TypeError`` where CUDA does not start."""

    def create_network(self, flags: int = 0) -> Network: ...
    def create_builder_config(self) -> BuilderConfig: ...
    def create_optimization_profile(self) -> OptimizationProfile: ...
    def build_serialized_network(self, network: Network, config: BuilderConfig) -> Any | None: ...


class ExecutionContext(Protocol):
    """``IExecutionContext``: what one call at a time needs of an engine."""

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool: ...
    def get_tensor_shape(self, name: str) -> Sequence[int]: ...
    def set_tensor_address(self, name: str, memory: int) -> bool: ...
    def execute_async_v3(self, stream_handle: int) -> bool: ...


class CudaEngine(Protocol):
    """``ICudaEngine``."""

    num_io_tensors: int
    num_optimization_profiles: int

    def get_tensor_name(self, index: int) -> str: ...
    def get_tensor_mode(self, name: str) -> Enumerated: ...
    def get_tensor_shape(self, name: str) -> Sequence[int]: ...
    def get_tensor_dtype(self, name: str) -> Enumerated: ...
    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Sequence[Sequence[int]]: ...
    def create_execution_context(self) -> ExecutionContext | None: ...


class Runtime(Protocol):
    """``Runtime``; its constructor takes a logger and raises ``TypeError`` where CUDA does not start."""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None: ...


class TensorRt(Protocol):
    """The package ``tensorrt``."""

    __version__: str
    NetworkDefinitionCreationFlag: Any
    MemoryPoolType: Any
    BuilderFlag: Any
    TensorIOMode: Any
    ILogger: Any

    def Builder(self, logger: TensorRtLogger) -> Builder: ...  # noqa: N802 - TensorRT's name
    def OnnxParser(self, network: Network, logger: TensorRtLogger) -> OnnxParser: ...  # noqa: N802 - TensorRT's name
    def Runtime(self, logger: TensorRtLogger) -> Runtime: ...  # noqa: N802 - TensorRT's name


class CudaDeviceProperties(Protocol):
    """``cudaDeviceProp``."""

    name: bytes
    major: int
    minor: int


class CudaRuntime(Protocol):
    """The module ``cuda.bindings.runtime``: each function returns a tuple, its status first.

    A status is 0 on success. What follows it is ``None`` where it is not.
    """

    cudaMemcpyKind: Any  # noqa: N815 - CUDA's name
    cudaStreamNonBlocking: int  # noqa: N815 - CUDA's name

    def cudaGetDeviceCount(self) -> tuple[Any, Any]: ...  # noqa: N802 - CUDA's names from here on
    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, Any]: ...  # noqa: N802
    def cudaDriverGetVersion(self) -> tuple[Any, Any]: ...  # noqa: N802
    def cudaSetDevice(self, device: int) -> tuple[Any]: ...  # noqa: N802
    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, Any]: ...  # noqa: N802
    def cudaStreamSynchronize(self, stream: Any) -> tuple[Any]: ...  # noqa: N802
    def cudaStreamDestroy(self, stream: Any) -> tuple[Any]: ...  # noqa: N802
    def cudaMalloc(self, size: int) -> tuple[Any, Any]: ...  # noqa: N802
    def cudaFree(self, devPtr: int) -> tuple[Any]: ...  # noqa: N802, N803
    def cudaMallocHost(self, size: int) -> tuple[Any, Any]: ...  # noqa: N802
    def cudaFreeHost(self, ptr: int) -> tuple[Any]: ...  # noqa: N802
    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Any, stream: Any) -> tuple[Any]: ...  # noqa: N802
    def cudaGetErrorString(self, error: Any) -> tuple[Any, bytes]: ...  # noqa: N802


def import_tensorrt() -> TensorRt:
    """Return the package ``tensorrt``.

    Raises:
        MissingDependencyError: when it is not installed, does not load, or is older than version 10.
    """
    try:
        module = cast(TensorRt, importlib.import_module("tensorrt"))
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"TensorRT engines need TensorRT and CUDA's Python packages ({INSTALL}; on a Jetson, TensorRT itself comes "
            f"with JetPack): {_reason(error)}"
        ) from error
    if version(module)[0] < LEAST_VERSION:
        raise MissingDependencyError(
            f"TensorRT {module.__version__} is installed, but version {LEAST_VERSION} or later is needed: {INSTALL}"
        )
    return module


def import_cuda() -> CudaRuntime:
    """Return the module ``cuda.bindings.runtime``.

    Raises:
        MissingDependencyError: when it is not installed or does not load.
    """
    try:
        return cast(CudaRuntime, importlib.import_module("cuda.bindings.runtime"))
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"TensorRT engines need CUDA's Python package: pip install cuda-python ({_reason(error)})"
        ) from error


def version(tensorrt: TensorRt) -> tuple[int, ...]:
    """Return TensorRT's version as numbers."""
    return tuple(int(part) for part in tensorrt.__version__.split(".") if part.isdigit())


DTYPES: Mapping[str, str] = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
"""By name of TensorRT's ``DataType``, the NumPy type with the same bytes; the others have none."""


def handle(value: SupportsInt) -> int:
    """Return the address behind a CUDA object."""
    return int(value)


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
