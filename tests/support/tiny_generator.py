"""A generator that shows its latent vector: the first three numbers are the colour of every pixel. No training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.generator_card import GENERATOR_KEY, GeneratorCard

LATENTS, SIDE_PX = 3, 8


def tiny_generator(path: Path, *, card: str | None = "", side_px: int = SIDE_PX) -> Path:
    """Write the network: sigmoid of the latent vector, on squares; ``card`` other than "" is written as it is."""
    shape = numpy_helper.from_array(np.array([1, 1, side_px, side_px], np.int64), "repeats")
    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "axes")
    nodes = [
        helper.make_node("Sigmoid", ["latents"], ["colours"]),
        helper.make_node("Unsqueeze", ["colours", "axes"], ["cells"]),
        helper.make_node("Tile", ["cells", "repeats"], ["pictures"]),
    ]
    batch: Any = "batch"
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("latents", TensorProto.FLOAT, [batch, LATENTS])],
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, [batch, 3, side_px, side_px])],
        [shape, axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    own = GeneratorCard(latents=LATENTS, width_px=SIDE_PX, height_px=SIDE_PX).to_metadata()
    if card is not None:
        helper.set_model_props(model, {GENERATOR_KEY: card} if card else own)
    onnx.save(model, path)
    return path
