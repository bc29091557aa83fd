"""An engine for this device: one that was built before, or a new one by TensorRT 10 or 11.

Networks are strongly typed: their arithmetic is what the ONNX file says. Not verified on a GPU: written and tested
against the documented interfaces.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exporters.tensorrt.engine_cache import EngineCache, write_engine
from exporters.tensorrt.engine_spec import EngineSpec
from streamvision.core.errors import DeviceError, ExportError
from streamvision.core.files import write_whole
from streamvision.inference.backends.cuda_memory import CudaDevice, GpuFacts, parse_cuda_device
from streamvision.inference.backends.tensorrt_api import (
    Builder,
    BuilderConfig,
    Network,
    OnnxParser,
    TensorRt,
    import_cuda,
    import_tensorrt,
)
from streamvision.inference.backends.tensorrt_engine import ErrorLog, tensorrt_logger
from streamvision.inference.backends.tensorrt_header import EngineHeader, sha256

Say = Callable[[str], None]


@dataclass(frozen=True)
class EngineReport:
    """What came of a request for an engine."""

    path: Path
    """The engine; its header is beside it."""
    built: bool
    """Whether it is new."""
    seconds: float
    """How long it took."""
    bytes: int
    """Size of the engine."""
    header: EngineHeader
    """What it is, and what it was built for."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        header = self.header.model_dump(exclude={"metadata", "format"})
        return asdict(self) | {"path": str(self.path), "header": header}


def provide_engine(
    spec: EngineSpec,
    cache: EngineCache,
    *,
    device: str = "auto",
    workspace_mb: int | None = None,
    timing_cache: bool = True,
    rebuild: bool = False,
    output: Path | None = None,
    say: Say = lambda line: None,
) -> EngineReport:
    """Return an engine for this device, built where the cache has none.

    Args:
        spec: what to build.
        cache: where engines are kept.
        device: ``auto`` or ``cuda[:N]``.
        workspace_mb: most memory that a layer may use to work in, while building and running.
        timing_cache: use what former builds have measured, and keep what this one measures.
        rebuild: build anew although there is one.
        output: where to put a copy of engine and header.
        say: called with a line before what takes long.

    Raises:
        MissingDependencyError: when TensorRT or CUDA's Python package is not installed.
        DeviceError: when there is no such GPU, or TensorRT does not start.
        ExportError: when TensorRT cannot build the network.
        OutputError: when the cache or the output cannot be written, or another process builds for too long.
    """
    tensorrt = import_tensorrt()
    gpu = CudaDevice(import_cuda(), parse_cuda_device(device))
    gpu.choose()
    facts = gpu.facts()
    started_s = time.monotonic()
    path = cache.path(spec, facts, tensorrt.__version__)
    with cache.lock():
        header = None if rebuild else cache.find(path)
        built = header is None
        if header is None:
            say(f"Building for {facts.name} with TensorRT {tensorrt.__version__}, which takes minutes ...")
            header = _build(tensorrt, facts, spec, cache, path, workspace_mb=workspace_mb, timings=timing_cache)
        content = path.read_bytes()
    if output is not None:
        write_engine(output, content, header)
    seconds = time.monotonic() - started_s
    return EngineReport(output or path, built, round(seconds, 3), len(content), header)


def _build(
    tensorrt: TensorRt,
    gpu: GpuFacts,
    spec: EngineSpec,
    cache: EngineCache,
    path: Path,
    *,
    workspace_mb: int | None,
    timings: bool,
) -> EngineHeader:
    kept = cache.timings_path(gpu, tensorrt.__version__)
    former = kept.read_bytes() if timings and kept.is_file() else b""
    built = build_engine(tensorrt, spec, workspace_mb=workspace_mb, timings=former)
    if timings and built.timings:
        write_whole(kept, built.timings)
    header = EngineHeader(
        engine_sha256=sha256(built.engine),
        model_sha256=spec.digest,
        precision=spec.precision,
        batch=spec.batch,
        gpu=gpu.name,
        compute_capability=gpu.compute_capability,
        driver=gpu.driver,
        tensorrt=tensorrt.__version__,
        metadata=spec.metadata,
    )
    cache.put(path, built.engine, header)
    return header


_LARGEST_TIMING_CACHE_BYTES = 64 << 20
"""Timings of past builds beyond this are dropped: the file would grow for ever."""
_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class BuiltEngine:
    """A new engine."""

    engine: bytes
    """Its bytes."""
    timings: bytes
    """What the builder has measured, for the next build; empty where it does not say."""


def build_engine(tensorrt: TensorRt, spec: EngineSpec, *, workspace_mb: int | None, timings: bytes) -> BuiltEngine:
    """Build an engine on the calling thread's device; takes minutes.

    Args:
        tensorrt: the package.
        spec: what to build.
        workspace_mb: most memory that a layer may use to work in; ``None`` for all that the device has.
        timings: what former builds have measured; ``b""`` for nothing.

    Raises:
        DeviceError: when TensorRT does not start.
        ExportError: when TensorRT does not take the network, or cannot build it.
    """
    errors = ErrorLog()
    log = tensorrt_logger(tensorrt, errors)
    try:
        builder: Builder = tensorrt.Builder(log)
    except (TypeError, RuntimeError) as error:
        raise DeviceError(f"TensorRT does not start on this machine: {errors.cause()}") from error
    # TensorRT 10 needs the flag; 11 knows it, and nothing else.
    network = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = tensorrt.OnnxParser(network, log)
    if not parser.parse(spec.content):
        raise ExportError(f"TensorRT {tensorrt.__version__} does not take {spec.path}: {_causes(parser, errors)}")
    config = builder.create_builder_config()
    if workspace_mb is not None:
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, workspace_mb * _MEGABYTE)
    if not spec.tf32:
        config.clear_flag(tensorrt.BuilderFlag.TF32)
    _add_profile(builder, config, network, spec, errors)
    _use_timings(config, timings)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ExportError(
            f"TensorRT {tensorrt.__version__} could not build {spec.path}: {errors.cause()}; where memory was "
            "short, close other programs or give --workspace-mb"
        )
    cache = config.get_timing_cache()
    return BuiltEngine(bytes(plan), b"" if cache is None else bytes(cache.serialize()))


def _add_profile(builder: Builder, config: BuilderConfig, network: Network, spec: EngineSpec, errors: ErrorLog) -> None:
    """Say for which sizes to build, where the network leaves them free."""
    picture = network.get_input(0)
    if all(side >= 0 for side in picture.shape):
        return
    profile = builder.create_optimization_profile()
    try:
        profile.set_shape(picture.name, *(spec.shape(pictures) for pictures in spec.batch))
    except ValueError as error:
        raise ExportError(f"TensorRT does not take these sizes for {spec.path}: {error}") from error
    if config.add_optimization_profile(profile) < 0:
        raise ExportError(f"TensorRT does not take these sizes for {spec.path}: {errors.cause()}")


def _use_timings(config: BuilderConfig, timings: bytes) -> None:
    kept = timings if len(timings) <= _LARGEST_TIMING_CACHE_BYTES else b""
    cache: Any = config.create_timing_cache(kept)
    if cache is None or not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _causes(parser: OnnxParser, errors: ErrorLog) -> str:
    causes = [" ".join(parser.get_error(i).desc().split()) for i in range(min(parser.num_errors, 2))]
    return "; ".join(causes)[:500].rstrip(".") if causes else errors.cause()
