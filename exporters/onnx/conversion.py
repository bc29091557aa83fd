"""From a source to an ONNX model in float32, which other formats are made from too, and its metadata."""

from __future__ import annotations

import io
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exporters.base import ExportOptions, FloatSearch
from exporters.converters import converting, import_converter
from streamvision.checkpoints.base import Source, check_size, with_size
from streamvision.core.errors import ExportError
from streamvision.inference.model_card import InputCard, ModelCard

INPUT_NAME = "images"
OPSET = 18
"""The first that torch's exporter writes by itself; OpenCV 4.11 reads it too."""
LEGACY_OPSET = 17
_MOST_STRIDES = 256
"""Longest side of a free size, in strides."""


def to_onnx(source: Source, options: ExportOptions) -> tuple[Any, ModelCard]:
    """Return the source as an ``onnx.ModelProto`` in float32, the caller's own, and its card.

    Size, free axes, uint8 input and suppression are as the options say. Precision is not looked at, nor whole pictures,
    which :func:`exporters.graph.picture_input.with_picture_input` makes its input when all else is done. The last
    conversion is kept, since several formats and precisions of one network begin with the same.

    Raises:
        ExportError: when the source cannot be exported so, saying why.
        MissingDependencyError: when ONNX's packages are not installed.
    """
    require_onnx()
    if source.onnx is not None:
        return _as_it_is(source.onnx, source.card, options)
    global _last
    wanted = replace(options, precision="fp32", calibration=None, pixel_format=None, search=FloatSearch())
    last = _last
    if last is None or last.source() is not source or last.options != wanted:
        last = _last = None  # two are never held
        last = _last = _Conversion(weakref.ref(source), wanted, *_converted(source, options))
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(last.model)
    return model, last.card


@dataclass(frozen=True)
class _Conversion:
    """What a source became."""

    source: weakref.ref[Source]
    options: ExportOptions
    model: Any
    card: ModelCard


_last: _Conversion | None = None


def _converted(source: Source, options: ExportOptions) -> tuple[Any, ModelCard]:
    from exporters.graph.adapters import fed_nhwc
    from exporters.graph.nms import with_suppression
    from exporters.graph.picture_input import check_picture_input

    card = with_size(source.card, options.size_px)
    check_size(card)
    if options.pixel_format is not None:
        check_picture_input(card.with_input(dynamic_size=False), options.pixel_format)
    _check_free(card, options)
    # What a network keeps for inputs of one shape, such as a grid, is tied to one batch as well.
    network = source.module(dynamic_size=options.dynamic_size or options.dynamic_batch)
    names = source.output_names
    if options.nms:
        network, card = with_suppression(network, card)
    card = card.with_input(dynamic_batch=options.dynamic_batch, dynamic_size=options.dynamic_size, batch=1)
    if options.uint8_input:
        network, card = fed_nhwc(network, card, uint8=True)
    advice = "try it with a fixed size and batch, or without --nms"
    with converting(source.path, "ONNX", instead=advice):
        if card.head in (*LOOPING_HEADS, *UNROLLED_HEADS):  # the tracing exporter follows the first, and is quick
            model = _traced(network, card.input, names)
        else:
            model = _exported(network, card.input, names)
    return tidied(model, card), card


def require_onnx() -> None:
    """Check that ONNX's packages are installed.

    Raises:
        MissingDependencyError: when one of them is not.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        import_converter(package)


def tidied(model: Any, card: ModelCard) -> Any:
    """Return the model, changed in place, without notes of the machine that made it, its free axes named."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    del graph.value_info[:]
    model.producer_name, model.producer_version = "streamvision", ""
    graph.name = "network"
    if not card.input.dynamic_size:
        return model
    spatial = {2: "height", 3: "width"} if card.input.layout == "nchw" else {1: "height", 2: "width"}
    for axis, name in spatial.items():
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    for output in graph.output:
        for axis, dimension in enumerate(output.type.tensor_type.shape.dim):
            if dimension.dim_param and axis:
                dimension.dim_param = f"{output.name}_{axis}"
    return model


def _as_it_is(path: Path, card: ModelCard, options: ExportOptions) -> tuple[Any, ModelCard]:
    import onnx

    if card.input.pixel_format is not None:
        raise ExportError(
            f"{path} takes whole pictures already; give the file or the checkpoint that it was made from instead"
        )
    asked = {
        "--uint8-input": options.uint8_input,
        "--nms": options.nms and not card.nms_inside,
        "--dynamic-batch": options.dynamic_batch and not card.input.dynamic_batch,
        "--dynamic-size": options.dynamic_size and not card.input.dynamic_size,
    }
    for option, wanted in asked.items():
        if wanted:
            raise ExportError(
                f"{path} is an ONNX file and stays as it is, so that {option} is not possible; leave it out, or give "
                "the checkpoint that it was made from"
            )
    own = (card.input.width_px, card.input.height_px)
    if options.size_px not in (None, own) and not card.input.dynamic_size:
        raise ExportError(f"{path} takes pictures of {own[0]}x{own[1]} px only; leave out --imgsz")
    return onnx.load(path), with_size(card, options.size_px)


def _check_free(card: ModelCard, options: ExportOptions) -> None:
    if card.head in LOOPING_HEADS and (options.dynamic_batch or options.dynamic_size):
        asked = "--dynamic-batch" if options.dynamic_batch else "--dynamic-size"
        raise ExportError(
            f"torchvision's detectors are exported by tracing, for one picture of one size; leave out {asked}"
        )
    if card.head in UNROLLED_HEADS and options.dynamic_size:
        raise ExportError("a network that writes sentences sees pictures of one size; leave out --dynamic-size")
    if card.task == "classify" and options.dynamic_size:
        raise ExportError("a classifier sees a cut-out of one size; leave out --dynamic-size")


def _exported(network: Any, card: InputCard, names: tuple[str, ...]) -> Any:
    import torch

    # Two pictures: torch takes an axis of length one for a constant.
    example = example_input(card, batch=2 if card.dynamic_batch else 1)
    with torch.no_grad():
        network(example)  # what networks keep for inputs of one size, such as grids, is then no part of the export
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[INPUT_NAME],
            output_names=list(names),
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
            external_data=False,
            dynamic_shapes=_free_axes(card),
        )
    if program is None:
        raise RuntimeError("torch returned no program")
    return program.model_proto


def _traced(network: Any, card: InputCard, names: tuple[str, ...]) -> Any:
    import onnx
    import torch

    buffer: Any = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            network,
            (example_input(card, batch=2 if card.dynamic_batch else 1),),
            buffer,
            input_names=[INPUT_NAME],
            output_names=list(names),
            opset_version=LEGACY_OPSET,
            dynamo=False,
            do_constant_folding=True,
            dynamic_axes={name: {0: "batch"} for name in (INPUT_NAME, *names)} if card.dynamic_batch else None,
        )
    return onnx.load_from_string(buffer.getvalue())


def example_input(card: InputCard, *, batch: int = 1) -> Any:
    """Return a torch tensor as the card wants it, of random pictures that are the same each time."""
    import torch

    sides = (card.height_px, card.width_px)
    shape = (batch, 3, *sides) if card.layout == "nchw" else (batch, *sides, 3)
    levels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return levels if card.dtype == "uint8" else levels / 255


def _free_axes(card: InputCard) -> Any:
    from torch.export import Dim

    free: dict[int, Any] = {0: Dim("batch")} if card.dynamic_batch else {}
    if card.dynamic_size:
        first = 2 if card.layout == "nchw" else 1
        height, width = (Dim(name, min=2, max=_MOST_STRIDES) for name in ("height", "width"))
        free |= {first: card.stride_px * height, first + 1: card.stride_px * width}
    return (free,) if free else None


def describe(model: Any, card: ModelCard) -> Any:
    """Put the card into an ``onnx.ModelProto``, in place of what stood there before, and return it."""
    from onnx.helper import set_model_props

    set_model_props(model, ultralytics_metadata(card) | card.to_metadata())
    return model


def save(model: Any, card: ModelCard, path: Path) -> Path:
    """Write a model with its card.

    Raises:
        OSError: when it cannot be written.
    """
    import onnx

    onnx.save(describe(model, card), path)
    return path


def ultralytics_metadata(card: ModelCard) -> dict[str, str]:
    """Return the entries by which ultralytics' own tools run a file (https://docs.ultralytics.com/modes/export/).

    Empty where they could not, as they feed float32 NCHW and read YOLO's outputs in pixels.
    """
    plain_input = card.input.dtype == "float32" and card.input.layout == "nchw" and card.input.pixel_format is None
    yolo = card.head.startswith("yolo_v8") or card.head in ("yolo_seg", "yolo_pose", "yolo_obb", "yolo_end2end")
    if not (plain_input and yolo and card.box_unit == "px"):
        return {}
    entries = {
        "task": card.task,
        "names": repr(dict(enumerate(card.names))),
        "stride": str(card.input.stride_px),
        "batch": str(card.input.batch),
        "imgsz": repr([card.input.height_px, card.input.width_px]),
        "end2end": repr(card.nms_inside),
    }
    if card.licence:
        entries["license"] = card.licence
    if card.keypoints is not None:
        entries["kpt_shape"] = repr([len(card.keypoints.names), 3])
    return entries


LOOPING_HEADS = ("rows",)
"""Heads of such networks, which are torchvision's detectors."""
UNROLLED_HEADS = ("sentence",)
"""Heads of networks that write step by step: thousands of nodes, which torch's other exporter takes minutes for."""


def refuse_loops(card: ModelCard, format: str) -> None:
    """Refuse a network that a format has no operations for, before minutes are spent on it.

    Args:
        card: of the network.
        format: the format's name as people write it.

    Raises:
        ExportError: when the network chooses boxes in a loop.
    """
    if card.head in LOOPING_HEADS:
        raise ExportError(
            f"torchvision's detectors suppress boxes in a loop over what they find, which {format} has no operations "
            "for; export this one to onnx or openvino, or give a YOLO or RT-DETR, whose networks have no such loop"
        )
