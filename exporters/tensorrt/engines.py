"""An engine for this device: one that was built before, or a new one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exporters.tensorrt.builder import build_engine
from exporters.tensorrt.engine_cache import EngineCache, write_engine, write_whole
from exporters.tensorrt.engine_spec import EngineSpec
from streamvision.inference.backends.cuda_memory import CudaDevice, GpuFacts, parse_cuda_device
from streamvision.inference.backends.tensorrt_api import TensorRt, import_cuda, import_tensorrt
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
    blueprint: EngineSpec,
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
        blueprint: what to build.
        cache: where engines are kept.
        device: ``auto`` or ``cuda[:N]``.
        workspace_mb: most memory that a layer may use to work in, while building and running.
        timing_cache: use what former builds have measured, and keep what this one measures.
        rebuild: build anew although there is one.
        output: where to put a copy of engine and header.
        say: told what takes long.

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
    path = cache.path(blueprint, facts, tensorrt.__version__)
    with cache.lock():
        header = None if rebuild else cache.find(path)
        built = header is None
        if header is None:
            say(f"Building for {facts.name} with TensorRT {tensorrt.__version__}, which takes minutes ...")
            header = _build(tensorrt, facts, blueprint, cache, path, workspace_mb=workspace_mb, timings=timing_cache)
        content = path.read_bytes()
    if output is not None:
        write_engine(output, content, header)
    seconds = time.monotonic() - started_s
    return EngineReport(output or path, built, round(seconds, 3), len(content), header)


def _build(
    tensorrt: TensorRt,
    gpu: GpuFacts,
    blueprint: EngineSpec,
    cache: EngineCache,
    path: Path,
    *,
    workspace_mb: int | None,
    timings: bool,
) -> EngineHeader:
    kept = cache.timings_path(gpu, tensorrt.__version__)
    former = kept.read_bytes() if timings and kept.is_file() else b""
    built = build_engine(tensorrt, blueprint, workspace_mb=workspace_mb, timings=former)
    if timings and built.timings:
        write_whole(kept, built.timings)
    header = EngineHeader(
        engine_sha256=sha256(built.engine),
        model_sha256=blueprint.digest,
        precision=blueprint.precision,
        batch=blueprint.batch,
        gpu=gpu.name,
        compute_capability=gpu.compute_capability,
        driver=gpu.driver,
        tensorrt=tensorrt.__version__,
        metadata=blueprint.metadata,
    )
    cache.put(path, built.engine, header)
    return header
