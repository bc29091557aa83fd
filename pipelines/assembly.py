"""Builds the streams of a run from its configuration: of each, what stands before and behind the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipelines.capture.registry import parse_source
from pipelines.capture.source import SourceSpec
from pipelines.capture.stream import StreamCapture
from pipelines.outputs.encode import JpegEncoder
from pipelines.rendering.overlay import Overlay
from pipelines.run_models import RunModels
from pipelines.stages.adaptive import AdaptiveInference, Budget
from pipelines.stages.analytics import Analytics
from pipelines.stages.keypoint_smoother import KeypointSmoother
from pipelines.stages.score_smoother import ScoreSmoother
from pipelines.stages.tracking import create_tracker
from pipelines.stages.user_code.chain import StageChain
from pipelines.stream import Stream
from pipelines.stream_worker import StreamWorker
from streamvision.core.config.app import AppConfig, ServeConfig, StreamConfig
from streamvision.core.errors import ConfigError
from streamvision.core.live import LiveChannel
from streamvision.core.telemetry import StageTimes
from streamvision.core.user_stage import Stage

Sources = Mapping[str, tuple[SourceSpec, StreamConfig]]
"""Where each stream comes from, by its name."""


def name_streams(streams: tuple[StreamConfig, ...]) -> dict[str, tuple[SourceSpec, StreamConfig]]:
    """Parse each source and give each stream a name of its own: the configured one, or one made from the source.

    Raises:
        SourceError: when a source is of no known kind or does not exist.
        ConfigError: when two streams are given the same name.
    """
    named: dict[str, tuple[SourceSpec, StreamConfig]] = {}
    taken = {stream.id for stream in streams if stream.id}
    for stream in streams:
        spec = parse_source(stream.source, policy=stream.policy, realtime=stream.realtime)
        name = stream.id or _unused(spec.suggest_id, taken | named.keys())
        if name in named:
            raise ConfigError(f"two streams have the id {name!r}; give each its own")
        named[name] = (spec, stream)
    return named


def build_streams(
    sources: Sources,
    config: AppConfig,
    networks: RunModels,
    *,
    stages: Sequence[Stage],
    times: StageTimes,
    on_change: Callable[[], None],
) -> dict[str, Stream]:
    """Return each stream by its name, not yet started.

    Args:
        sources: where they come from.
        config: everything else that can be set.
        networks: what they share.
        stages: the user's own code.
        times: where the seconds of each stage are recorded.
        on_change: called when a stream has a frame for the network, or room behind it.
    """
    budget = Budget(config.adaptive.full_frames_per_s)
    encode = JpegEncoder((config.serve or ServeConfig()).jpeg_quality)
    names, keypoints = networks.detector.names, networks.detector.card.keypoints
    smooth = config.tracker.smooth_keypoints and keypoints is not None
    streams: dict[str, Stream] = {}
    for name, (spec, stream_config) in sources.items():
        analytics = config.analytics if stream_config.analytics is None else stream_config.analytics
        capture = StreamCapture(
            name, spec, config=stream_config, on_ready=on_change, max_frames=config.max_frames, times=times
        )
        lane = StreamWorker(
            name,
            effort=_effort(config, networks, budget if spec.live else None, capture),
            tracker=create_tracker(config.tracker, score=config.model.score),
            keypoints=KeypointSmoother(memory_s=config.tracker.memory_s) if smooth else None,
            classes=ScoreSmoother(over_s=config.model.steady_s) if config.model.steady_s else None,
            analyst=Analytics(analytics, names, memory_s=config.tracker.memory_s),
            second=networks.second.stage(patient=not spec.live),
            stages=StageChain(stages, stream_id=name, names=names) if stages else None,
            overlay=Overlay(config.overlay, names, skeleton=keypoints.skeleton if keypoints else ()),
            encode=encode,
            channel=LiveChannel(name, names),
            times=times,
            on_room=on_change,
            requests=networks.detector.requests,
        )
        streams[name] = Stream(spec, capture, lane)
    return streams


def _effort(
    config: AppConfig, networks: RunModels, budget: Budget | None, capture: StreamCapture
) -> AdaptiveInference | None:
    if config.adaptive.mode == "full":
        return None
    return AdaptiveInference(
        networks.detector.card,
        refresh_s=config.adaptive.refresh_s,
        sure_score=config.model.score,
        budget=budget,
        dropped=lambda: capture.drops.by_cause().get("newer_frame", 0),
    )


def _unused(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
