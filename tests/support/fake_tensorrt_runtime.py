"""The half of TensorRT that executes: plans become engines, and these really compute, with ONNX Runtime as the device.

Held to the documented interface as strictly as the other half, :mod:`support.fake_tensorrt`.
"""

from __future__ import annotations

import ctypes
import enum
import json
import math
import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto

from support.fake_cuda import FakeCuda, MisuseError

if TYPE_CHECKING:
    from support.fake_tensorrt import FakeTensorRt

MAGIC = b"FAKEPLAN"
TYPES = {
    TensorProto.FLOAT: "FLOAT",
    TensorProto.FLOAT16: "HALF",
    TensorProto.UINT8: "UINT8",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.BOOL: "BOOL",
}
NUMPY = {"FLOAT": np.float32, "HALF": np.float16, "UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64}


class Severity(enum.IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class TensorIOMode(enum.IntEnum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


DataType = enum.IntEnum("DataType", {"FLOAT": 0, "HALF": 1, "INT8": 2, "INT32": 3, "BOOL": 4, "UINT8": 5, "INT64": 8})


class Runtime:
    def __init__(self, tensorrt: FakeTensorRt, logger: Any) -> None:
        self._tensorrt, self._logger = tensorrt, logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None:
        plan = bytes(serialized_engine)
        if not plan.startswith(MAGIC):
            return self._refuse("Magic tag does not match")
        header_length, length = struct.unpack_from("<II", plan, len(MAGIC))
        start = len(MAGIC) + 8
        if len(plan) != start + header_length + length:
            return self._refuse("The engine plan file is not complete")
        about = json.loads(plan[start : start + header_length])
        if about["version"] != self._tensorrt.__version__:
            return self._refuse("The engine plan file is not compatible with this version of TensorRT")
        if about["gpu"] != self._tensorrt.cuda.gpu.name.decode():
            return self._refuse("The engine plan file is generated on an incompatible device")
        return CudaEngine(self._tensorrt, plan[start + header_length :], about["shapes"], self._logger)

    def _refuse(self, reason: str) -> None:
        self._logger.log(Severity.ERROR, f"IRuntime::deserializeCudaEngine: Error Code 1: {reason}")


class CudaEngine:
    """``ICudaEngine``."""

    num_optimization_profiles = 1

    def __init__(self, tensorrt: FakeTensorRt, content: bytes, shapes: list[list[int]], logger: Any) -> None:
        self.tensorrt, self.shapes, self.logger = tensorrt, [tuple(s) for s in shapes], logger
        model = onnx.load_model_from_string(content)
        self.inputs = [described(value) for value in model.graph.input]
        self.outputs = [described(value) for value in model.graph.output]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    @property
    def num_io_tensors(self) -> int:
        return len(self.inputs) + len(self.outputs)

    def get_tensor_name(self, index: int) -> str:
        return str([*self.inputs, *self.outputs][index].name)

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in [t.name for t in self.inputs] else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.tensor(name).shape)

    def get_tensor_dtype(self, name: str) -> Any:
        return self.tensor(name).dtype

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        if profile_index != 0 or self.get_tensor_mode(name) is not TensorIOMode.INPUT:
            raise MisuseError("only inputs have profiles, and there is one")
        return self.shapes

    def create_execution_context(self) -> ExecutionContext:
        return ExecutionContext(self)

    def tensor(self, name: str) -> Any:
        return next(t for t in (*self.inputs, *self.outputs) if t.name == name)


class ExecutionContext:
    """``IExecutionContext``. Shapes of outputs are known once the input's is set, as documented."""

    def __init__(self, engine: CudaEngine) -> None:
        self._engine = engine
        self._shape: tuple[int, ...] | None = None
        self._addresses: dict[str, int] = {}
        fixed = tuple(engine.inputs[0].shape)
        if min(fixed) >= 0:
            self._shape = fixed

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        if self._engine.get_tensor_mode(name) is not TensorIOMode.INPUT:
            raise MisuseError(f"{name} is no input")
        if not isinstance(shape, (tuple, list)) or not all(type(side) is int for side in shape):
            raise TypeError("incompatible function arguments")
        low, _, high = self._engine.shapes
        if len(shape) != len(low) or not all(a <= b <= c for a, b, c in zip(low, shape, high, strict=True)):
            self._engine.logger.log(Severity.ERROR, f"Static dimension mismatch or out of profile: {shape}")
            return False
        self._shape = tuple(shape)
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        declared = self._engine.get_tensor_shape(name)
        if self._shape is None:
            return declared
        if self._engine.get_tensor_mode(name) is TensorIOMode.INPUT:
            return self._shape
        batch = self._shape[0]
        shape = tuple(batch if i == 0 and side < 0 else side for i, side in enumerate(declared))
        return shape if min(shape) >= 0 else self._computed_shape(name)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if type(memory) is not int or memory == 0:
            raise MisuseError(f"{memory!r} is no address")
        self._engine.tensor(name)
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        if type(stream_handle) is not int or stream_handle == 0:
            raise MisuseError("the default stream makes TensorRT wait for the whole device")
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            if name not in self._addresses:
                self._engine.logger.log(Severity.ERROR, f"Address is not set for tensor {name}")
                return False
        if self._shape is None:
            self._engine.logger.log(Severity.ERROR, "Input shapes are not specified")
            return False
        shape, addresses = self._shape, dict(self._addresses)
        cuda = self._engine.tensorrt.cuda
        cuda.stream(stream_handle).work.append(lambda: self._compute(cuda, shape, addresses))
        return True

    def _compute(self, cuda: FakeCuda, shape: tuple[int, ...], addresses: dict[str, int]) -> None:
        picture = self._engine.inputs[0]
        dtype = np.dtype(NUMPY[picture.dtype.name])
        count = math.prod(shape) * dtype.itemsize
        memory = (ctypes.c_char * count).from_address(cuda.at(addresses[picture.name], count, pinned=False))
        tensor = np.frombuffer(memory, dtype).reshape(shape)
        for spec, values in zip(
            self._engine.outputs, self._engine.session.run(None, {picture.name: tensor}), strict=True
        ):
            content = np.ascontiguousarray(values).tobytes()
            ctypes.memmove(cuda.at(addresses[spec.name], len(content), pinned=False), content, len(content))

    def _computed_shape(self, name: str) -> tuple[int, ...]:
        picture = self._engine.inputs[0]
        zeros = np.zeros(self._shape or (), NUMPY[picture.dtype.name])
        (values,) = self._engine.session.run([name], {picture.name: zeros})
        ones = np.ones_like(zeros)
        (others,) = self._engine.session.run([name], {picture.name: ones})
        return tuple(a if a == b else -1 for a, b in zip(values.shape, others.shape, strict=True))


def described(value: Any) -> Any:
    kind = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in kind.shape.dim)
    return SimpleNamespace(name=value.name, shape=shape, dtype=DataType[TYPES[kind.elem_type]])
