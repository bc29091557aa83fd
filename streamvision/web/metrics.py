"""The state of the pipeline in the terms of Prometheus; read from the statuses when asked, counted nowhere twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from streamvision.core.live import LiveView
from streamvision.core.status import FORMER_PLAN_NAMES, StreamStatus
from streamvision.core.stream_state import StreamState
from streamvision.core.telemetry import BUCKETS_S, Distribution
from streamvision.core.version import __version__
from streamvision.web.fanout import Fanout
from streamvision.web.fleet import fleet_metrics
from streamvision.web.layers import Layer
from streamvision.web.notify_metrics import notify_metrics
from streamvision.web.region_metrics import bounded, region_metrics
from streamvision.web.video_fanout import VideoFanout


def build_registry(view: LiveView, fanout: Fanout) -> CollectorRegistry:
    """Return a registry of its own, so that several pipelines may live in one process."""
    registry = CollectorRegistry()
    registry.register(PipelineCollector(view, fanout))
    ProcessCollector(registry=registry)
    return registry


class PipelineCollector(Collector):
    """Gives all metrics of one pipeline."""

    def __init__(self, view: LiveView, fanout: Fanout) -> None:
        self._view = view
        self._fanout = fanout

    def describe(self) -> Iterator[Metric]:
        """Name no metric in advance: the pipeline need not be ready when the registry is built."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Read the pipeline once and give every metric."""
        statuses = self._view.statuses()
        info = {"version": __version__, "model": self._view.model}
        yield InfoMetricFamily("streamvision", "Program and model.", value=info)
        yield from _counters(statuses)
        yield from _gauges(statuses)
        yield _states(statuses)
        yield from region_metrics(statuses)
        targets = [] if self._view.notify is None else self._view.notify.statuses()
        broker = [] if self._view.mqtt is None else [self._view.mqtt()]
        if told := [*targets, *broker]:
            yield from notify_metrics(told)
        if self._view.fleet is not None:
            yield from fleet_metrics(self._view.fleet.status())
        yield _histogram("streamvision_stage_seconds", "Seconds spent in a stage.", "stage", self._view.stage_times())
        yield _histogram(
            "streamvision_frame_age_seconds",
            "Age of a frame at the end of the pipeline.",
            "stream",
            self._view.frame_ages(),
        )
        yield _histogram(
            "streamvision_sent_age_seconds",
            "Age of a frame when it was handed to the network for its first viewer.",
            "stream",
            {channel.stream_id: channel.sent_age_s for channel in self._view.channels.values()},
        )
        yield GaugeMetricFamily("streamvision_live_connections", "Open live responses.", self._fanout.connections)
        yield from _layers(self._view, self._fanout.videos)
        evicted = CounterMetricFamily(
            "streamvision_evicted_connections", "Live responses closed by the server.", labels=["cause"]
        )
        for cause, count in sorted(self._fanout.evicted.items()):
            evicted.add_metric([cause], count)
        yield evicted


def _layers(view: LiveView, videos: VideoFanout) -> Iterator[Metric]:
    """Give who takes which layer of live video; what is no video is drawn pictures."""
    viewers = GaugeMetricFamily("streamvision_live_viewers", "Who watches now, by layer.", labels=["layer"])
    skips = CounterMetricFamily(
        "streamvision_live_skips", "How often a viewer was skipped to a key frame, by layer.", labels=["layer"]
    )
    given = CounterMetricFamily("streamvision_live_bytes", "Bytes of packets given to viewers.", labels=["layer"])
    video_layers: tuple[Layer, ...] = ("source", "h264")
    watching = sum(channel.viewers for channel in view.channels.values())
    viewers.add_metric(["jpeg"], max(watching - sum(videos.viewers[layer] for layer in video_layers), 0))
    for layer in video_layers:
        viewers.add_metric([layer], videos.viewers[layer])
        skips.add_metric([layer], videos.skips[layer])
        given.add_metric([layer], videos.given_bytes[layer])
    yield from (viewers, skips, given)


def _counters(statuses: list[StreamStatus]) -> Iterator[Metric]:
    frames_in = CounterMetricFamily("streamvision_frames_in", "Frames that came.", labels=["stream"])
    frames_done = CounterMetricFamily("streamvision_frames_done", "Frames that went the whole way.", labels=["stream"])
    dropped = CounterMetricFamily("streamvision_frames_dropped", "Frames that did not.", labels=["stream", "cause"])
    reconnects = CounterMetricFamily("streamvision_reconnects", "Sources opened again.", labels=["stream"])
    identities = CounterMetricFamily(
        "streamvision_identities", "Confirmed identities since the start.", labels=["stream", "class"]
    )
    stage_frames = CounterMetricFamily(
        "streamvision_stage_frames", "Frames of the user's own stages.", labels=["stream", "stage", "outcome"]
    )
    stage_counts = GaugeMetricFamily(
        "streamvision_stage_count", "What else a stage counts, by name.", labels=["stream", "stage", "name"]
    )
    plans = CounterMetricFamily(
        "streamvision_inference_plans", "Frames by what the network was shown of them.", labels=["stream", "kind"]
    )
    looks = CounterMetricFamily(
        "streamvision_looks", "Former name of streamvision_inference_plans.", labels=["stream", "kind"]
    )
    output_failures = CounterMetricFamily(
        "streamvision_output_failures", "How often an output could not be written to.", labels=["stream", "output"]
    )
    output_lost = CounterMetricFamily(
        "streamvision_output_frames_lost",
        "Finished frames that are missing in an output.",
        labels=["stream", "output", "cause"],
    )
    for status in statuses:
        for output in status.outputs:
            output_failures.add_metric([status.id, output.name], output.failures)
            for cause, count in sorted(output.lost.items()):
                output_lost.add_metric([status.id, output.name, cause], count)
        for kind, count in (status.adaptive.plans if status.adaptive else {}).items():
            plans.add_metric([status.id, kind], count)
            looks.add_metric([status.id, FORMER_PLAN_NAMES[kind]], count)
        for stage in status.stages:
            outcomes = {
                "done": stage.done,
                "overrun": stage.overruns,
                "skipped": stage.skipped,
                "failed": stage.failures,
            }
            for outcome, count in outcomes.items():
                stage_frames.add_metric([status.id, stage.name, outcome], count)
            for name, count in sorted(stage.counts.items()):
                stage_counts.add_metric([status.id, stage.name, name], count)
        frames_in.add_metric([status.id], status.frames_in)
        frames_done.add_metric([status.id], status.frames_done)
        reconnects.add_metric([status.id], status.reconnects)
        for cause, count in sorted(status.drops.items()):
            dropped.add_metric([status.id, cause], count)
        for name, count in sorted(bounded(status.identities).items()):
            identities.add_metric([status.id, name], count)
    yield from (frames_in, frames_done, dropped, reconnects, identities, plans, looks, stage_frames, stage_counts)
    yield from (output_failures, output_lost)


def _gauges(statuses: list[StreamStatus]) -> Iterator[Metric]:
    fps = GaugeMetricFamily("streamvision_fps", "Frames done per second.", labels=["stream"])
    newest = GaugeMetricFamily(
        "streamvision_newest_frame_age_seconds",
        "Age of the newest finished frame now; grows while the stream is silent.",
        labels=["stream"],
    )
    viewers = GaugeMetricFamily("streamvision_viewers", "Who watches the picture now.", labels=["stream"])
    objects = GaugeMetricFamily("streamvision_objects", "Objects on the newest frame.", labels=["stream", "class"])
    pending = GaugeMetricFamily(
        "streamvision_pending_seconds", "For how long a frame waits without any being finished.", labels=["stream"]
    )
    writing = GaugeMetricFamily(
        "streamvision_output_writing", "0 where an output fails, 1 where it does not.", labels=["stream", "output"]
    )
    for status in statuses:
        for output in status.outputs:
            writing.add_metric([status.id, output.name], float(output.state != "failing"))
        fps.add_metric([status.id], status.fps)
        pending.add_metric([status.id], status.pending_s)
        viewers.add_metric([status.id], status.viewers)
        if status.newest_age_s is not None:
            newest.add_metric([status.id], status.newest_age_s)
        for name, count in sorted(bounded(status.objects).items()):
            objects.add_metric([status.id, name], count)
    yield from (fps, newest, viewers, objects, writing, pending)


def _states(statuses: list[StreamStatus]) -> Metric:
    states = GaugeMetricFamily(
        "streamvision_stream_state",
        "1 for the state that the stream is in, 0 for the others.",
        labels=["stream", "state"],
    )
    for status in statuses:
        for state in StreamState:
            states.add_metric([status.id, state.value], float(state.value == status.state))
    return states


def _histogram(name: str, documentation: str, label: str, distributions: Mapping[str, Distribution]) -> Metric:
    family = HistogramMetricFamily(name, documentation, labels=[label])
    for value, distribution in distributions.items():
        found = distribution.histogram()
        bounds = [*map(str, BUCKETS_S), "+Inf"]
        family.add_metric([value], list(zip(bounds, found.cumulative, strict=True)), found.total)
    return family
