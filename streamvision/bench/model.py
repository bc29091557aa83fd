"""The model alone: how long one picture takes, and how many a second there are when the machine is full."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pipelines.model_tuning import with_goal
from streamvision.bench.costs import repeat
from streamvision.bench.pipeline import OnProgress
from streamvision.bench.usage import Usage, machine, rss_mb
from streamvision.core.config.model import ModelConfig
from streamvision.core.picture import Picture
from streamvision.core.telemetry import StageTimes, quantiles_of
from streamvision.inference.backends.base import Backend, LoadedBackend
from streamvision.inference.backends.cores import usable_cores
from streamvision.inference.model import Model

WARMUP_CALLS = 3
STAGES = ("preprocess", "inference", "decode_nms")


@dataclass(frozen=True)
class ModelFigures:
    """What was measured with one picture, over and over."""

    fps: float
    """Pictures a second with all requests at work."""
    latency_ms: Mapping[str, float]
    """Quantiles of one picture's way through preprocessing, network and suppression, one at a time."""
    stages_ms: Mapping[str, Mapping[str, float]]
    """The same by stage."""
    picture_cpu_ms: float
    """Processor time of a picture with all requests at work."""
    others_cpu_percent: float | None
    """Of everything else on the machine; figures are only worth much where it is small."""
    open_s: float
    """Loading the model."""
    first_s: float
    """The first picture."""
    rss_mb: float
    """Memory at the end."""
    requests: int
    """Calls into the network at a time."""
    model: str
    """Model and runtime in words."""
    runtime: str
    """Name of the backend."""
    runtime_version: str
    """Its version."""
    device: str
    """Where it really executed."""
    precision: str
    """The arithmetic that really ran."""
    picture_px: tuple[int, int]
    """Width and height of the picture."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "fps": round(self.fps, 2),
            "latency_ms": self.latency_ms,
            "stages_ms": self.stages_ms,
            "picture_cpu_ms": round(self.picture_cpu_ms, 3),
            "others_cpu_percent": None if self.others_cpu_percent is None else round(self.others_cpu_percent, 1),
            "open_s": round(self.open_s, 3),
            "first_s": round(self.first_s, 3),
            "rss_mb": round(self.rss_mb, 1),
            "requests": self.requests,
            "cores": usable_cores(),
            "model": self.model,
            "runtime": self.runtime,
            "runtime_version": self.runtime_version,
            "device": self.device,
            "precision": self.precision,
            "picture_px": list(self.picture_px),
            "machine": machine(),
        }


def bench_model(
    config: ModelConfig,
    picture: Picture,
    *,
    seconds: float,
    backend: Backend | None = None,
    on_progress: OnProgress = lambda what, done_s, all_s: None,
) -> ModelFigures:
    """Measure a model with one picture: half of the time one call at a time, half with all requests at work.

    Args:
        config: which model, and how it executes.
        picture: what it is shown.
        seconds: how long it is measured.
        backend: the model where it is loaded already, such as a checkpoint in torch; it is closed.
        on_progress: called as the two halves begin.

    Raises:
        StreamVisionError: when the model cannot be opened or fails.
    """
    times = StageTimes()
    begin_s = time.monotonic()
    with Model.open(with_goal(config), backend=backend, times=times) as detector:
        open_s = time.monotonic() - begin_s
        begin_s = time.monotonic()
        detector.find([picture])
        first_s = time.monotonic() - begin_s
        for _ in range(WARMUP_CALLS):
            detector.find([picture])
        warm = {stage: samples.count for stage, samples in times.distributions().items()}
        on_progress("one at a time", 0, seconds)
        _repeat(detector, picture, seconds / 2, workers=1)
        alone = {stage: times.distributions()[stage] for stage in STAGES}
        samples = {stage: one.newest(one.count - warm[stage]) for stage, one in alone.items()}
        on_progress("all requests", seconds / 2, seconds)
        before = Usage.now()
        done = _repeat(detector, picture, seconds / 2, workers=detector.requests)
        after = Usage.now()
        return ModelFigures(
            fps=done / (after.at_s - before.at_s),
            latency_ms=_milliseconds(quantiles_of(np.sum(list(samples.values()), axis=0))),
            stages_ms={stage: _milliseconds(quantiles_of(taken)) for stage, taken in samples.items()},
            picture_cpu_ms=1e3 * (after.cpu_s - before.cpu_s) / done,
            others_cpu_percent=after.others_percent_since(before),
            open_s=open_s,
            first_s=first_s,
            rss_mb=rss_mb(),
            requests=detector.requests,
            model=detector.describe(),
            runtime=detector.backend.name,
            runtime_version=_version(detector.backend),
            device=detector.backend.device,
            precision=detector.backend.precision,
            picture_px=(picture.width_px, picture.height_px),
        )


def _repeat(detector: Model, picture: Picture, seconds: float, *, workers: int) -> int:
    """Find objects over and over in so many threads; return how many pictures were done."""
    pictures = [picture] * detector.useful_batch
    return len(pictures) * repeat(lambda: partial(detector.find, pictures), workers=workers, seconds=seconds)


def _version(backend: Backend) -> str:
    return backend.version() if isinstance(backend, LoadedBackend) else "unknown"


def _milliseconds(quantiles_s: Mapping[str, float]) -> dict[str, float]:
    return {name: round(1e3 * value, 3) for name, value in quantiles_s.items()}
