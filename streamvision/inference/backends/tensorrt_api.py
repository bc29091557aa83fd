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

    def log(self, severity: Any, msg: str) -> None:
        """Take a message; TensorRT calls it from any thread."""


class OptimizationProfile(Protocol):
    """``IOptimizationProfile``: the sizes that an engine is built for."""

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None:
        """Set the smallest, most usual and largest shape of an input.

        Raises:
            ValueError: when they contradict each other.
        """


class TimingCache(Protocol):
    """``ITimingCache``: what the builder has measured."""

    def serialize(self) -> Any:
        """Return a buffer."""


class BuilderConfig(Protocol):
    """``IBuilderConfig``."""

    def set_memory_pool_limit(self, pool: Enumerated, pool_size: int) -> None:
        """Limit a pool, in bytes."""

    def add_optimization_profile(self, profile: OptimizationProfile) -> int:
        """Add a profile and return its index; -1 where it is not valid."""

    def clear_flag(self, flag: Enumerated) -> None:
        """Clear a builder flag."""

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache:
        """Return a timing cache; an empty one for ``b""``."""

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        """Use a cache; ``False`` where it is of another device or version."""

    def get_timing_cache(self) -> TimingCache | None:
        """Return the cache in use."""


class NetworkTensor(Protocol):
    """``ITensor``: an input or output of a network."""

    name: str
    shape: Sequence[int]
    dtype: Enumerated


class Network(Protocol):
    """``INetworkDefinition``."""

    num_inputs: int
    num_outputs: int

    def get_input(self, index: int) -> NetworkTensor:
        """Return an input."""


class ParserError(Protocol):
    """``IParserError``."""

    def desc(self) -> str:
        """Return what is wrong."""


class OnnxParser(Protocol):
    """``OnnxParser``."""

    num_errors: int

    def parse(self, model: bytes) -> bool:
        """Read an ONNX model into the network; ``False`` on failure."""

    def get_error(self, index: int) -> ParserError:
        """Return one of the errors."""


class Builder(Protocol):
    """``Builder``; its constructor takes a logger and raises ``TypeError`` where CUDA does not start."""

    def create_network(self, flags: int = 0) -> Network:
        """Return an empty network; ``flags`` has a bit for each ``NetworkDefinitionCreationFlag``."""

    def create_builder_config(self) -> BuilderConfig:
        """Return a configuration."""

    def create_optimization_profile(self) -> OptimizationProfile:
        """Return an empty profile."""

    def build_serialized_network(self, network: Network, config: BuilderConfig) -> Any | None:
        """Build an engine and return a buffer with it; ``None`` on failure."""


class ExecutionContext(Protocol):
    """``IExecutionContext``: what one call at a time needs of an engine."""

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        """Set the shape of a dynamic input; ``False`` where the profile does not allow it."""

    def get_tensor_shape(self, name: str) -> Sequence[int]:
        """Return the shape that follows from the inputs' shapes; -1 where it depends on their values."""

    def set_tensor_address(self, name: str, memory: int) -> bool:
        """Say where on the device an input or output lies."""

    def execute_async_v3(self, stream_handle: int) -> bool:
        """Put the execution onto a stream; ``False`` on failure."""


class CudaEngine(Protocol):
    """``ICudaEngine``."""

    num_io_tensors: int
    num_optimization_profiles: int

    def get_tensor_name(self, index: int) -> str:
        """Return the name of an input or output."""

    def get_tensor_mode(self, name: str) -> Enumerated:
        """Return ``TensorIOMode.INPUT`` or ``OUTPUT``."""

    def get_tensor_shape(self, name: str) -> Sequence[int]:
        """Return a shape; -1 for what is free."""

    def get_tensor_dtype(self, name: str) -> Enumerated:
        """Return a ``DataType``."""

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Sequence[Sequence[int]]:
        """Return the smallest, most usual and largest shape of an input."""

    def create_execution_context(self) -> ExecutionContext | None:
        """Return a context; ``None`` where the device has no memory for it."""


class Runtime(Protocol):
    """``Runtime``; its constructor takes a logger and raises ``TypeError`` where CUDA does not start."""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None:
        """Load an engine; ``None`` where it is damaged or was built for another device or version."""


class TensorRt(Protocol):
    """The package ``tensorrt``."""

    __version__: str
    NetworkDefinitionCreationFlag: Any
    MemoryPoolType: Any
    BuilderFlag: Any
    TensorIOMode: Any
    ILogger: Any

    def Builder(self, logger: TensorRtLogger) -> Builder:  # noqa: N802 - TensorRT's name
        """Return a builder."""

    def OnnxParser(self, network: Network, logger: TensorRtLogger) -> OnnxParser:  # noqa: N802 - TensorRT's name
        """Return a parser that writes into a network."""

    def Runtime(self, logger: TensorRtLogger) -> Runtime:  # noqa: N802 - TensorRT's name
        """Return a runtime."""


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

    def cudaGetDeviceCount(self) -> tuple[Any, Any]:  # noqa: N802 - CUDA's names from here on
        """Return the number of devices."""

    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, Any]:  # noqa: N802
        """Return a :class:`CudaDeviceProperties`."""

    def cudaDriverGetVersion(self) -> tuple[Any, Any]:  # noqa: N802
        """Return the newest CUDA version that the driver supports, as 1000 * major + 10 * minor; 0 without one."""

    def cudaSetDevice(self, device: int) -> tuple[Any]:  # noqa: N802
        """Choose the device for the calling thread."""

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, Any]:  # noqa: N802
        """Return a stream, which ``int()`` turns into its handle."""

    def cudaStreamSynchronize(self, stream: Any) -> tuple[Any]:  # noqa: N802
        """Wait until the stream has done all its work."""

    def cudaStreamDestroy(self, stream: Any) -> tuple[Any]:  # noqa: N802
        """Release a stream."""

    def cudaMalloc(self, size: int) -> tuple[Any, Any]:  # noqa: N802
        """Return the address of memory on the device."""

    def cudaFree(self, devPtr: int) -> tuple[Any]:  # noqa: N802, N803
        """Release memory on the device."""

    def cudaMallocHost(self, size: int) -> tuple[Any, Any]:  # noqa: N802
        """Return the address of page-locked memory on the host."""

    def cudaFreeHost(self, ptr: int) -> tuple[Any]:  # noqa: N802
        """Release page-locked memory."""

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Any, stream: Any) -> tuple[Any]:  # noqa: N802
        """Put a copy of ``count`` bytes onto a stream."""

    def cudaGetErrorString(self, error: Any) -> tuple[Any, bytes]:  # noqa: N802
        """Return what a status means."""


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
