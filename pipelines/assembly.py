"""Builds the streams of a run from its configuration: of each, what stands before and behind the network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from weakref import ref

from pipelines.capture.packet_fan_out import PacketFanOut
from pipelines.capture.packets import PacketListener
from pipelines.capture.registry import parse_source
from pipelines.capture.source import SourceSpec
from pipelines.capture.stream import PositionAt, StreamCapture
from pipelines.live_video.relays import PacketRelays
from pipelines.model_group import ModelGroup
from pipelines.rendering.overlay import Overlay
from pipelines.rendering.renderer import JpegEncoder, Renderer
from pipelines.scheduling.turns import Turns
from pipelines.stages.adaptive import AdaptiveInference
from pipelines.stages.analytics.analytics import Analysing
from pipelines.stages.base import StageContext
from pipelines.stages.registry import ConfiguredStage, build_stages
from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.stage import Tracking
from pipelines.stream import Stream
from pipelines.stream_settings import StreamSettings
from pipelines.stream_worker import StreamWorker
from streamvision.core.config.app import AppConfig
from streamvision.core.config.serve import ServeConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.live import LiveChannel
from streamvision.core.model_location import is_without_network
from streamvision.core.telemetry import StageTimes
from streamvision.inference.classical.model import ClassicalModel
from streamvision.inference.model import Model
from streamvision.inference.slicing.tiles import tiling_of

PacketListeners = Callable[[str, StreamConfig], PacketListener | None]
"""Gives who takes the encoded packets of a stream, by its id and what is set for it; ``None`` where nobody does."""
Sources = Mapping[str, tuple[SourceSpec, StreamConfig]]
"""Where each stream comes from, by its name."""


def settings_refusal(stream: StreamConfig, run: AppConfig, model: Model | None) -> str | None:
    """Return why what is set for a stream is refused, as far as that shows without its source; ``None``: it is not.

    Args:
        stream: what is set for it.
        run: what is set for the run.
        model: its model, where that is open.
    """
    try:
        own = run.for_stream(stream)
        create_tracker(own.tracker, score=own.model.score)
        if is_without_network(own.model.path):
            model = ClassicalModel(own.model)
        if model is not None:
            model.limits_of(own.model, score_floor=None)
            tiling_of(own.slices, model.card)
    except StreamVisionError as error:
        return str(error)
    return None


def name_streams(streams: Sequence[StreamConfig]) -> dict[str, tuple[SourceSpec, StreamConfig]]:
    """Parse each source and give each stream a name of its own: the configured one, or one made from the source.

    Raises:
        SourceError: when a source is of no known kind or does not exist.
        ConfigError: when two streams are given the same name, or the same pipe.
    """
    named: dict[str, tuple[SourceSpec, StreamConfig]] = {}
    configured = {stream.id for stream in streams if stream.id}
    for stream in streams:
        spec = parse_source(stream.source, policy=stream.policy, realtime=stream.realtime)
        named[name_stream(spec, stream, named, taken=configured)] = (spec, stream)
    return named


def check_cameras(config: AppConfig, names: Collection[str]) -> None:
    """Find out whether the streams that ``across_cameras`` speaks of are there.

    Raises:
        ConfigError: naming the first that is not.
    """
    across = config.across_cameras
    if across is None:
        return
    named = [*(across.streams or ()), *(name for way in across.transit for name in way.between)]
    for name in named:
        if name not in names:
            there = ", ".join(sorted(names))
            raise ConfigError(f"across_cameras speaks of the stream {name!r}, which there is not; there are {there}")


def check_clocks(config: AppConfig, sources: Sources, *, of: str | None = None) -> None:
    """Find out whether the streams that ``across_cameras`` compares have one clock: that of arrival, or their files'.

    Args:
        config: what is set for the run.
        sources: the streams.
        of: the one that is to begin, and which alone is named: its viewers need not know of others.

    Raises:
        ConfigError: naming a stream of each kind, where there are both.
    """
    across = config.across_cameras
    if across is None:
        return
    compared = {
        name: spec.live
        for name, (spec, stream) in sources.items()
        if stream.enabled and across.takes_part(name) and config.tracker_of(stream).name != "none"
    }
    file = next((name for name, live in compared.items() if not live), None)
    camera = next((name for name, live in compared.items() if live), None)
    if file is not None and camera is not None:
        first, second = repr(file), repr(camera)
        if of is not None:
            first, second = (repr(of), "another") if not sources[of][0].live else ("another", repr(of))
        raise ConfigError(
            f"across_cameras compares times, and {first} is read as a file, whose time counts from its beginning, "
            f"while {second} is live; give the file policy: live, so that it is played as a camera, or name in "
            "across_cameras.streams those that belong together"
        )


def name_stream(spec: SourceSpec, stream: StreamConfig, others: Sources, *, taken: Set[str] = frozenset()) -> str:
    """Return the name of a stream: the configured one, or an unused one made from its source.

    Args:
        spec: its source.
        stream: what is set for it.
        others: streams that there are already.
        taken: further names that are not given to a stream without one.

    Raises:
        ConfigError: when another stream has its name, or reads the same pipe.
    """
    if spec.kind == "pipe" and any(other.uri == spec.uri for other, _ in others.values()):
        raise ConfigError(f"two streams read {spec.safe_uri}, and each would get a part of it; give it to one")
    name = stream.id or _unused(spec.suggest_id, taken | others.keys())
    if name in others:
        raise ConfigError(f"two streams have the id {name!r}; give each its own")
    return name


@dataclass(frozen=True)
class StreamBuilder:
    """Builds streams: of each, what stands before and behind the network."""

    stages: Sequence[ConfiguredStage]
    """Stages beyond the built-in ones, of every stream."""
    times: StageTimes
    """Where the seconds of each stage are recorded."""
    turns: Turns = field(default_factory=Turns)
    """What all streams share that compute."""
    packets: PacketListeners | None = None
    """Who takes the encoded packets of each stream; ``None`` where nobody does."""
    relays: PacketRelays | None = None
    """Who passes them on to those who watch; ``None`` where nobody does."""
    position_at: PositionAt | None = None
    """Says where live streams are; ``None`` where nobody does."""

    def build(
        self,
        name: str,
        spec: SourceSpec,
        stream: StreamConfig,
        run: AppConfig,
        group: ModelGroup,
        *,
        patient: bool,
        channel: LiveChannel | None = None,
    ) -> Stream:
        """Return a stream, not yet started.

        Args:
            name: its id.
            spec: where its frames come from.
            stream: what is set for it.
            run: what is set for the run, as the stream sees it.
            group: the streams of its model, which it does not belong to yet.
            patient: whether it waits for a camera that is not there yet.
            channel: where those who watch find its frames; by default a new one.

        Raises:
            StreamVisionError: when something that is set for it is refused.
        """
        models = group.models

        def notify() -> None:
            if (there := reference()) is not None:
                group.batcher.notify(there)

        def note_frame() -> None:
            if (there := reference()) is not None:
                there.note_frame()

        model, names = models.first, models.names
        if stream.steps is not None:
            model = ClassicalModel(run.model)
            names = model.names
        card = model.card.model_copy(update={"names": names})
        packets = self._packets_of(name, stream)
        capture = StreamCapture(
            name,
            spec,
            config=stream,
            on_ready=note_frame,
            max_frames=run.max_frames,
            times=self.times,
            patient=patient,
            packets=packets,
            position_at=self.position_at,
        )
        tracker = create_tracker(run.tracker, score=run.model.score)
        adaptive = None
        if run.adaptive.mode == "adaptive":
            adaptive = AdaptiveInference(
                card,
                tiling=tiling_of(run.slices, card),
                refresh_s=run.adaptive.refresh_s,
                sure_score=run.model.score,
                tracker=tracker,
                budget=group.budget if spec.live else None,
                dropped=lambda: capture.drops.by_cause().get("newer_frame", 0),
            )
        context = StageContext(
            stream_id=name,
            live=spec.live,
            config=run,
            stream=stream,
            card=card,
            tracker=tracker,
            adaptive=adaptive,
            secondary=models.secondary,
        )
        skeleton = card.keypoints.skeleton if card.keypoints else ()
        overlay = Overlay(run.overlay, card.names, skeleton=skeleton)
        stages = build_stages(context, self.stages)  # last of what may be refused: nothing else has to be closed
        worker = StreamWorker(
            name,
            stages=stages,
            renderer=Renderer(overlay, JpegEncoder((run.serve or ServeConfig()).jpeg_quality), self.times, self.turns),
            channel=channel or LiveChannel(name, card.names),
            times=self.times,
            on_capacity=notify,
            requests=model.requests,
            drops=capture.drops,
            turns=self.turns,
        )
        analytics = next((stage.analytics for stage in stages if isinstance(stage, Analysing)), None)
        settings = StreamSettings(
            stream,
            run,
            model=model,
            worker=worker,
            overlay=overlay,
            tracker=tracker,
            adaptive=adaptive,
            analytics=analytics,
            packets=packets,
        )
        built = Stream(
            spec,
            capture,
            worker,
            settings=settings,
            group=group,
            adaptive=adaptive,
            tracking=next((stage for stage in stages if isinstance(stage, Tracking)), None),
            analytics=analytics,
        )
        reference = ref(built)  # its parts do not keep it
        return built

    def _packets_of(self, name: str, stream: StreamConfig) -> PacketListener | None:
        """Return who takes the packets of a stream; ``None`` where nobody does."""
        relay = self.relays.listener(name) if self.relays is not None else None
        other = self.packets(name, stream) if self.packets is not None else None
        listeners = [one for one in (relay, other) if one is not None]
        return PacketFanOut(name, listeners) if listeners else None


def _unused(name: str, taken: Set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
