"""A classifier that tells red, green and blue pictures apart: a real ONNX file without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.model_card import InputCard, ModelCard

SIDE_PX = 32
NAMES = ("red", "green", "blue")


def tiny_classifier(path: Path, *, head: str = "classify_logits", dynamic: bool = True) -> Path:
    """Write the network: (N, 3, 32, 32) -> (N, 3), ten times the mean of each colour."""
    gain = numpy_helper.from_array(np.array(10, np.float32), "gain")
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Mul", ["flat", "gain"], ["output0"]),
    ]
    batch: Any = "batch" if dynamic else 1
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, 3])],
        [gain],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    card = ModelCard(
        task="embed" if head == "embed" else "classify",
        head=head,
        names=NAMES,
        input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX, resize="stretch", dynamic_batch=dynamic),
    )
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path
