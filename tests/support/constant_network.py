"""A network that always answers the same, in any layout of outputs, so that decoders can be tried on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.tensors import TensorSpec

NAMES = ("red", 'the "quoted" $one', "grün", "blue")
"""Class names with what strings in source code stumble over."""


class ConstantNetwork:
    """A backend for inputs of one size that returns the given outputs, by name."""

    name, device, precision, requests = "constant", "cpu", "fp32", 1

    def __init__(self, card: ModelCard, outputs: Mapping[str, NDArray[np.float32]]) -> None:
        given = card.input
        planes = (3, given.height_px, given.width_px)
        shape = (1, *planes) if given.layout == "nchw" else (1, *planes[1:], 3)
        self.input = TensorSpec("picture", shape, given.dtype)
        self.outputs = tuple(TensorSpec(name, value.shape, str(value.dtype)) for name, value in outputs.items())
        self.metadata: Mapping[str, str] = {}
        self._answer = list(outputs.values())

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        assert tensor.shape == self.input.shape and str(tensor.dtype) == self.input.dtype
        return [output.copy() for output in self._answer]

    def close(self) -> None:
        pass


def constant_network(head: str, /, **input_card: Any) -> tuple[ConstantNetwork, ModelCard]:
    """Return a network of this head that finds overlapping objects of all classes, many around the threshold."""
    random = np.random.default_rng(len(head))
    given = InputCard(**{"width_px": 192, "height_px": 128} | input_card)
    selected = head in ("yolo_end2end", "tflite_detection", "vision_objects")
    unit = "normalized" if head in ("tflite_detection", "vision_objects") else "px"
    card = ModelCard(head=head, names=NAMES, input=given, box_unit=unit, nms_inside=selected)
    cells = sum((given.width_px // side) * (given.height_px // side) for side in (8, 16, 32))
    count = {"yolo_v5": 3 * cells, "yolo_end2end": 100, "tflite_detection": 50, "vision_objects": 20}.get(head, cells)
    center = random.uniform(0.1, 0.9, (count, 2))
    size = random.uniform(0.1, 0.5, (count, 2))
    scores = random.beta(1, 6, (count, len(NAMES)))
    class_id, best = scores.argmax(axis=1), scores.max(axis=1)
    corners = np.concatenate([center - size / 2, center + size / 2], axis=1)
    px = np.array([given.width_px, given.height_px] * 2)
    if head == "yolo_end2end":
        outputs = {"out": np.concatenate([corners * px, best[:, None], class_id[:, None]], axis=1)[None]}
    elif head == "tflite_detection":
        outputs = {
            "location": corners[None][..., [1, 0, 3, 2]],
            "category": class_id[None],
            "score": best[None],
            "number": np.array([count - 5]),
        }
    elif head == "vision_objects":
        outputs = {"confidence": scores, "coordinates": np.concatenate([center, size], axis=1)}
    elif head == "yolo_v5":
        objectness = random.uniform(0.3, 1, (count, 1))
        outputs = {"out": np.concatenate([center * px[:2], size * px[:2], objectness, scores], axis=1)[None]}
    else:
        outputs = {"out": np.concatenate([center * px[:2], size * px[:2], scores], axis=1).T[None]}
    floats = {name: np.ascontiguousarray(value, np.float32) for name, value in outputs.items()}
    return ConstantNetwork(card, floats), card
