"""One call at a time of a TensorRT engine: an execution context with a stream and memory of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.backends.cuda_memory import CudaDevice, PinnedBuffer
from streamvision.inference.backends.tensorrt_api import CudaEngine
from streamvision.inference.backends.tensorrt_log import ErrorLog


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


class Lane:
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
