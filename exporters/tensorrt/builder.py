"""Builds an engine with TensorRT 10 or 11: a strongly typed network, whose arithmetic is what the ONNX file says.

Not verified on a GPU: written and tested against the documented interfaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exporters.tensorrt.engine_spec import EngineSpec
from streamvision.core.errors import DeviceError, ExportError
from streamvision.inference.backends.tensorrt_api import Builder, BuilderConfig, Network, OnnxParser, TensorRt
from streamvision.inference.backends.tensorrt_log import ErrorLog, tensorrt_logger

_LARGEST_TIMING_CACHE_BYTES = 64 << 20
"""Timings of past builds beyond this are dropped: the file would grow for ever."""
_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Built:
    """A new engine."""

    engine: bytes
    """Its bytes."""
    timings: bytes
    """What the builder has measured, for the next build; empty where it does not say."""


def build_engine(tensorrt: TensorRt, blueprint: EngineSpec, *, workspace_mb: int | None, timings: bytes) -> Built:
    """Build an engine on the calling thread's device; takes minutes.

    Args:
        tensorrt: the package.
        blueprint: what to build.
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
    if not parser.parse(blueprint.content):
        raise ExportError(f"TensorRT {tensorrt.__version__} does not take {blueprint.path}: {_causes(parser, errors)}")
    config = builder.create_builder_config()
    if workspace_mb is not None:
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, workspace_mb * _MEGABYTE)
    if not blueprint.tf32:
        config.clear_flag(tensorrt.BuilderFlag.TF32)
    _add_profile(builder, config, network, blueprint, errors)
    _use_timings(config, timings)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ExportError(
            f"TensorRT {tensorrt.__version__} could not build {blueprint.path}: {errors.cause()}; where memory was "
            "short, close other programs or give --workspace-mb"
        )
    cache = config.get_timing_cache()
    return Built(bytes(plan), b"" if cache is None else bytes(cache.serialize()))


def _add_profile(
    builder: Builder, config: BuilderConfig, network: Network, blueprint: EngineSpec, errors: ErrorLog
) -> None:
    """Say for which sizes to build, where the network leaves them free."""
    picture = network.get_input(0)
    if all(side >= 0 for side in picture.shape):
        return
    profile = builder.create_optimization_profile()
    try:
        profile.set_shape(picture.name, *(blueprint.shape(pictures) for pictures in blueprint.batch))
    except ValueError as error:
        raise ExportError(f"TensorRT does not take these sizes for {blueprint.path}: {error}") from error
    if config.add_optimization_profile(profile) < 0:
        raise ExportError(f"TensorRT does not take these sizes for {blueprint.path}: {errors.cause()}")


def _use_timings(config: BuilderConfig, timings: bytes) -> None:
    kept = timings if len(timings) <= _LARGEST_TIMING_CACHE_BYTES else b""
    cache: Any = config.create_timing_cache(kept)
    if cache is None or not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _causes(parser: OnnxParser, errors: ErrorLog) -> str:
    causes = [" ".join(parser.get_error(i).desc().split()) for i in range(min(parser.num_errors, 2))]
    return "; ".join(causes)[:500].rstrip(".") if causes else errors.cause()
