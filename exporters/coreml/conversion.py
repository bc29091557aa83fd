"""From a torch module to an ML Program, by coremltools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from exporters.converters import converting, import_converter

DEPLOYMENT_TARGET = "iOS16"
"""Oldest system that the files run on; macOS 13 is its equal. It brought top-k and resizing as torch means them."""
_LEARNED = frozenset({"conv_transpose", "linear", "matmul"})
_EXACT_DIVISION = "common::divide_to_multiply"
"""The optimisation that turns x / 255 into a product, which differs in the last bit from what was trained on."""


@dataclass(frozen=True)
class Conversion:
    """What an ML Program is to be."""

    input_name: str
    """Name of the input."""
    image: bool
    """Whether the input is an image (RGB, 8 bits) to Core ML; otherwise it is a float32 array."""
    output_names: Sequence[str]
    """Names of the outputs, all float32."""
    precision: Literal["fp32", "fp16"]
    """Arithmetic of the network."""
    exact_tail: bool = False
    """Whether fp16 programs compute in fp32 behind the last layer that was learned: coordinates of hundreds of pixels
    are half a pixel apart in fp16."""
    class_names: Sequence[str] | None = None
    """Makes the model a classifier, whose output is a probability by class name."""


def to_ml_program(network: Any, shape: tuple[int, ...], conversion: Conversion) -> Any:
    """Return coremltools' model, not yet saved.

    Args:
        network: a ``torch.nn.Module`` in evaluation mode, from float32 to a tuple of tensors; it may be
            changed. It gets levels of 0..255 where the input is an image.
        shape: of its input, such as (1, 3, H, W).
        conversion: what to make.

    Raises:
        ExportError: when the network does something that Core ML has no operation for.
        MissingDependencyError: when coremltools is not installed.
    """
    ct = import_converter("coremltools")
    import torch

    sample = torch.zeros(shape)
    passes = ct.PassPipeline.DEFAULT
    passes.remove_passes([_EXACT_DIVISION])
    precision = ct.precision.FLOAT32
    if conversion.precision == "fp16":
        tail = _Tail() if conversion.exact_tail else None
        precision = ct.transform.FP16ComputePrecision(op_selector=tail.is_learned if tail else lambda operation: True)
    options: dict[str, Any] = {}
    if conversion.class_names is not None:
        options["classifier_config"] = ct.ClassifierConfig(list(conversion.class_names))
    with converting("this network", "Core ML", instead="export it to ONNX"):
        with torch.no_grad():
            network(sample)  # what it keeps for inputs of one size, such as a grid, is then no part of the program
            exported = _without_aliases(torch.export.export(network, (sample,)).run_decompositions({}))
        return ct.convert(
            exported,
            inputs=[_input(ct, conversion, shape)],
            # Objects of their own: the converter writes into what it is given.
            outputs=[ct.TensorType(name=name, dtype=np.float32) for name in conversion.output_names],
            convert_to="mlprogram",
            compute_precision=precision,
            minimum_deployment_target=getattr(ct.target, DEPLOYMENT_TARGET),
            pass_pipeline=passes,
            skip_model_load=True,
            **options,
        )


def _without_aliases(exported: Any) -> Any:
    """Return the program, changed in place, without second names of values, which the converter does not know."""
    import torch

    graph = exported.graph_module.graph
    for node in list(graph.nodes):
        if node.target is torch.ops.aten.alias.default and all(user.op != "output" for user in node.users):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    exported.graph_module.recompile()
    return exported


class _Tail:
    """Tells the operations behind the last learned layer from those that a learned layer follows."""

    def __init__(self) -> None:
        self._known: dict[Any, bool] = {}  # holds the operations, as the converter replaces them one by one

    def is_learned(self, operation: Any) -> bool:
        """Say whether the operation is a learned layer, or one comes after it."""
        waiting = [operation]
        while waiting:
            current = waiting[-1]
            if current in self._known:
                waiting.pop()
                continue
            followers = [user for output in current.outputs for user in output.child_ops]
            unknown = [user for user in followers if user not in self._known]
            if not _is_learned(current) and unknown:
                waiting += unknown
                continue
            learned = _is_learned(current) or any(self._known[user] for user in followers)
            self._known[waiting.pop()] = learned
        return self._known[operation]


def _is_learned(operation: Any) -> bool:
    """Say whether the operation is a layer of features; the sum over bins that YOLO's boxes are made by is none."""
    if operation.op_type == "conv":
        return bool(operation.weight.shape[0] > 1)
    return operation.op_type in _LEARNED


def _input(ct: Any, conversion: Conversion, shape: tuple[int, ...]) -> Any:
    if conversion.image:
        return ct.ImageType(name=conversion.input_name, shape=shape, color_layout=ct.colorlayout.RGB)
    return ct.TensorType(name=conversion.input_name, shape=shape, dtype=np.float32)
