"""An embedding model with fixed weights: the colours of nine parts of a picture, less grey. Real ONNX, no training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.model_card import InputCard, ModelCard

SIDE_PX, PARTS = 48, 3
DIMENSIONS = 3 * PARTS**2


def tiny_embedder(path: Path, *, grey: float = 0.45, card: bool = True) -> Path:
    """Write the network: (N, 3, 48, 48) -> (N, 27)."""
    cell_px = SIDE_PX // PARTS
    nodes = [
        helper.make_node("AveragePool", ["image"], ["parts"], kernel_shape=[cell_px] * 2, strides=[cell_px] * 2),
        helper.make_node("Flatten", ["parts"], ["flat"]),
        helper.make_node("Sub", ["flat", "grey"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours of parts",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])],
        [numpy_helper.from_array(np.array(grey, np.float32), "grey")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if card:
        contract = ModelCard(
            task="embed",
            head="embed",
            names=("object",),
            input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX, resize="stretch", dynamic_batch=True),
        )
        helper.set_model_props(model, contract.to_metadata())
    onnx.save(model, path)
    return path
