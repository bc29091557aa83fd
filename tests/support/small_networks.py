"""Real ONNX files of a few nodes: what they say does not matter, but that they run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from support.model_cards import make_card

SIDE_PX = 64
_NUMBERS = (4.2, 1.8, 1.5, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -3.0)


def copying_network(path: Path) -> Path:
    """Write a network of task ``image`` whose pictures are those that came in."""
    return _write(path, "image", [helper.make_node("Identity", ["images"], ["out"])], (3, SIDE_PX, SIDE_PX), [])


def one_cuboid(path: Path) -> Path:
    """Write a network of task ``cuboid`` that finds the same car ahead in every crop."""
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["means"]),
        helper.make_node("MatMul", ["means", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "numbers"], ["out"]),
    ]
    stored = [
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.zeros((1, len(_NUMBERS)), np.float32), "nothing"),
        numpy_helper.from_array(np.float32([_NUMBERS]), "numbers"),
    ]
    return _write(path, "cuboid", nodes, (len(_NUMBERS),), stored)


def _write(
    path: Path, head: str, nodes: list[onnx.NodeProto], shape: tuple[int, ...], stored: list[onnx.TensorProto]
) -> Path:
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE_PX, SIDE_PX])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", *shape])
    graph = helper.make_graph(nodes, head, [images], [out], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, make_card(head, classes=1, dynamic_batch=True).to_metadata())
    onnx.save(model, path)
    return path
