"""ONNX files that answer what they are told, so that what is measured on them is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.model_card import ModelCard

OPSET = 17


def answering_network(path: Path, card: ModelCard, outputs: Mapping[str, NDArray[np.float32]]) -> Path:
    """Write a network that always gives these outputs, whatever it sees."""
    constants = [numpy_helper.from_array(value.astype(np.float32), f"{name}_value") for name, value in outputs.items()]
    nodes = [helper.make_node("Identity", [f"{name}_value"], [name]) for name in outputs]
    shapes = {name: list(value.shape) for name, value in outputs.items()}
    return _write(path, card, nodes, constants, shapes)


def colour_network(path: Path, card: ModelCard, colours: Sequence[tuple[int, int, int]]) -> Path:
    """Write a network whose logit for each class is greatest where the pixel is nearest to its colour, RGB."""
    wanted = np.array(colours, np.float32) / 255
    weights = numpy_helper.from_array(2 * wanted.reshape(len(colours), 3, 1, 1), "weights")
    biases = numpy_helper.from_array(-(wanted**2).sum(axis=1), "biases")
    node = helper.make_node("Conv", ["picture", "weights", "biases"], ["logits"])
    shape = [1, len(colours), card.input.height_px, card.input.width_px]
    return _write(path, card, [node], [weights, biases], {"logits": shape})


def _write(path: Path, card: ModelCard, nodes: list, constants: list, shapes: Mapping[str, list[int]]) -> Path:
    size = [1, 3, card.input.height_px, card.input.width_px]
    graph = helper.make_graph(
        nodes,
        "answering",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, str(path))
    return path
