"""Builds the streams of a run from its configuration: of each, what stands before and behind the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipelines.capture.registry import parse_source
from pipelines.capture.source import SourceSpec
from pipelines.capture.stream import StreamCapture
from pipelines.rendering.overlay import Overlay
from pipelines.rendering.renderer import JpegEncoder, Renderer
from pipelines.run_models import RunModels
from pipelines.scheduling.turns import Turns
from pipelines.stages.adaptive import AdaptiveInference, Budget
from pipelines.stages.analytics.analytics import Analysing
from pipelines.stages.base import StageContext
from pipelines.stages.registry import ConfiguredStage, build_stages
from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.stage import Tracking
from pipelines.stream import Stream
from pipelines.stream_worker import StreamWorker
from streamvision.core.config.app import AppConfig, ServeConfig, StreamConfig
from streamvision.core.errors import ConfigError
from streamvision.core.live import LiveChannel
from streamvision.core.telemetry import StageTimes

Sources = Mapping[str, tuple[SourceSpec, StreamConfig]]
"""Where each stream comes from, by its name."""


def name_streams(streams: tuple[StreamConfig, ...]) -> dict[str, tuple[SourceSpec, StreamConfig]]:
    """Parse each source and give each stream a name of its own: the configured one, or one made from the source.

    Raises:
        SourceError: when a source is of no known kind or does not exist.
        ConfigError: when two streams are given the same name, or the same pipe.
    """
    named: dict[str, tuple[SourceSpec, StreamConfig]] = {}
    taken = {stream.id for stream in streams if stream.id}
    for stream in streams:
        spec = parse_source(stream.source, policy=stream.policy, realtime=stream.realtime)
        if spec.kind == "pipe" and any(other.uri == spec.uri for other, _ in named.values()):
            raise ConfigError(f"two streams read {spec.safe_uri}, and each would get a part of it; give it to one")
        name = stream.id or _unused(spec.suggest_id, taken | named.keys())
        if name in named:
            raise ConfigError(f"two streams have the id {name!r}; give each its own")
        named[name] = (spec, stream)
    return named


def build_streams(
    sources: Sources,
    config: AppConfig,
    models: RunModels,
    *,
    stages: Sequence[ConfiguredStage],
    times: StageTimes,
    on_change: Callable[[Stream], None],
    patient: bool,
) -> dict[str, Stream]:
    """Return each stream by its name, not yet started.

    Args:
        sources: where they come from.
        config: everything else that can be set.
        models: what they share.
        stages: stages beyond the built-in ones.
        times: where the seconds of each stage are recorded.
        on_change: called when a stream has a frame for the network, or capacity behind it.
        patient: whether streams wait for a camera that is not there yet; each does where another one is live.
    """
    turns = Turns()
    budget = Budget(config.adaptive.full_frames_per_s)
    live = {name for name, (spec, _) in sources.items() if spec.live}
    return {
        name: _build_stream(
            name, spec, stream, config, models, budget, stages, times, on_change, turns, patient or bool(live - {name})
        )
        for name, (spec, stream) in sources.items()
    }


def _build_stream(
    name: str,
    spec: SourceSpec,
    stream_config: StreamConfig,
    config: AppConfig,
    models: RunModels,
    budget: Budget,
    stages: Sequence[ConfiguredStage],
    times: StageTimes,
    on_change: Callable[[Stream], None],
    turns: Turns,
    patient: bool,
) -> Stream:
    def notify() -> None:
        on_change(stream)

    def note_frame() -> None:
        if len(capture.buffer):
            worker.note_waiting()
        on_change(stream)

    card = models.first.card
    capture = StreamCapture(
        name,
        spec,
        config=stream_config,
        on_ready=note_frame,
        max_frames=config.max_frames,
        times=times,
        patient=patient,
    )
    tracker = create_tracker(config.tracker, score=config.model.score)
    adaptive = None
    if config.adaptive.mode == "adaptive":
        adaptive = AdaptiveInference(
            card,
            refresh_s=config.adaptive.refresh_s,
            sure_score=config.model.score,
            tracker=tracker,
            budget=budget if spec.live else None,
            dropped=lambda: capture.drops.by_cause().get("newer_frame", 0),
        )
    context = StageContext(
        stream_id=name,
        live=spec.live,
        config=config,
        stream=stream_config,
        card=card,
        tracker=tracker,
        adaptive=adaptive,
        secondary=models.secondary,
    )
    built = build_stages(context, stages)
    skeleton = card.keypoints.skeleton if card.keypoints else ()
    worker = StreamWorker(
        name,
        stages=built,
        renderer=Renderer(
            Overlay(config.overlay, card.names, skeleton=skeleton),
            JpegEncoder((config.serve or ServeConfig()).jpeg_quality),
            times,
            turns,
        ),
        channel=LiveChannel(name, card.names),
        times=times,
        on_capacity=notify,
        requests=models.first.requests,
        drops=capture.drops,
        turns=turns,
    )
    stream = Stream(
        spec,
        capture,
        worker,
        adaptive=adaptive,
        tracking=next((stage for stage in built if isinstance(stage, Tracking)), None),
        analytics=next((stage.analytics for stage in built if isinstance(stage, Analysing)), None),
    )
    return stream


def _unused(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
