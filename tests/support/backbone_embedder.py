"""A real embedding model out of a real detector: YOLOX-nano's backbone (Apache-2.0), its last feature maps averaged."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from streamvision.inference.model_card import InputCard, ModelCard

SIDE_PX = 416
MAP, CHANNELS = "input.307", 512
"""Where the backbone of YOLOX-nano ends: the maps that its pyramid pooling joins."""


def backbone_embedder(detector: Path, path: Path) -> Path:
    """Write the network: (1, 3, 416, 416) -> (1, 512)."""
    whole = onnx.load(detector)
    part = onnx.utils.Extractor(whole).extract_model([whole.graph.input[0].name], [MAP])
    part.graph.node.append(helper.make_node("GlobalAveragePool", [MAP], ["mean"]))
    part.graph.node.append(helper.make_node("Flatten", ["mean"], ["embedding"]))
    del part.graph.output[:]
    part.graph.output.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, CHANNELS]))
    card = ModelCard(
        task="embed",
        head="embed",
        names=("object",),
        licence="Apache-2.0",
        input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX, resize="stretch", color="bgr", scale=1),
    )
    helper.set_model_props(part, card.to_metadata())
    onnx.save(part, path)
    return path
