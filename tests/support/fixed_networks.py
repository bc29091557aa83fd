"""Networks with fixed weights whose answers can be told beforehand from the pixels: real ONNX files, no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard

SIDE_PX, CELL_PX = 64, 8
CELLS = SIDE_PX // CELL_PX


def bright_cell_detector(path: Path, *, pose: bool = False) -> Path:
    """Write a detector in YOLOv8's layout that finds each bright cell of a grid of 8x8: the cell is the box.

    With ``pose`` each has two keypoints: the cell's middle, and its right upper corner.
    """
    row, column = np.divmod(np.arange(CELLS**2), CELLS)
    x, y, size = (column + 0.5) * CELL_PX, (row + 0.5) * CELL_PX, np.full(CELLS**2, CELL_PX)
    fixed = np.stack([x, y, size, size]).astype(np.float32)[None]
    points = np.stack([x, y, size * 0 + 1, x + CELL_PX / 2, y - CELL_PX / 2, size * 0 + 1]).astype(np.float32)[None]
    nodes = [
        helper.make_node("AveragePool", ["images"], ["cells"], kernel_shape=[CELL_PX] * 2, strides=[CELL_PX] * 2),
        helper.make_node("ReduceMean", ["cells", "channel"], ["grey"], keepdims=1),
        helper.make_node("Reshape", ["grey", "row"], ["score"]),
        helper.make_node("Mul", ["score", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "boxes"], ["box"]),
        helper.make_node("Add", ["nothing", "points"], ["point"]),
        helper.make_node("Concat", ["box", "score", *["point"] * pose], ["output0"], axis=1),
    ]
    stored = {
        "channel": np.array([1], np.int64),
        "row": np.array([0, 1, -1], np.int64),
        "zero": np.zeros(1, np.float32),
        "boxes": fixed,
        "points": points,
    }
    card = ModelCard(
        task="pose" if pose else "detect",
        head="yolo_pose" if pose else "yolo_v8",
        names=("plate",),
        input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX, resize="stretch", dynamic_batch=True),
        keypoints=KeypointCard(names=("middle", "corner"), skeleton=((0, 1),)) if pose else None,
    )
    return _write(path, card, nodes, stored, output=[4 + 1 + 6 * pose, CELLS**2])


def brightness_depth(path: Path) -> Path:
    """Write a network for distances: the mean of the channels, 0..1, at half the input's resolution."""
    nodes = [
        helper.make_node("AveragePool", ["images"], ["half"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("ReduceMean", ["half", "channel"], ["output0"], keepdims=1),
    ]
    card = ModelCard(
        task="depth",
        head="depth",
        names=("distance",),
        input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX, resize="stretch", dynamic_batch=True),
    )
    return _write(path, card, nodes, {"channel": np.array([1], np.int64)}, output=[1, SIDE_PX // 2, SIDE_PX // 2])


def _write(path: Path, card: ModelCard, nodes: list[Any], stored: dict[str, Any], *, output: list[int]) -> Path:
    graph = helper.make_graph(
        nodes,
        "fixed",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", *output])],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path
