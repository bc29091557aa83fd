"""A network that says the same sentence of every picture: a real ONNX file with the outputs of captioners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.sentence_words import SPECIAL

SIDE_PX = 32


def constant_captioner(path: Path, words: Sequence[str]) -> Path:
    """Write a network whose words are always these, each with a probability of 0.9."""
    names = (*SPECIAL, *dict.fromkeys(words))
    tokens = [*(names.index(word) for word in words), 0]
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["means"]),
        helper.make_node("Mul", ["means", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "words"], ["tokens"]),
        helper.make_node("Add", ["nothing", "sure"], ["probabilities"]),
    ]
    stored = [
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
        numpy_helper.from_array(np.float32([tokens]), "words"),
        numpy_helper.from_array(np.full((1, len(tokens)), 0.9, np.float32), "sure"),
    ]
    card = ModelCard(
        task="caption",
        head="sentence",
        names=names,
        input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX, resize="stretch", dynamic_batch=True),
    )
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE_PX, SIDE_PX])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", len(tokens)])
        for name in ("tokens", "probabilities")
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "constant", [images], outputs, stored),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path
