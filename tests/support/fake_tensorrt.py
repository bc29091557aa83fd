"""TensorRT 10 and 11 without a GPU: the documented interface, followed strictly, with ONNX Runtime as the device.

Names, parameters, enumerations and what is absent in which version were compared with the bindings of TensorRT 10.3,
10.16 and 11.4. What the documentation forbids is a :class:`MisuseError`; what it answers with ``False``, ``None`` or an
entry in the log, this does too. Plans hold the ONNX model, and executing one really computes.
"""

from __future__ import annotations

import enum
import json
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from support.fake_cuda import FakeCuda, Gpu, MisuseError
from support.fake_tensorrt_runtime import MAGIC, DataType, Runtime, Severity, TensorIOMode, described


class ILogger:
    Severity = Severity

    def __init__(self) -> None:
        self._constructed = True


class MemoryPoolType(enum.IntEnum):
    WORKSPACE = 0
    TACTIC_DRAM = 4


_FLAGS = {
    10: enum.IntEnum("NetworkDefinitionCreationFlag", {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1}),
    11: enum.IntEnum("NetworkDefinitionCreationFlag", {"STRONGLY_TYPED": 0, "PREFER_JIT_PYTHON_PLUGINS": 1}),
}
_BUILDER_FLAGS = {
    10: enum.IntEnum("BuilderFlag", {"FP16": 0, "INT8": 1, "DEBUG": 2, "TF32": 6}),
    11: enum.IntEnum("BuilderFlag", {"DEBUG": 2, "TF32": 6}),
}


class HostMemory:
    """``IHostMemory``."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.nbytes = len(content)

    def __bytes__(self) -> bytes:
        return self._content


class FakeTensorRt:
    """The package ``tensorrt``."""

    ILogger = ILogger
    MemoryPoolType = MemoryPoolType
    TensorIOMode = TensorIOMode
    DataType = DataType

    def __init__(self, version: str, cuda: FakeCuda) -> None:
        self.__version__ = version
        self.major = int(version.partition(".")[0])
        self.NetworkDefinitionCreationFlag = _FLAGS[self.major]
        self.BuilderFlag = _BUILDER_FLAGS[self.major]
        self.cuda = cuda
        self.builds: list[SimpleNamespace] = []
        self.refuse_build: str | None = None

    def Builder(self, logger: ILogger) -> Builder:  # noqa: N802
        self._start(logger)
        return Builder(self, logger)

    def OnnxParser(self, network: Network, logger: ILogger) -> OnnxParser:  # noqa: N802
        if not isinstance(network, Network):
            raise TypeError("incompatible constructor arguments")
        return OnnxParser(network, _logger(logger))

    def Runtime(self, logger: ILogger) -> Runtime:  # noqa: N802
        self._start(logger)
        return Runtime(self, logger)

    def _start(self, logger: ILogger) -> None:
        _logger(logger)
        if self.cuda.gpu.driver == 0:
            logger.log(Severity.ERROR, "CUDA initialization failure with error: 35.")
            raise TypeError("pybind11::init(): factory function returned nullptr")


def _logger(logger: Any) -> Any:
    if not isinstance(logger, ILogger) or not getattr(logger, "_constructed", False):
        raise TypeError("incompatible constructor arguments: a logger derives from ILogger and calls its constructor")
    return logger


class Builder:
    def __init__(self, tensorrt: FakeTensorRt, logger: Any) -> None:
        self._tensorrt, self._logger = tensorrt, logger

    def create_network(self, flags: int = 0) -> Network:
        known = sum(1 << int(flag) for flag in self._tensorrt.NetworkDefinitionCreationFlag)
        if not isinstance(flags, int) or flags & ~known:
            raise MisuseError(f"flags {flags!r} are not those of TensorRT {self._tensorrt.major}")
        strong = bool(flags & 1 << int(self._tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        return Network(strongly_typed=strong or self._tensorrt.major >= 11)

    def create_builder_config(self) -> BuilderConfig:
        return BuilderConfig(self._tensorrt)

    def create_optimization_profile(self) -> OptimizationProfile:
        return OptimizationProfile()

    def build_serialized_network(self, network: Network, config: BuilderConfig) -> HostMemory | None:
        if self._tensorrt.refuse_build is not None:
            self._logger.log(Severity.ERROR, self._tensorrt.refuse_build)
            return None
        if network.model is None:
            self._logger.log(Severity.ERROR, "Network must have at least one output")
            return None
        picture = network.get_input(0)
        shapes = [picture.shape] * 3
        if any(side < 0 for side in picture.shape):
            if not config.profiles or picture.name not in config.profiles[0].shapes:
                self._logger.log(Severity.ERROR, "Network has dynamic or shape inputs, but no optimization profile")
                return None
            shapes = config.profiles[0].shapes[picture.name]
        types = {_weight_type(network.model)}
        if not network.strongly_typed and types - {"fp32"}:
            self._logger.log(Severity.WARNING, "reduced precision is ignored: its builder flag is not set")
        if config.timing_cache is not None:
            config.timing_cache.entries.add(f"{len(network.model.graph.node)} nodes")
        self._tensorrt.builds.append(
            SimpleNamespace(
                strongly_typed=network.strongly_typed,
                flags=set(config.flags),
                workspace=config.pools.get(MemoryPoolType.WORKSPACE),
                shapes=shapes,
                timings=None if config.timing_cache is None else set(config.timing_cache.before),
            )
        )
        gpu = self._tensorrt.cuda.gpu
        about = {"version": self._tensorrt.__version__, "gpu": gpu.name.decode(), "shapes": shapes}
        header = json.dumps(about).encode()
        content = network.model.SerializeToString()
        return HostMemory(MAGIC + struct.pack("<II", len(header), len(content)) + header + content)


class Network:
    """``INetworkDefinition``."""

    def __init__(self, *, strongly_typed: bool) -> None:
        self.strongly_typed = strongly_typed
        self.model: Any = None

    @property
    def num_inputs(self) -> int:
        return len(self.model.graph.input) if self.model else 0

    @property
    def num_outputs(self) -> int:
        return len(self.model.graph.output) if self.model else 0

    def get_input(self, index: int) -> Any:
        return described(self.model.graph.input[index])


class OnnxParser:
    def __init__(self, network: Network, logger: Any) -> None:
        self._network, self._errors = network, list[str]()

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(desc=lambda: self._errors[index])

    def parse(self, model: bytes, path: str | None = None) -> bool:
        try:
            loaded = onnx.load_model_from_string(model)
            onnx.checker.check_model(loaded, full_check=True)
        except Exception as error:
            self._errors.append(f"Failed to parse ONNX model: {error}")
            return False
        self._errors += _refused(loaded)
        if not self._errors:
            self._network.model = loaded
        return not self._errors


def _refused(model: Any) -> Iterator[str]:
    """Yield what TensorRT's documented rules for ONNX files refuse."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}
    for value in model.graph.input:
        readers = {node.op_type for node in model.graph.node if value.name in node.input}
        if value.type.tensor_type.elem_type == TensorProto.UINT8 and readers - {"Cast"}:
            yield "a UINT8 input may only be read by a Cast"
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = stored.get(node.input[2]) if len(node.input) > 2 else np.zeros(1, np.uint8)
            if zero is None or zero.dtype != np.int8:
                yield "TensorRT only supports quantization to INT8"
            elif zero.any():
                yield 'Assertion failed: shiftIsAllZeros(zeroPoint) && "only supports symmetric quantization"'
        if node.op_type in ("Conv", "Gemm") and len(node.input) > 2:
            bias = made_by.get(node.input[2])
            if bias is not None and bias.op_type == "DequantizeLinear":
                yield "a bias cannot be quantised"


class BuilderConfig:
    """``IBuilderConfig``; TF32 is on until it is cleared."""

    def __init__(self, tensorrt: FakeTensorRt) -> None:
        self._tensorrt = tensorrt
        self.flags = {"TF32"}
        self.pools: dict[MemoryPoolType, int] = {}
        self.profiles: list[OptimizationProfile] = []
        self.timing_cache: TimingCache | None = None

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        if not isinstance(pool, MemoryPoolType) or not isinstance(pool_size, int):
            raise TypeError("incompatible function arguments")
        self.pools[pool] = pool_size

    def set_flag(self, flag: Any) -> None:
        self.flags.add(self._tensorrt.BuilderFlag(flag).name)

    def clear_flag(self, flag: Any) -> None:
        if not isinstance(flag, self._tensorrt.BuilderFlag):
            raise TypeError("incompatible function arguments")
        self.flags.discard(flag.name)

    def add_optimization_profile(self, profile: OptimizationProfile) -> int:
        if not profile.shapes:
            return -1
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache:
        return TimingCache(serialized_timing_cache, self._device())

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        if cache.device != self._device() and not ignore_mismatch:
            return False
        self.timing_cache = cache
        return True

    def get_timing_cache(self) -> TimingCache | None:
        return self.timing_cache

    def _device(self) -> str:
        return f"{self._tensorrt.cuda.gpu.name!r} {self._tensorrt.__version__}"


class TimingCache:
    """``ITimingCache``."""

    def __init__(self, content: bytes, device: str) -> None:
        stored = json.loads(content) if content else {"device": device, "entries": []}
        self.device: str = stored["device"]
        self.entries = set(stored["entries"])
        self.before = frozenset(self.entries)

    def serialize(self) -> HostMemory:
        return HostMemory(json.dumps({"device": self.device, "entries": sorted(self.entries)}).encode())


class OptimizationProfile:
    """``IOptimizationProfile``."""

    def __init__(self) -> None:
        self.shapes: dict[str, list[tuple[int, ...]]] = {}

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None:
        shapes = [tuple(min), tuple(opt), tuple(max)]
        if any(not a <= b <= c for a, b, c in zip(*shapes, strict=True)):
            raise ValueError("The profile is inconsistent")
        self.shapes[input] = shapes


def _weight_type(model: Any) -> str:
    types = [tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4]
    return "fp32" if all(kind == TensorProto.FLOAT for kind in types) else "reduced"


@contextmanager
def installed(patch: pytest.MonkeyPatch, version: str, gpu: Gpu | None = None) -> Iterator[FakeTensorRt]:
    """Put both packages where imports find them, and check at the end that all memory was given back."""
    cuda = FakeCuda(gpu or Gpu())
    tensorrt = FakeTensorRt(version, cuda)
    patch.setitem(sys.modules, "tensorrt", tensorrt)
    patch.setitem(sys.modules, "cuda.bindings.runtime", cuda)
    yield tensorrt
    assert not cuda.allocations, f"{len(cuda.allocations)} pieces of memory were never given back"
    assert not [s for s in cuda.streams.values() if s.open], "streams were never closed"
