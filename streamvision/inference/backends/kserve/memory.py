"""Memory that this process and a server on the same machine share, so that no tensor goes through a socket."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.inference.backends.kserve.transport import MAX_ANSWER_BYTES, Part, Sent, Transport, Wanted
from streamvision.inference.tensors import TensorSpec

_ALIGNMENT_BYTES = 64
UNREGISTER_TIMEOUT_S = 1.0
"""Longest wait for a server that is told to forget a region; one that has begun anew knows none."""


class Region:
    """Memory that a server has been told of; whatever becomes of this process, the system takes it back.

    Args:
        transport: tells the server.
        size: how much, in bytes.
        timeout_s: longest time for that.

    Raises:
        ModelError: when the server does not take it.
        OSError: when the system has no such memory left.
    """

    def __init__(self, transport: Transport, size: int, *, timeout_s: float) -> None:
        self._transport = transport
        self._memory = SharedMemory(create=True, size=size)
        self.name = f"streamvision-{os.getpid()}-{secrets.token_hex(6)}"
        self.size = size
        try:
            transport.register(self.name, f"/{self._memory.name.lstrip('/')}", size, timeout_s)
        except BaseException:
            self._release()
            raise

    def write(self, part: Part, tensor: NDArray[Any]) -> None:
        """Copy a tensor to its place."""
        np.copyto(self._view(part, tensor.shape, tensor.dtype), tensor)

    def read(self, part: Part, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return a copy of a tensor at its place."""
        copied: NDArray[Any] = self._view(part, shape, dtype).copy()
        return copied

    def close(self, *, timeout_s: float) -> None:
        """Give it back, and let the server forget it where there is time to ask for that."""
        if timeout_s > 0:
            with suppress(ModelError):
                self._transport.unregister(self.name, min(timeout_s, UNREGISTER_TIMEOUT_S))
        self._release()

    def _view(self, part: Part, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        view: NDArray[Any] = np.ndarray(shape, dtype, buffer=self._memory.buf, offset=part.offset)
        return view

    def _release(self) -> None:
        with suppress(FileNotFoundError):
            self._memory.unlink()
        with suppress(BufferError):
            self._memory.close()


class SharedTensors:
    """The tensors of one call in shared memory; one thread at a time uses them.

    Outputs whose size depends on what is found come with the answer, as they do without shared memory; so do all where
    the server says that they are larger than any answer may be.

    Args:
        transport: tells the server.
        outputs: what the model gives.
        batched: whether the first axis of each is that of the pictures.
    """

    def __init__(self, transport: Transport, outputs: Sequence[TensorSpec], *, batched: bool) -> None:
        self._transport = transport
        self._batched = batched
        self._outputs = outputs
        self._region: Region | None = None

    def place(
        self, picture: str, feeds: dict[str, NDArray[Any]], *, timeout_s: float
    ) -> tuple[list[Sent], list[Wanted]]:
        """Put the picture input into shared memory and say where the outputs are to be written.

        Args:
            picture: name of the picture input.
            feeds: all inputs by name.
            timeout_s: longest time for telling the server of more memory.

        Raises:
            ModelError: when the server does not take the memory.
            OSError: when the system has none left.
        """
        tensor = feeds[picture]
        batch = len(tensor)
        outputs = [self._size(spec, batch) for spec in self._outputs]
        if sum(size or 0 for size in outputs) > MAX_ANSWER_BYTES:
            outputs = [None] * len(outputs)
        sizes = [tensor.nbytes, *outputs]
        ends = np.cumsum([-(-(size or 0) // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES for size in sizes]).tolist()
        region = self._large_enough(ends[-1], timeout_s)
        parts = [
            None if size is None else Part(region.name, offset, size)
            for size, offset in zip(sizes, [0, *ends[:-1]], strict=True)
        ]
        first = parts[0]
        assert first is not None
        region.write(first, tensor)
        inputs = [Sent(name, given, first if name == picture else None) for name, given in feeds.items()]
        return inputs, [Wanted(spec.name, part) for spec, part in zip(self._outputs, parts[1:], strict=True)]

    def taken(self, part: Part, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """Return an output that the server wrote.

        Raises:
            ModelError: when it is not as long as its place.
        """
        if self._region is None or prod(shape) * np.dtype(dtype).itemsize != part.size:
            raise ModelError(f"the server wrote an output of {shape} {dtype} in place of {part.size} bytes")
        return self._region.read(part, shape, np.dtype(dtype))

    def close(self, *, timeout_s: float = UNREGISTER_TIMEOUT_S) -> None:
        """Give the memory back; it is taken anew where there is another call.

        Args:
            timeout_s: longest time for telling the server; 0: it is not told.
        """
        region, self._region = self._region, None
        if region is not None:
            region.close(timeout_s=timeout_s)

    def _large_enough(self, size: int, timeout_s: float) -> Region:
        if self._region is None or self._region.size < size:
            self.close(timeout_s=timeout_s)
            self._region = Region(self._transport, size, timeout_s=timeout_s)
        return self._region

    def _size(self, spec: TensorSpec, batch: int) -> int | None:
        """Return how many bytes an output takes; ``None`` where that is not known before."""
        shape = (batch, *spec.shape[1:]) if self._batched and spec.shape else spec.shape
        known = [n for n in shape if n is not None]
        return prod(known) * np.dtype(spec.dtype).itemsize if len(known) == len(shape) else None
