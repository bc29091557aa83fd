"""Whole pictures as a network's input: resizing, colour and normalisation become part of the graph.

A picture then crosses to the device once, as the bytes that the decoder has, and nothing of it is touched on the host.
The nodes are put in front of a finished ONNX file, whatever its precision, and compute in float32; only standard
operators are used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.compose

from exporters.graph.nodes import FLOAT, NodeWriter
from exporters.graph.resizing import RESIZES, Extent, extents, inside, resized, sampling
from exporters.onnx.opset import raised
from streamvision.core.errors import ExportError
from streamvision.inference.model_card import InputCard, ModelCard, PixelFormat
from streamvision.inference.tensors import COMPANIONS, PICTURES, YUV_TO_RGB

NETWORK_INPUT = "picture_network_input"
"""Name of the operator that gives the network's input, and in OpenVINO of the tensor."""
_PREFIX = "picture_"
_NETWORK_PREFIX = "network_"
"""Of names in the network that are the same as some of these."""
_ANSWER_PREFIX = "answer_"
_INPUT_AXES = 4
_LEAST_OPSET = 13
"""From here on Min and Max take integers, and Split its lengths, as they are used here."""
_IR = 8
"""Version of the file format that came with this set's time; older runtimes refuse newer ones."""
_COLOR_BITS = 10
"""Of the factors from YUV to RGB, as OpenCV's ``transform`` has them for bytes."""
_FORMS: dict[PixelFormat, tuple[int, ...]] = {"bgr24": (3,), "yuv420p": (1,)}


def check_picture_input(card: ModelCard, pixel_format: PixelFormat) -> None:
    """Check that whole pictures can be the input of such a network, before it is converted.

    Raises:
        ExportError: when they cannot, saying why.
    """
    given = card.input
    reasons = {
        f"fits pictures by {given.resize!r}, and only {', '.join(RESIZES)} can be put inside": (
            given.resize not in RESIZES
        ),
        f"samples pictures by {given.sampling!r}, and only 'pixel_center' can be put inside": (
            given.sampling != "pixel_center"
        ),
        "is given numbers beside its pictures, and whole pictures have no place for them": bool(given.known),
        "sees brightness alone, and only three colours can be put inside": given.color == "gray",
        "has an input of free size, and only a fixed one can be put behind whole pictures; leave out --dynamic-size": (
            given.dynamic_size
        ),
        f"takes {given.dtype} {given.layout}, and only float32 nchw can be put behind whole pictures": (
            (given.dtype, given.layout) != ("float32", "nchw")
        ),
    }
    for reason, is_so in reasons.items():
        if is_so:
            raise ExportError(f"--pixel-format {pixel_format} is not possible: this network {reason}")


def with_picture_input(model: Any, card: ModelCard, pixel_format: PixelFormat) -> tuple[Any, ModelCard]:
    """Return an ``onnx.ModelProto``, changed in place or another one, whose input is whole pictures, and its card.

    Args:
        model: a network that takes what the card says.
        card: of the network.
        pixel_format: ``bgr24``: one input ``pictures``, (N, H, W, 3) uint8. ``yuv420p``: (N, 3 H / 2, W, 1) uint8, the
            planes of I420 one after another, H and W even; and an input ``yuv_to_rgb``, (N, 12) float32, the rows of
            each picture's affine map, (3, 4), from levels of Y, U and V to levels of R, G and B.

    Raises:
        ExportError: when this is not possible for the network, or its operator set is too old and cannot be raised.
    """
    check_picture_input(card, pixel_format)
    model = apart(raised(model, _LEAST_OPSET, asked=f"--pixel-format {pixel_format}"))
    answer_companions(model, card)
    (picture,) = _own_inputs(model)
    if len(picture.type.tensor_type.shape.dim) != _INPUT_AXES:
        raise ExportError(
            f"--pixel-format {pixel_format} is not possible: this network takes one picture without a batch; export it "
            "again with one"
        )
    front = picture_graph(card, pixel_format, output=picture.name)
    others = [one for one in model.graph.input if one.name != picture.name]
    network_nodes = list(model.graph.node)
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend([*front.node, *network_nodes])
    model.graph.initializer.extend(front.initializer)
    model.graph.input.extend([*front.input, *others])
    # TensorRT takes over here, and wants to know the size of what it is given; nobody finds out by the nodes.
    model.graph.value_info.extend(front.output)
    return model, card.with_input(pixel_format=pixel_format)


def apart(model: Any) -> Any:
    """Return the model, its names others where they would be taken for those of what is put before it."""
    graph = model.graph
    tensors = [*graph.input, *graph.output, *graph.initializer]
    names = {one.name for one in tensors} | {name for node in graph.node for name in (node.name, *node.output)}
    if not any(name in (PICTURES, YUV_TO_RGB) or name.startswith((_PREFIX, _ANSWER_PREFIX)) for name in names):
        return model
    return onnx.compose.add_prefix(model, _NETWORK_PREFIX, rename_functions=False)


def answer_companions(model: Any, card: ModelCard) -> None:
    """Answer within the graph, in place, what a network asks beside its pictures: always its own input's size.

    Outside, the size would be taken for that of the whole pictures.
    """
    asked = [one for one in _own_inputs(model) if _is_companion(one)]
    if not asked:
        return
    write = NodeWriter(_ANSWER_PREFIX)
    (picture,) = (one for one in _own_inputs(model) if one not in asked)
    batch = write.op("Gather", write.op("Shape", picture.name), write.constant([0]))
    for one in asked:
        values = COMPANIONS[one.name.removeprefix(_NETWORK_PREFIX)](card.input.width_px, card.input.height_px)
        dtype = onnx.helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type)
        shape = write.op("Concat", batch, write.constant([len(values)]), axis=0)
        repeated = write.op("Expand", write.constant([values], dtype), shape)
        write.nodes.append(onnx.helper.make_node("Identity", [repeated], [one.name]))
        model.graph.input.remove(one)
    network_nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*write.nodes, *network_nodes])
    model.graph.initializer.extend(write.initializers)


def _own_inputs(model: Any) -> list[Any]:
    """Return the inputs that are given something; old files list their weights among them, too."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in weights]


def _is_companion(value: Any) -> bool:
    return value.name.removeprefix(_NETWORK_PREFIX) in COMPANIONS and len(value.type.tensor_type.shape.dim) == 2


def picture_model(card: ModelCard, pixel_format: PixelFormat) -> Any:
    """Return an ``onnx.ModelProto`` from whole pictures to the network's input, to be put before it elsewhere."""
    graph = picture_graph(card, pixel_format, output=NETWORK_INPUT)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", _LEAST_OPSET)], ir_version=_IR)


def without_network(model: Any) -> Any:
    """Return an ``onnx.ModelProto`` of :func:`with_picture_input`, changed in place, without what lies behind it."""
    graph = model.graph
    kept = [node for node in graph.node if node.name.startswith(_PREFIX)]
    (last,) = (node for node in kept if node.name == NETWORK_INPUT)
    used = {name for node in kept for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:], graph.output[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(constants)
    graph.output.append(onnx.helper.make_tensor_value_info(last.output[0], FLOAT, None))
    return model


def picture_graph(card: ModelCard, pixel_format: PixelFormat, *, output: str) -> Any:
    """Return the ``onnx.GraphProto`` from whole pictures to the network's input, whose name is ``output``."""
    write = NodeWriter(_PREFIX)
    write_levels = _from_bgr if pixel_format == "bgr24" else _from_yuv
    levels, across, down = write_levels(write, card.input)
    values = _normalised(write, _bordered(write, levels, across, down, card.input), card.input)
    size = (3, card.input.height_px, card.input.width_px)
    write.nodes.append(
        onnx.helper.make_node("Reshape", [values, write.constant([0, *size])], [output], name=NETWORK_INPUT)
    )
    batch: int | str = "batch" if card.input.dynamic_batch else card.input.batch
    height = "height" if pixel_format == "bgr24" else "height_times_3_by_2"
    shape = (batch, height, "width", *_FORMS[pixel_format])
    inputs = [onnx.helper.make_tensor_value_info(PICTURES, onnx.TensorProto.UINT8, shape)]
    if pixel_format == "yuv420p":
        inputs.append(onnx.helper.make_tensor_value_info(YUV_TO_RGB, FLOAT, (batch, 12)))
    outputs = [onnx.helper.make_tensor_value_info(output, FLOAT, (batch, *size))]
    return onnx.helper.make_graph(write.nodes, "pictures", inputs, outputs, write.initializers)


def _from_bgr(write: NodeWriter, card: InputCard) -> tuple[str, Extent, Extent]:
    """Return (N, 3, H, W) levels in the order of the network's channels, and where the picture lies."""
    shape = write.op("Shape", PICTURES)
    height, width = (write.op("Gather", shape, write.constant([axis])) for axis in (1, 2))
    across, down = extents(write, card, width, height)
    columns = sampling(write, across, card.width_px, across=True)
    rows = sampling(write, down, card.height_px, across=False)
    packed = resized(write, PICTURES, columns, rows, axis=1, channels=True)
    planes = write.op("Transpose", packed, perm=(0, 3, 1, 2))
    if card.color == "rgb":
        planes = write.op("Gather", planes, write.constant([2, 1, 0]), axis=1)
    return planes, across, down


def _from_yuv(write: NodeWriter, card: InputCard) -> tuple[str, Extent, Extent]:
    """Return (N, 3, H, W) levels in the order of the network's channels, and where the picture lies.

    Each plane is resized to the network's size, and converted there.
    """
    shape = write.op("Shape", PICTURES)
    lines, width = (write.op("Gather", shape, write.constant([axis])) for axis in (1, 2))
    two, three = write.constant([2]), write.constant([3])
    height = write.op("Div", write.op("Mul", lines, two), three)
    half_width, half_height = write.op("Div", width, two), write.op("Div", height, two)
    across, down = extents(write, card, width, height)
    half_across, half_down = across._replace(picture=half_width), down._replace(picture=half_height)
    luma_rows = sampling(write, down, card.height_px, across=False)
    chroma_rows = sampling(write, half_down, card.height_px, across=False)
    luma_columns = sampling(write, across, card.width_px, across=True)
    chroma_columns = sampling(write, half_across, card.width_px, across=True)
    luma_lines = _lines(write, lines, width)
    chroma_lines = _lines(write, write.op("Mul", lines, two), half_width)
    planes = [resized(write, luma_lines, luma_columns, luma_rows, axis=2, channels=False)]
    begin = write.op("Mul", height, two)
    for start in (begin, write.op("Add", begin, half_height)):
        moved = chroma_rows._replace(
            first=write.op("Add", chroma_rows.first, start), second=write.op("Add", chroma_rows.second, start)
        )
        planes.append(resized(write, chroma_lines, chroma_columns, moved, axis=2, channels=False))
    return _converted(write, planes, card), across, down


def _lines(write: NodeWriter, lines: str, width: str) -> str:
    """Return the pictures' bytes as (N, 1, lines, width)."""
    shape = write.op("Concat", write.constant([0, 1]), lines, width, axis=0)
    return write.op("Reshape", PICTURES, shape)


def _converted(write: NodeWriter, planes: list[str], card: InputCard) -> str:
    """Return (N, 3, H, W) levels of the network's colours from (N, 1, H, W) levels of Y, U and V.

    As OpenCV's ``transform`` does it for bytes: factors of 10 bits, halves up.
    """
    steps = 1 << _COLOR_BITS
    rounded = write.op("Round", write.op("Mul", write.shaped(YUV_TO_RGB, 0, 3, 4), write.number(steps)))
    factors = write.op("Mul", rounded, write.number(1 / steps))
    if card.color == "bgr":
        factors = write.op("Gather", factors, write.constant([2, 1, 0]), axis=1)
    columns = write.split("Split", factors, write.constant([1, 1, 1, 1]), outputs=4, axis=2)
    *gains, offset = (write.shaped(column, 0, 3, 1, 1) for column in columns)
    total = write.op("Add", offset, write.number(1 / 2))
    for plane, gain in zip(planes, gains, strict=True):
        total = write.op("Add", total, write.op("Mul", plane, gain))
    return write.op("Clip", write.op("Floor", total), write.number(0), write.number(255))


def _bordered(write: NodeWriter, levels: str, across: Extent, down: Extent, card: InputCard) -> str:
    """Return the levels with the border's grey around the picture."""
    if card.resize == "stretch":
        return levels
    columns = inside(write, across, card.width_px)
    rows = write.shaped(inside(write, down, card.height_px), -1, 1)
    return write.op("Where", write.op("And", rows, columns), levels, write.number(card.pad_value))


def _normalised(write: NodeWriter, levels: str, card: InputCard) -> str:
    """Return the values of levels, in the order of :mod:`streamvision.inference.preprocess`: each step in float32."""
    values = levels
    if card.scale != 1:
        values = write.op("Div", values, write.number(1 / card.scale))
    if card.mean is not None:
        values = write.op("Sub", values, write.constant(np.reshape(card.mean, (3, 1, 1)), np.float32))
    if card.std is not None:
        values = write.op("Div", values, write.constant(np.reshape(card.std, (3, 1, 1)), np.float32))
    return values
