"""A network that drives without looking: a real ONNX file that gives the same steering and speed for every picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.model_card import InputCard, ModelCard, NumberCard

SIDE_PX = 32


def constant_driver(path: Path, *, steering: float, speed: float) -> Path:
    """Write a network whose two numbers are always these, whatever it sees."""
    nodes, stored, outputs = [], [], []
    for name, value in (("steering", steering), ("speed", speed)):
        nodes += [
            helper.make_node("ReduceMean", ["images", "axes"], [f"{name}_mean"], keepdims=0),
            helper.make_node("Reshape", [f"{name}_mean", "column"], [f"{name}_column"]),
            helper.make_node("Mul", [f"{name}_column", "zero"], [f"{name}_nothing"]),
            helper.make_node("Add", [f"{name}_nothing", f"{name}_value"], [name]),
        ]
        stored.append(numpy_helper.from_array(np.float32([value]), f"{name}_value"))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]))
    stored += [
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
    ]
    card = ModelCard(
        task="classify",
        head="several",
        names=("picture",),
        numbers=tuple(NumberCard(name=name) for name in ("steering", "speed")),
        input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX, resize="stretch", dynamic_batch=True),
    )
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE_PX, SIDE_PX])
    graph = helper.make_graph(nodes, "constant", [images], outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path
