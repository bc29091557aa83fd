"""Writes ONNX nodes by hand: for what is put around a network that is finished, whatever it was made from."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike

INT = onnx.TensorProto.INT64
FLOAT = onnx.TensorProto.FLOAT


class NodeWriter:
    """Collects nodes and constants; every method takes names of tensors, and returns the name of one.

    Args:
        prefix: what all names begin with, so that they differ from those of the network.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.nodes: list[Any] = []
        """The ``NodeProto`` objects, in an order in which they can be executed."""
        self.initializers: list[Any] = []
        """The ``TensorProto`` objects of the constants."""
        self._constants: dict[tuple[bytes, str, tuple[int, ...]], str] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator with one output."""
        return self.split(kind, *inputs, outputs=1, **attributes)[0]

    def split(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add an operator with several outputs."""
        name = f"{self._prefix}{kind.lower()}_{len(self.nodes)}"
        made = [name] if outputs == 1 else [f"{name}_{at}" for at in range(outputs)]
        self.nodes.append(onnx.helper.make_node(kind, list(inputs), made, name=name, **attributes))
        return made

    def constant(self, values: ArrayLike, dtype: DTypeLike = np.int64) -> str:
        """Add a constant; the same values are stored once."""
        array = np.asarray(values, dtype)
        key = (array.tobytes(), array.dtype.name, array.shape)
        if key not in self._constants:
            name = self._constants[key] = f"{self._prefix}constant_{len(self._constants)}"
            self.initializers.append(onnx.numpy_helper.from_array(array, name))
        return self._constants[key]

    def number(self, value: float) -> str:
        """Add a float32 constant without axes."""
        return self.constant(value, np.float32)

    def cast(self, tensor: str, to: int) -> str:
        """Convert the elements."""
        return self.op("Cast", tensor, to=to)

    def shaped(self, tensor: str, *shape: int) -> str:
        """Give another shape; an axis of 0 is taken over, one of -1 takes what is left."""
        return self.op("Reshape", tensor, self.constant(shape))

    def within(self, tensor: str, low: str, high: str) -> str:
        """Limit integers to ``low`` up to ``high``."""
        return self.op("Min", self.op("Max", tensor, low), high)
