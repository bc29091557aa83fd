"""The whole pipeline for a while: decode, infer, track, draw and encode every frame, as if somebody watched."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.assembly import name_streams
from pipelines.engine import Pipeline
from pipelines.model_tuning import with_goals
from pipelines.rendering.renderer import JpegEncoder
from pipelines.stages.tracking import create_tracker
from pipelines.workers import WorkerPool
from streamvision.bench.costs import SECONDS_EACH, Costs, measure_costs
from streamvision.bench.lock_probe import LockProbe
from streamvision.bench.usage import Usage, machine, rss_mb
from streamvision.core.config.app import AppConfig
from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import SourceError, StreamVisionError
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution, quantiles_of
from streamvision.inference.backends.cores import usable_cores
from streamvision.inference.model import Model

POLL_S = 0.1
FIRST_FRAME_TIMEOUT_S = 60.0

OnProgress = Callable[[str, float, float], None]
"""Called with what is going on, how many seconds of it are over, and of how many."""


@dataclass(frozen=True)
class PipelineFigures:
    """What was measured, over all streams."""

    fps: float
    """Finished frames a second."""
    stages_ms: Mapping[str, Mapping[str, float]]
    """By stage, quantiles of its duration; stages of several frames and threads overlap."""
    age_s: Mapping[str, float]
    """Quantiles of a frame's age when it was drawn and encoded, from its arrival on this machine."""
    cpu_percent: float
    """Of this process; 100 is one core."""
    others_cpu_percent: float | None
    """Of everything else on the machine; figures are only worth much where it is small."""
    rss_mb: float
    """Memory at the end."""
    first_frame_s: float
    """From the start of the pipeline, its model loaded, to the first finished frame."""
    open_s: float
    """Loading the model."""
    offered_fps: float | None
    """Frames a second that came, where all sources are live; ``None`` for files, which wait."""
    cores: int
    """Cores that may be used."""
    requests: int
    """Calls into the network at a time."""
    frame_cpu_ms: float
    """Processor time of a frame in the whole pipeline."""
    gil_ms: float | None
    """How long the interpreter's lock was held for each frame; ``None`` where that cannot be measured."""
    costs: Costs
    """Processor time of a frame's parts, each alone."""
    model: str
    """Model and runtime in words."""
    streams: tuple[Mapping[str, Any], ...]
    """By stream, fps, age and drops."""
    seconds: float
    """How long it was measured."""

    @property
    def bound_fps(self) -> float:
        """What the machine could do at most; see :mod:`streamvision.bench.costs`."""
        return self.costs.bound_fps(self.cores)

    @property
    def efficiency(self) -> float:
        """Frames a second over what was possible."""
        return self.fps / min(self.bound_fps, self.offered_fps or self.bound_fps)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "fps": round(self.fps, 2),
            "stages_ms": self.stages_ms,
            "age_s": self.age_s,
            "cpu_percent": round(self.cpu_percent, 1),
            "rss_mb": round(self.rss_mb, 1),
            "bound_fps": round(self.bound_fps, 2),
            "efficiency": round(self.efficiency, 4),
            "others_cpu_percent": None if self.others_cpu_percent is None else round(self.others_cpu_percent, 1),
            "offered_fps": None if self.offered_fps is None else round(self.offered_fps, 2),
            "costs_ms": {**self.costs.to_json(), "whole_frame": round(self.frame_cpu_ms, 3)},
            "gil_ms": None if self.gil_ms is None else round(self.gil_ms, 3),
            "open_s": round(self.open_s, 3),
            "first_frame_s": round(self.first_frame_s, 3),
            "requests": self.requests,
            "model": self.model,
            "streams": list(self.streams),
            "seconds": round(self.seconds, 2),
            "machine": machine(),
        }


def bench_pipeline(
    config: AppConfig,
    *,
    seconds: float,
    warmup_s: float,
    costs_s: float = SECONDS_EACH,
    on_progress: OnProgress = lambda what, done_s, all_s: None,
) -> PipelineFigures:
    """Run the pipeline and measure it after a warm-up.

    Args:
        config: the streams and the model; files should loop.
        seconds: how long is measured.
        warmup_s: how long it runs before.
        costs_s: how long each part is measured alone, for the bound.
        on_progress: called with what is going on.

    Raises:
        StreamVisionError: when the run cannot begin, or something fails.
    """
    begin_s = time.monotonic()
    sources = list(name_streams(config.streams).values())
    config = with_goals(config, [spec for spec, _ in sources])
    tracker = create_tracker(config.tracker, score=config.model.score)
    detector = Model.open(config.model, score_floor=tracker.low_score if tracker else None)
    open_s = time.monotonic() - begin_s
    encode = JpegEncoder((config.serve or ServeConfig()).jpeg_quality)
    try:
        on_progress("parts alone", 0, 1)
        costs = measure_costs(detector, sources, encode=encode, slices=config.slices, seconds_each=costs_s)
        model, requests = detector.describe(), detector.requests
        pipeline: Pipeline | WorkerPool
        if config.workers > 1:
            detector.close()  # each worker process has its own; their pictures cross as they do for a page
            pipeline = WorkerPool(config.model_copy(update={"serve": config.serve or ServeConfig()}))
        else:
            pipeline = Pipeline(config, model=detector)
    except BaseException:
        detector.close()
        raise
    for channel in pipeline.view.channels.values():
        channel.add_viewer()  # as if somebody watched: every frame is drawn and encoded
    begin_s = time.monotonic()
    with pipeline:
        first_frame_s = _first_frame(pipeline) - begin_s
        _pass(pipeline, warmup_s, "warm-up", on_progress)
        before = Moment.of(pipeline)
        with LockProbe() as probe:
            _pass(pipeline, seconds, "measuring", on_progress)
        after = Moment.of(pipeline)
        memory_mb = rss_mb(_pids(pipeline))
        _check(pipeline)
        live = all(status.live for status in after.statuses)
        stages_ms = {
            stage: {name: round(1e3 * value, 3) for name, value in quantiles_of(newest).items()}
            for stage, times in pipeline.view.stage_times().items()
            if len(newest := times.newest(times.count - before.stage_counts[stage]))
        }
        ages = after.ages_since(before)
        streams = tuple(after.stream_since(before, name, ages_s) for name, ages_s in ages.items())
    wall_s = after.usage.at_s - before.usage.at_s
    frames = after.frames - before.frames
    return PipelineFigures(
        fps=frames / wall_s,
        stages_ms=stages_ms,
        age_s=quantiles_of(np.concatenate([*ages.values()])),
        cpu_percent=after.usage.cpu_percent_since(before.usage),
        others_cpu_percent=after.usage.others_percent_since(before.usage),
        rss_mb=memory_mb,
        first_frame_s=first_frame_s,
        open_s=open_s,
        offered_fps=(after.frames_in - before.frames_in) / wall_s if live else None,
        cores=usable_cores(),
        requests=requests,
        frame_cpu_ms=1e3 * (after.usage.cpu_s - before.usage.cpu_s) / max(frames, 1),
        gil_ms=None
        if probe.held_share is None or config.workers > 1
        else 1e3 * probe.held_share * wall_s / max(frames, 1),
        costs=costs,
        model=model,
        streams=streams,
        seconds=wall_s,
    )


@dataclass(frozen=True, eq=False)
class Moment:
    """The pipeline's counters at one moment; the difference of two says what happened in between."""

    usage: Usage
    """Processor time."""
    statuses: tuple[StreamStatus, ...]
    """Of the streams."""
    stage_counts: Counter[str]
    """How often each stage has run."""
    ages: Mapping[str, Distribution]
    """Ages of the finished frames, by stream; they go on being filled."""
    age_counts: Counter[str]
    """How many these were."""

    @classmethod
    def of(cls, pipeline: Pipeline | WorkerPool) -> Moment:
        """Read the counters."""
        ages = pipeline.ages()
        return cls(
            Usage.now(_pids(pipeline)),
            tuple(pipeline.statuses()),
            Counter({stage: times.count for stage, times in pipeline.view.stage_times().items()}),
            ages,
            Counter({name: age.count for name, age in ages.items()}),
        )

    @property
    def frames(self) -> int:
        """Finished frames of all streams."""
        return sum(status.frames_done for status in self.statuses)

    @property
    def frames_in(self) -> int:
        """Frames of all streams that came."""
        return sum(status.frames_in for status in self.statuses)

    @property
    def drops(self) -> int:
        """Frames of all streams that were dropped, whatever the cause."""
        return sum(sum(status.drops.values()) for status in self.statuses)

    def ages_since(self, before: Moment) -> dict[str, NDArray[np.float64]]:
        """Return by stream the ages of the frames that were finished since then, in seconds."""
        return {name: age.newest(self.age_counts[name] - before.age_counts[name]) for name, age in self.ages.items()}

    def stream_since(self, before: Moment, name: str, ages_s: NDArray[np.float64]) -> dict[str, Any]:
        """Return what one stream did since then, as plain values."""
        now, then = (next(s for s in moment.statuses if s.id == name) for moment in (self, before))
        wall_s = self.usage.at_s - before.usage.at_s
        return {
            "id": name,
            "source": now.source,
            "fps": round((now.frames_done - then.frames_done) / wall_s, 2),
            "age_s": quantiles_of(ages_s),
            "drops": {cause: count - then.drops.get(cause, 0) for cause, count in now.drops.items()},
            "adaptive": now.adaptive and asdict(now.adaptive),
            "effort": now.adaptive and now.adaptive.former_json(),
        }


def _pids(pipeline: Pipeline | WorkerPool) -> list[int]:
    return pipeline.pids if isinstance(pipeline, WorkerPool) else []


def _first_frame(pipeline: Pipeline | WorkerPool) -> float:
    """Wait until every stream has a finished frame; return when the first one had."""
    deadline_s = time.monotonic() + FIRST_FRAME_TIMEOUT_S
    first_s = None
    while True:
        done = [status.frames_done for status in pipeline.statuses()]
        if any(done) and first_s is None:
            first_s = time.monotonic()
        if all(done) and first_s is not None:
            return first_s
        _check(pipeline)
        if time.monotonic() > deadline_s:
            silent = [status.id for status in pipeline.statuses() if not status.frames_done]
            raise SourceError(f"no frame of {', '.join(silent)} came out within {FIRST_FRAME_TIMEOUT_S:.0f} s")
        time.sleep(0.005)


def _pass(pipeline: Pipeline | WorkerPool, seconds: float, what: str, on_progress: OnProgress) -> None:
    begin_s = time.monotonic()
    while (left_s := begin_s + seconds - time.monotonic()) > 0:
        on_progress(what, seconds - left_s, seconds)
        if pipeline.wait(min(POLL_S, left_s)):
            _check(pipeline)
            raise SourceError("every source ended before the time was over; give longer ones, or fewer --seconds")


def _check(pipeline: Pipeline | WorkerPool) -> None:
    if failures := pipeline.failures():
        raise StreamVisionError(failures[0])
