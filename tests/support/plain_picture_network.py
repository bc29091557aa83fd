"""A network that gives back the picture that it is given, as an ONNX file with its card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def network(path: Path, *, blur: bool = False, scale: int = 1, own_size: bool = True, side_px: int = 32) -> Path:
    """An ONNX network that gives back what it is given, blurred or with each pixel repeated; of free size or not."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    from streamvision.inference.model_card import InputCard, ModelCard

    kernel = np.ones((3, 1, 3, 3), np.float32) / 9
    steps = np.array([1, 1, scale, scale], np.float32)
    nodes = [
        helper.make_node("Conv", ["pictures", "kernel"], ["seen"], group=3, pads=[1, 1, 1, 1])
        if blur
        else helper.make_node("Identity", ["pictures"], ["seen"]),
        helper.make_node("Resize", ["seen", "", "scales"], ["picture"], mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric"),
    ]  # fmt: skip
    sides = ("h", "w") if own_size else (side_px, side_px)
    made = ("a", "b") if own_size else (scale * side_px, scale * side_px)
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, (1, 3, *sides))],
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, (1, 3, *made))],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(steps, "scales")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    size = InputCard(width_px=side_px, height_px=side_px, dynamic_size=own_size, own_size=own_size, stride_px=1)
    card = ModelCard(task="image", head="image", names=("image",), input=size)
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path
