"""A CUDA device without a GPU: memory, streams and status codes as ``cuda.bindings.runtime`` documents them.

What a real device answers with a status, this does too. What a real device punishes with a crash or with garbage
(memory that was freed, copies beyond their ends, reading before waiting) is a :class:`MisuseError` here, or gives
garbage indeed: work on a stream is done when the stream is waited for, and not before.
"""

# ruff: noqa: N802, N815 - the names are CUDA's

from __future__ import annotations

import ctypes
import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class MisuseError(AssertionError):
    """The interface was used in a way that its documentation forbids."""


class Status(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorInvalidDevice = 101


class Copies(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


@dataclass
class Properties:
    name: bytes
    major: int
    minor: int


@dataclass
class Gpu:
    """What the machine has; tests change it between calls."""

    name: bytes = b"Fake Orin"
    major: int = 8
    minor: int = 7
    driver: int = 12060
    count: int = 1
    memory_bytes: int = 1 << 30


@dataclass
class _Allocation:
    bytes: Any
    pinned: bool
    device: int


@dataclass
class FakeStream:
    number: int
    work: list[Callable[[], None]] = field(default_factory=list)
    open: bool = True

    def __int__(self) -> int:
        return self.number


class FakeCuda:
    """The module ``cuda.bindings.runtime``."""

    cudaMemcpyKind = Copies
    cudaStreamNonBlocking = 1

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu
        self.allocations: dict[int, _Allocation] = {}
        self.streams: dict[int, FakeStream] = {}
        self._device = threading.local()

    @property
    def used_bytes(self) -> int:
        return sum(len(a.bytes) for a in self.allocations.values() if not a.pinned)

    def at(self, address: int, count: int, *, pinned: bool) -> int:
        """Return the real address of memory, after checking that all of it is there."""
        for start, allocation in self.allocations.items():
            if start <= address and address + count <= start + len(allocation.bytes):
                if allocation.pinned != pinned:
                    raise MisuseError(f"{address:#x} is {'host' if allocation.pinned else 'device'} memory")
                return address
        raise MisuseError(f"{count} bytes at {address:#x} are not all allocated")

    def stream(self, handle: int) -> FakeStream:
        if handle not in self.streams or not self.streams[handle].open:
            raise MisuseError(f"there is no stream {handle}")
        return self.streams[handle]

    def cudaGetDeviceCount(self) -> tuple[Status, int | None]:
        if self.gpu.driver == 0:
            return Status.cudaErrorInsufficientDriver, None
        return Status.cudaSuccess, self.gpu.count

    def cudaGetDeviceProperties(self, device: int) -> tuple[Status, Properties | None]:
        if not 0 <= device < self.gpu.count:
            return Status.cudaErrorInvalidDevice, None
        return Status.cudaSuccess, Properties(self.gpu.name, self.gpu.major, self.gpu.minor)

    def cudaDriverGetVersion(self) -> tuple[Status, int]:
        return Status.cudaSuccess, self.gpu.driver

    def cudaSetDevice(self, device: int) -> tuple[Status]:
        if not 0 <= device < self.gpu.count:
            return (Status.cudaErrorInvalidDevice,)
        self._device.index = device
        return (Status.cudaSuccess,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Status, FakeStream | None]:
        if flags not in (0, 1):
            return Status.cudaErrorInvalidValue, None
        stream = FakeStream(0x1000 + len(self.streams))
        self.streams[int(stream)] = stream
        return Status.cudaSuccess, stream

    def cudaStreamSynchronize(self, stream: FakeStream) -> tuple[Status]:
        work, self.stream(int(stream)).work = stream.work, []
        for step in work:
            step()
        return (Status.cudaSuccess,)

    def cudaStreamDestroy(self, stream: FakeStream) -> tuple[Status]:
        self.stream(int(stream)).open = False
        return (Status.cudaSuccess,)

    def cudaMalloc(self, size: int) -> tuple[Status, int | None]:
        return self._allocate(size, pinned=False)

    def cudaMallocHost(self, size: int) -> tuple[Status, int | None]:
        return self._allocate(size, pinned=True)

    def cudaFree(self, address: int) -> tuple[Status]:
        return self._free(address, pinned=False)

    def cudaFreeHost(self, address: int) -> tuple[Status]:
        return self._free(address, pinned=True)

    def cudaMemcpyAsync(self, target: int, source: int, count: int, kind: Copies, stream: FakeStream) -> tuple[Status]:
        if not isinstance(kind, Copies):
            raise MisuseError("the direction of a copy is a cudaMemcpyKind")
        to_device = kind == Copies.cudaMemcpyHostToDevice

        def copy() -> None:
            ctypes.memmove(
                self.at(target, count, pinned=not to_device), self.at(source, count, pinned=to_device), count
            )

        self.stream(int(stream)).work.append(copy)
        return (Status.cudaSuccess,)

    def cudaGetErrorString(self, status: Status) -> tuple[Status, bytes]:
        return Status.cudaSuccess, {2: b"out of memory", 35: b"CUDA driver version is insufficient"}.get(
            int(status), b"invalid argument"
        )

    def _allocate(self, size: int, *, pinned: bool) -> tuple[Status, int | None]:
        if not pinned and self.used_bytes + size > self.gpu.memory_bytes:
            return Status.cudaErrorMemoryAllocation, None
        memory = ctypes.create_string_buffer(b"\xee" * size, size)
        address = ctypes.addressof(memory)
        self.allocations[address] = _Allocation(memory, pinned, getattr(self._device, "index", 0))
        return Status.cudaSuccess, address

    def _free(self, address: int, *, pinned: bool) -> tuple[Status]:
        if address not in self.allocations or self.allocations[address].pinned != pinned:
            raise MisuseError(f"{address:#x} is freed, but is no such memory")
        del self.allocations[address]
        return (Status.cudaSuccess,)
