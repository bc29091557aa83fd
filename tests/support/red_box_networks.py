"""Networks that find the one red box on a picture, in the layouts in which other projects export theirs.

The box is computed from the pixels by real operators, so a network finds it only where it is fed as it wants to be, and
it is reported in whatever form the layout has. The picture (:func:`red_box_picture`) shows class 2 at :data:`BOX`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamvision.core.picture import BgrPicture

BOX = (40, 48, 88, 120)
SCORE = 0.9
CLASS_ID = 2
SIDE_PX = 160
CELLS_OF_SIDE = sum((SIDE_PX // stride) ** 2 for stride in (8, 16, 32))
"""Grid cells of an input of that side."""

_TYPES = {
    "float32": TensorProto.FLOAT,
    "uint8": TensorProto.UINT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
}


def red_box_picture() -> BgrPicture:
    picture = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
    left, top, right, bottom = BOX
    picture[top:bottom, left:right] = (0, 0, 255)
    return BgrPicture(picture)


class RedBox:
    """A graph under construction: its tensors ``x1``, ``y1``, ``x2``, ``y2`` in pixels and ``found``, each (1, 1).

    Args:
        red: the values of a red pixel as the network is fed it, in the order of its channels.
        tolerance: how far each value may be off.
        side_px: side of the square input.
        layout: order of the input's axes.
        dtype: type of its elements.
        name: name of the input.
    """

    def __init__(
        self,
        red: Sequence[float] = (1, 0, 0),
        *,
        tolerance: float = 0.3,
        side_px: int = SIDE_PX,
        layout: str = "nchw",
        dtype: str = "float32",
        name: str = "images",
        batched: bool = True,
        free_axes: Sequence[str] = (),
    ) -> None:
        self.nodes: list[Any] = []
        self.stored: list[Any] = []
        self.side_px = side_px
        channels = len(red)
        shape: list[Any] = [channels, side_px, side_px] if layout == "nchw" else [side_px, side_px, channels]
        given = list(free_axes) or [1] * batched + shape
        self.inputs = [helper.make_tensor_value_info(name, _TYPES[dtype], given)]
        pixels = name
        if dtype == "uint8":
            pixels = self.node("Cast", pixels, to=TensorProto.FLOAT)
        if not batched:
            pixels = self.node("Unsqueeze", pixels, self.const([0], np.int64))
        if layout == "nhwc":
            pixels = self.node("Transpose", pixels, perm=[0, 3, 1, 2])
        wanted = self.const(np.array(red, np.float32).reshape(1, channels, 1, 1))
        off = self.node("ReduceMax", self.node("Abs", self.node("Sub", pixels, wanted)), axes=[1], keepdims=0)
        seen = self.node("Cast", self.node("Less", off, self.const(np.float32(tolerance))), to=TensorProto.FLOAT)
        columns, rows = (self.node("ReduceMax", seen, axes=[axis], keepdims=0) for axis in (1, 2))
        self.found = self.node("ReduceMax", columns, axes=[1], keepdims=1)
        self.x1, self.x2 = self._ends(columns)
        self.y1, self.y2 = self._ends(rows)

    def _ends(self, seen: str) -> tuple[str, str]:
        steps = np.arange(1, self.side_px + 1, dtype=np.float32)[None]
        last = self.node("ReduceMax", self.node("Mul", seen, self.const(steps)), axes=[1], keepdims=1)
        back = self.node("ReduceMax", self.node("Mul", seen, self.const(steps[:, ::-1])), axes=[1], keepdims=1)
        return self.node("Sub", self.const(np.float32(self.side_px)), back), last

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def times(self, tensor: str, factor: Any) -> str:
        return self.node("Mul", tensor, self.const(factor))

    def corners(self, *, unit: float = 1.0) -> list[str]:
        return [self.times(one, unit) for one in (self.x1, self.y1, self.x2, self.y2)]

    def centre(self, *, unit: float = 1.0) -> list[str]:
        x1, y1, x2, y2 = self.corners(unit=unit)
        middle = [self.times(self.node("Add", *pair), 0.5) for pair in ((x1, x2), (y1, y2))]
        return [*middle, self.node("Sub", x2, x1), self.node("Sub", y2, y1)]

    def score(self, value: float = SCORE) -> str:
        return self.times(self.found, value)

    def class_scores(self, classes: int, value: float = SCORE) -> str:
        row = np.zeros((1, classes), np.float32)
        row[0, CLASS_ID] = value
        return self.times(self.found, row)

    def row_of(self, rows: int, *columns: str, at: int = 0, fill: Sequence[float] | None = None) -> str:
        """Return (1, rows, columns) with the found object in one row and ``fill``, or zeros, in the others."""
        found = self.node("Unsqueeze", self.node("Concat", *columns, axis=1), self.const([1], np.int64))
        width = len(fill) if fill is not None else 1
        other = np.zeros((1, 1, width), np.float32) if fill is None else np.array(fill, np.float32)[None, None]
        shape = self.node("Shape", found)
        last = self.node("Slice", shape, *(self.const([k], np.int64) for k in (2, 3)))
        parts = []
        for count in (at, rows - at - 1):
            size = self.node("Concat", self.const([1, count], np.int64), last, axis=0)
            parts.append(self.node("Expand", self.const(other), size))
        return self.node("Concat", parts[0], found, parts[1], axis=1)

    def save(
        self,
        path: Path,
        outputs: Mapping[str, tuple[str, Sequence[Any], str]],
        *,
        companions: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Path:
        """Write the model; ``outputs`` are by name the tensor, its shape and its type."""
        for name, (tensor, _, dtype) in outputs.items():
            self.nodes.append(helper.make_node("Cast", [tensor], [name], to=_TYPES[dtype]))
        infos = [helper.make_tensor_value_info(n, _TYPES[t], list(s)) for n, (_, s, t) in outputs.items()]
        beside = [
            helper.make_tensor_value_info(name, _TYPES[dtype], [1, 2]) for name, dtype in (companions or {}).items()
        ]
        graph = helper.make_graph(self.nodes, "red box", [*self.inputs, *beside], infos, self.stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        helper.set_model_props(model, dict(metadata or {}))
        onnx.save(model, path)
        return path
