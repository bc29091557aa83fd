"""Networks that always answer the same, one for each task beyond boxes, so that decoders can be tried on all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard, Task
from support.constant_network import NAMES, ConstantNetwork

POINTS = KeypointCard(names=("head", "left", "right", 'the "$last"'), skeleton=((0, 1), (0, 2), (1, 3)))
_TASKS: dict[str, Task] = {"seg": "segment", "pose": "pose", "obb": "obb"}


def constant_task(head: str, /, *, values: int = 3, channels: int | None = None, **input_card: Any) -> Any:
    """Return a network of this head, and its card, whose answers overlap, touch the edges and lie around thresholds.

    Args:
        head: which head reads it.
        values: of each keypoint.
        channels: of a map of classes; by default one for each name; 0 for class numbers.
        input_card: how it is fed.
    """
    random = np.random.default_rng(len(head))
    given = InputCard(**{"width_px": 192, "height_px": 128} | input_card)
    if head.startswith("classify"):
        card = ModelCard(task="classify", head=head, names=NAMES, input=given)
        logits = random.normal(0, 2, (1, len(NAMES)))
        answer = logits if head == "classify_logits" else np.exp(logits) / np.exp(logits).sum()
        return ConstantNetwork(card, {"out": answer.astype(np.float32)}), card
    if head == "semantic":
        return _semantic(random, given, len(NAMES) if channels is None else channels)
    task = _TASKS[head.split("_")[1]]
    selected = head.endswith("end2end")
    keypoints = POINTS if task == "pose" else None
    card = ModelCard(task=task, head=head, names=NAMES, input=given, nms_inside=selected, keypoints=keypoints)
    cells = sum((given.width_px // side) * (given.height_px // side) for side in (8, 16, 32))
    count = 30 if selected else cells
    px = np.array([given.width_px, given.height_px])
    center = random.uniform(0.1, 0.9, (count, 2)) * px
    size = random.uniform(0.1, 0.5, (count, 2)) * px
    scores = random.beta(1, 6, (count, len(NAMES)))
    if task == "segment":
        more = random.normal(0, 1, (count, 32))
        scores *= 0.6  # so that fewer are left: each has thousands of pixels
    elif task == "pose":
        points = center[:, None] + random.uniform(-0.6, 0.6, (count, len(POINTS.names), 2)) * size[:, None]
        more = np.concatenate([points, random.uniform(0, 1, (*points.shape[:2], values - 2))], axis=2).reshape(
            count, -1
        )
    else:
        more = random.uniform(-np.pi / 4, 3 * np.pi / 4, (count, 1))
    if selected:
        boxes = [center, size] if task == "obb" else [center - size / 2, center + size / 2]
        best = [scores.max(axis=1)[:, None], scores.argmax(axis=1)[:, None]]
        rows = np.concatenate([*boxes, *best, more], axis=1)[None]
    else:
        rows = np.concatenate([center, size, scores, more], axis=1).T[None]
    outputs = {"out": np.ascontiguousarray(rows, np.float32)}
    if task == "segment":
        maps = _smooth(random, 32, given.height_px // 4, given.width_px // 4)
        # The other order is that of TensorFlow's converters.
        outputs["maps"] = np.ascontiguousarray((maps.transpose(1, 2, 0) if given.layout == "nhwc" else maps)[None])
    return ConstantNetwork(card, outputs), card


def _semantic(random: np.random.Generator, given: InputCard, channels: int) -> Any:
    names = NAMES[:2] if channels == 1 else NAMES
    card = ModelCard(task="semantic", head="semantic", names=names, input=given)
    logits = _smooth(random, max(channels, len(names)), given.height_px // 8, given.width_px // 8)
    if channels == 0:
        return ConstantNetwork(card, {"out": logits.argmax(axis=0)[None].astype(np.int32)}), card  # type: ignore[dict-item]
    logits = logits[:channels]
    last = given.layout == "nhwc"
    return ConstantNetwork(
        card, {"out": np.ascontiguousarray((logits.transpose(1, 2, 0) if last else logits)[None])}
    ), card


def _smooth(random: np.random.Generator, count: int, rows: int, columns: int) -> NDArray[np.float32]:
    """Return (count, rows, columns) hills and valleys of several cells."""
    coarse = random.normal(0, 1, (count, 5, 7)).astype(np.float32)
    return np.stack([cv2.resize(one, (columns, rows), interpolation=cv2.INTER_CUBIC) for one in coarse])


def write_constant(path: Path, network: ConstantNetwork, card: ModelCard) -> Path:
    """Write the network as an ONNX file."""
    shape = [1, 3, card.input.height_px, card.input.width_px]
    nodes, stored = [helper.make_node("ReduceSum", ["images", "axes"], ["sum"], keepdims=0)], []
    stored.append(numpy_helper.from_array(np.arange(4), "axes"))
    outputs = []
    answers = network.run(np.zeros(network.input.shape, network.input.dtype))
    for spec, answer in zip(network.outputs, answers, strict=True):
        element = helper.np_dtype_to_tensor_dtype(answer.dtype)
        stored += [
            numpy_helper.from_array(answer, f"{spec.name}_fixed"),
            numpy_helper.from_array(answer.flat[:1] * 0, f"{spec.name}_zero"),
        ]
        nodes += [
            helper.make_node("Cast", ["sum"], [f"{spec.name}_sum"], to=element),
            helper.make_node("Mul", [f"{spec.name}_sum", f"{spec.name}_zero"], [f"{spec.name}_nothing"]),
            helper.make_node("Add", [f"{spec.name}_fixed", f"{spec.name}_nothing"], [spec.name]),
        ]
        outputs.append(helper.make_tensor_value_info(spec.name, element, answer.shape))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "constant", [images], outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path
