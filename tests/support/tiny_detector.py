"""A detector of three strides in YOLOv8's layout with fixed random weights: real enough to find things, and quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.model_card import ModelCard
from support.model_cards import make_card

SIDE_PX = 64
CHANNELS = 16


def tiny_card(*, dynamic: bool) -> ModelCard:
    return make_card("yolo_v8", classes=3, width_px=SIDE_PX, height_px=SIDE_PX, dynamic_batch=dynamic)


def tiny_detector(path: Path, *, dynamic: bool = True, seed: int = 0, opset: int = 18, card: bool = True) -> Path:
    """Write the network: (N, 3, 64, 64) -> (N, 7, 84), boxes in pixels and three classes."""
    random = np.random.default_rng(seed)
    nodes: list[Any] = []
    stored: list[Any] = []

    def constant(name: str, values: Any) -> str:
        stored.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def conv(name: str, source: str, channels: tuple[int, int], side: int, stride: int) -> str:
        weights = random.normal(0, 1.4 / np.sqrt(channels[0] * side**2), (channels[1], channels[0], side, side))
        bias = random.normal(0, 0.3, channels[1])
        inputs = [
            source,
            constant(f"{name}.w", weights.astype(np.float32)),
            constant(f"{name}.b", bias.astype(np.float32)),
        ]
        nodes.append(helper.make_node("Conv", inputs, [name], name, strides=[stride] * 2, pads=[side // 2] * 4))
        return name

    def layer(name: str, source: str, channels: int) -> str:
        out = conv(name, source, (channels, CHANNELS), 3, 2)
        nodes.append(helper.make_node("Sigmoid", [out], [f"{name}.s"], f"{name}.s"))
        nodes.append(helper.make_node("Mul", [out, f"{name}.s"], [f"{name}.a"], f"{name}.a"))
        return f"{name}.a"

    flat = constant("flat", np.array([0, 7, -1], np.int64))
    at, found = layer("one", "images", 3), []
    for name in ("two", "three", "four", "five"):
        at = layer(name, at, CHANNELS)
        if name != "two":
            out = conv(f"{name}.head", at, (CHANNELS, 7), 1, 1)
            nodes.append(helper.make_node("Reshape", [out, flat], [f"{out}.flat"], f"{out}.flat"))
            found.append(f"{out}.flat")
    nodes.append(helper.make_node("Concat", found, ["raw"], "concat", axis=2))
    nodes.append(helper.make_node("Sigmoid", ["raw"], ["shares"], "shares"))
    unit = constant("unit", np.array([SIDE_PX] * 4 + [1] * 3, np.float32)[:, None])
    nodes.append(helper.make_node("Mul", ["shares", unit], ["output0"], "pixels"))
    batch: Any = "batch" if dynamic else 1
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, 7, 84])],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    if card:
        helper.set_model_props(model, tiny_card(dynamic=dynamic).to_metadata())
    onnx.save(model, path)
    return path


def tiny_pictures(count: int, *, seed: int = 1) -> np.ndarray:
    """Return (count, 3, 64, 64) float32 smooth random pictures, 0..1."""
    random = np.random.default_rng(seed)
    coarse = random.random((count, 3, 8, 8), np.float32)
    return np.ascontiguousarray(coarse.repeat(8, axis=2).repeat(8, axis=3))
