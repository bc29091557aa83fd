"""Executes a saved ML Program in torch, operation by operation, on any machine.

Core ML itself runs on Apple devices only. What stands in the file, though, is a list of operations with documented
meaning, which coremltools reads back. Half precision is what the program says: each result of an operation that is
declared fp16 is rounded to it. Within an operation the arithmetic is float32, whereas Apple's accelerators may round
more often; so this is the program's meaning, not one device's last bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exporters.coreml.operations import OPERATIONS
from streamvision.core.errors import ModelError

_CLASSIFY = "classify"
"""Turns probabilities into a label and a dictionary; here the probabilities themselves are given on."""


@dataclass(frozen=True)
class _Name:
    """A value that the program computes, or is given."""

    name: str


@dataclass(frozen=True)
class _Step:
    """One operation, ready to be called."""

    kind: str
    function: Callable[..., Any]
    inputs: Mapping[str, Any]
    outputs: tuple[tuple[str, str], ...]
    """Name and type of each output."""
    done_with: tuple[str, ...]
    """Values that nobody needs afterwards."""


class Program:
    """The main function of an ML Program.

    Args:
        spec: Core ML's protobuf message of the model.
        weights: folder of the weight files.
        path: the package, for messages.

    Raises:
        ModelError: when the program is damaged, or has operations that are not known, naming them.
    """

    def __init__(self, spec: Any, weights: Path, *, path: Path) -> None:
        from coremltools.converters.mil.frontend.milproto.load import load

        try:
            function = load(spec, spec.specificationVersion, str(weights)).functions["main"]
        except Exception as error:  # the reader raises what it likes
            raise ModelError(f"the ML Program in {path} cannot be read ({error}); export it again") from error
        operations = [operation for operation in function.operations if operation.op_type != "const"]
        unknown = sorted({operation.op_type for operation in operations} - OPERATIONS.keys() - {_CLASSIFY})
        if unknown:
            raise ModelError(
                f"the ML Program in {path} uses operations that cannot be executed here: {', '.join(unknown)}"
            )
        self._path = path
        self.kinds = Counter(operation.op_type for operation in operations)
        """How often each type of operation occurs."""
        self.input_types = {name: _type(variable) for name, variable in function.inputs.items()}
        """Element type of each input."""
        self.output_names = tuple(variable.name for variable in function.outputs)
        """Names of the outputs; of a classifier's, that of the probabilities alone."""
        last = operations[-1] if operations else None
        if last is not None and last.op_type == _CLASSIFY:
            self.output_names = (last.probabilities.name,)
            operations.pop()
        self._steps = _steps(operations, keep=set(self.output_names))

    @torch.inference_mode()
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the outputs by name.

        Raises:
            ModelError: when an operation fails.
        """
        values: dict[str, Tensor] = {
            name: _as_type(torch.from_numpy(np.ascontiguousarray(inputs[name])), kind)
            for name, kind in self.input_types.items()
        }
        for step in self._steps:
            try:
                result = step.function(**{key: _value(given, values) for key, given in step.inputs.items()})
            except (TypeError, RuntimeError, ValueError, IndexError, KeyError) as error:
                raise ModelError(f"{step.kind} in {self._path} cannot be executed: {error}") from error
            results = result if isinstance(result, (tuple, list)) else (result,)
            for (name, kind), tensor in zip(step.outputs, results, strict=True):
                values[name] = _as_type(tensor, kind)
            for name in step.done_with:
                values.pop(name, None)
        return {name: values[name].numpy() for name in self.output_names}


def _steps(operations: list[Any], *, keep: set[str]) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    needed = set(keep)
    for operation in reversed(operations):
        inputs = {key: _binding(value) for key, value in operation.inputs.items() if value is not None}
        names = {
            n.name
            for value in inputs.values()
            for n in (value if isinstance(value, list) else [value])
            if isinstance(n, _Name)
        }
        outputs = tuple((variable.name, _type(variable)) for variable in operation.outputs)
        unused = [name for name, _ in outputs if name not in needed]
        done_with = (*sorted(names - needed), *unused)
        needed |= names
        steps.append(_Step(operation.op_type, OPERATIONS[operation.op_type], inputs, outputs, done_with))
    return tuple(reversed(steps))


def _binding(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_binding(member) for member in value]
    if value.val is None:
        return _Name(value.name)
    constant = value.val
    if isinstance(constant, (np.ndarray, np.generic)) and np.issubdtype(constant.dtype, np.floating):
        return torch.from_numpy(np.array(constant, np.float32))
    return constant


def _value(given: Any, values: Mapping[str, Tensor]) -> Any:
    if isinstance(given, _Name):
        return values[given.name]
    if isinstance(given, list):
        return [_value(member, values) for member in given]
    return given


def _type(variable: Any) -> str:
    from coremltools.converters.mil.mil import types

    return str(types.builtin_to_string(variable.dtype))


def _as_type(tensor: Tensor, kind: str) -> Tensor:
    """Return the tensor with the values that its declared type can hold; half precision is kept in float32."""
    if kind == "fp16":
        return tensor.to(torch.float16).to(torch.float32)
    if kind == "fp32":
        return tensor.to(torch.float32)
    if kind == "bool":
        return tensor.to(torch.bool)
    return tensor.to(torch.int64)
