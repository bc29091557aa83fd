"""A CUDA device, its memory and its streams, by ``cuda.bindings.runtime``; every failure is an exception."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from streamvision.core.errors import DeviceError
from streamvision.inference.backends.tensorrt_api import CudaRuntime, handle

_DEVICE = re.compile(r"(?:auto|cuda|tensorrt)(?::(\d+))?")


@dataclass(frozen=True)
class GpuFacts:
    """What an engine is built for, besides TensorRT itself."""

    name: str
    """The GPU's name, such as ``Orin``."""
    compute_capability: str
    """Such as ``8.7``."""
    driver: str
    """The newest CUDA version that the driver supports, such as ``12.6``."""


class CudaDevice:
    """One GPU.

    Raises:
        DeviceError: when there is no such GPU, or CUDA does not start.
    """

    def __init__(self, cuda: CudaRuntime, index: int) -> None:
        self._cuda = cuda
        self.index = index
        """Its number."""
        count = self.call("cudaGetDeviceCount")
        if not 0 <= index < count:
            raise DeviceError(
                f"there is no GPU cuda:{index}: CUDA finds {count or 'none'}; choose one with --device, or see "
                "'nvidia-smi'"
            )

    def facts(self) -> GpuFacts:
        """Return what an engine is built for."""
        properties = self.call("cudaGetDeviceProperties", self.index)
        driver = int(self.call("cudaDriverGetVersion"))
        name = properties.name
        return GpuFacts(
            name=(name.decode(errors="replace") if isinstance(name, bytes) else str(name)).strip("\0 "),
            compute_capability=f"{properties.major}.{properties.minor}",
            driver=f"{driver // 1000}.{driver % 1000 // 10}",
        )

    def choose(self) -> None:
        """Make it the calling thread's device."""
        self.call("cudaSetDevice", self.index)

    def stream(self) -> CudaStream:
        """Return a new stream."""
        return CudaStream(self, self.call("cudaStreamCreateWithFlags", self._cuda.cudaStreamNonBlocking))

    def buffer(self, size: int, dtype: DTypeLike) -> PinnedBuffer:
        """Return memory for ``size`` elements on the device and, page-locked, on the host."""
        return PinnedBuffer(self, size, np.dtype(dtype))

    @property
    def copies(self) -> Any:
        """The directions of copies."""
        return self._cuda.cudaMemcpyKind

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of CUDA and return its result.

        Raises:
            DeviceError: when it fails, with what CUDA says.
        """
        status, *result = getattr(self._cuda, function)(*arguments)
        if int(status) != 0:
            _, text = self._cuda.cudaGetErrorString(status)
            meaning = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
            raise DeviceError(
                f"{function} failed on cuda:{self.index} ({meaning}); check the driver and the GPU's free memory with "
                "'nvidia-smi'"
            )
        return result[0] if result else None


class CudaStream:
    """A CUDA stream: what is put onto it happens in order, beside what other streams do."""

    def __init__(self, device: CudaDevice, stream: Any) -> None:
        self._device = device
        self._stream = stream

    @property
    def handle(self) -> int:
        """Its address, for TensorRT."""
        return handle(self._stream)

    def copy(self, target: int, source: int, size_bytes: int, direction: Any) -> None:
        """Put a copy onto the stream."""
        self._device.call("cudaMemcpyAsync", target, source, size_bytes, direction, self._stream)

    def wait(self) -> None:
        """Return when everything on the stream is done."""
        self._device.call("cudaStreamSynchronize", self._stream)

    def close(self) -> None:
        """Release the stream."""
        self._device.call("cudaStreamDestroy", self._stream)


class PinnedBuffer:
    """Memory on the device with its page-locked counterpart on the host, which copies need to run beside others."""

    def __init__(self, device: CudaDevice, size: int, dtype: np.dtype[Any]) -> None:
        self._device = device
        size_bytes = max(1, size) * dtype.itemsize
        self.address = int(device.call("cudaMalloc", size_bytes))
        """Where it lies on the device."""
        try:
            self._host_address = int(device.call("cudaMallocHost", size_bytes))
        except DeviceError:
            device.call("cudaFree", self.address)
            raise
        memory = (ctypes.c_byte * size_bytes).from_address(self._host_address)
        self.host: NDArray[Any] = np.ctypeslib.as_array(memory).view(dtype)
        """(size,) what lies on the host."""

    def send(self, count: int, stream: CudaStream) -> None:
        """Put the copy of the first ``count`` elements to the device onto a stream."""
        kind = self._device.copies.cudaMemcpyHostToDevice
        stream.copy(self.address, self._host_address, count * self.host.itemsize, kind)

    def fetch(self, count: int, stream: CudaStream) -> None:
        """Put the copy of the first ``count`` elements from the device onto a stream."""
        kind = self._device.copies.cudaMemcpyDeviceToHost
        stream.copy(self._host_address, self.address, count * self.host.itemsize, kind)

    def close(self) -> None:
        """Release both."""
        self._device.call("cudaFree", self.address)
        self._device.call("cudaFreeHost", self._host_address)


def parse_cuda_device(device: str) -> int:
    """Return the index of a GPU named as ``auto``, ``cuda`` or ``cuda:N``.

    Raises:
        DeviceError: when it is another device.
    """
    match = _DEVICE.fullmatch(device.lower())
    if match is None:
        raise DeviceError(f"TensorRT engines run on auto or cuda[:N], not on {device!r}")
    return int(match[1] or 0)
