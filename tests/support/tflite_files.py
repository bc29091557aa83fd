"""TFLite files put together from their schema, operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class TfliteGraph:
    """A graph under construction; tensors are known by their numbers."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self._model = schema.ModelT()
        self._model.version, self._model.buffers, self._model.operatorCodes = 3, [schema.BufferT()], []
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators, self._graph.inputs = [], [], []

    def tensor(self, name: str, shape: Sequence[int], dtype: str = "float32", stored: Any = None) -> int:
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, np.array(shape, np.int32), 0
        tensor.type = getattr(self._schema.TensorType, dtype.upper())
        if stored is not None:
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(stored, dtype).tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def stored(self, values: NDArray[Any]) -> int:
        return self.tensor(f"stored{len(self._graph.tensors)}", values.shape, str(values.dtype), values)

    def given(self, name: str, shape: Sequence[int], dtype: str = "float32") -> int:
        self._graph.inputs.append(self.tensor(name, shape, dtype))
        return int(self._graph.inputs[-1])

    def run(self, kind: str, inputs: Sequence[int], output: int, **options: Any) -> int:
        """Add an operation such as ``MUL``; options are attributes of the schema's own options."""
        code = self._schema.OperatorCodeT()
        code.builtinCode = getattr(self._schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self._model.operatorCodes.append(code)
        operator = self._schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self._model.operatorCodes) - 1, inputs, [output]
        name = f"{kind.title().replace('_', '')}Options"
        if hasattr(self._schema, f"{name}T"):
            operator.builtinOptions = getattr(self._schema, f"{name}T")()
            operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, name)
            for key, value in options.items():
                setattr(operator.builtinOptions, key, value)
        self._graph.operators.append(operator)
        return output

    def save(self, path: Path, outputs: Sequence[int]) -> Path:
        import flatbuffers

        self._graph.outputs = list(outputs)
        self._model.subgraphs = [self._graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path
