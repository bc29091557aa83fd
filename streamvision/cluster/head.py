"""The streams of a service on the machines of a cluster: one page, one memory, and each stream on one node at a time.

Used as a :class:`~pipelines.engine.Pipeline` is. Nothing runs here but what shows and remembers results: a stream that
is added is given to the node that will be least full with it, and moves when that one is lost, or much fuller than
others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from pipelines.assembly import name_stream
from pipelines.capture.registry import parse_source
from pipelines.outputs.sink import SinkFactory
from pipelines.rendering.renderer import JpegEncoder
from pipelines.run_outputs import RunOutputs
from pipelines.workers.process import Published
from streamvision.cluster.delivery import Delivery
from streamvision.cluster.link import NodeLink
from streamvision.cluster.machines import Cluster, Machines
from streamvision.cluster.messages import Told, Wanted
from streamvision.cluster.models import ClusterModels
from streamvision.cluster.scheduler import Scheduler
from streamvision.cluster.stream import ClusterStream
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.app import AppConfig
from streamvision.core.config.serve import ServeConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.control import StreamExistsError, UnknownStreamError
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.redaction import redact_outside, short
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution, StageTimes, quantiles_ms

ANSWER_S = 5.0
"""Longest wait for what a node says of a change; later it is told as the state of the stream."""
REMOVE_TIMEOUT_S = 4.0
"""Longest wait for the end of a stream that is removed."""
STOP_TIMEOUT_S = 3.0
WRITE_TIMEOUT_S = 1.0
"""Longest wait until what nodes found last is written."""
OUTPUTS_RETRY_S = 10.0
"""How soon outputs are opened again that could not be."""

_log = logging.getLogger(__name__)


class ClusterPipeline:
    """Streams that come and go, on nodes that come and go.

    Args:
        config: everything that can be set; there are no streams in it.
        cluster: the machines.
        sinks: each makes one more output of every stream, in addition to what the configuration names.
        quiet_s: for how long no stream is placed, since machines may run those of a head before; default: as long as
            they may do so without word of it.
        on_head_away: told, with a sentence, where Ray's head is away for so long that the run is over.

    Raises:
        StreamVisionError: when something that is set cannot be used in a cluster.
    """

    relays: None = None
    """Packets do not cross machines, so that nobody passes them on."""
    model_groups: None = None
    """Nodes have the models."""

    def __init__(
        self,
        config: AppConfig,
        cluster: Cluster,
        *,
        sinks: Sequence[SinkFactory] = (),
        quiet_s: float | None = None,
        on_head_away: Callable[[str], None] = _log.error,
    ) -> None:
        if config.cluster is None or config.streams:
            raise ConfigError("a cluster runs the streams of a service, which come later; give cluster, and no streams")
        self._config = config
        self._outputs = RunOutputs(config, further=sinks, several=True, shared=False)
        self._outputs.check([], [])
        self._encode = JpegEncoder((config.serve or ServeConfig()).jpeg_quality)
        self._times = StageTimes()
        self._heard = threading.Condition(threading.RLock())
        quiet_s = config.cluster.take_over_s if quiet_s is None else quiet_s
        self._machines = Machines(
            config, config.cluster, cluster, self, self._heard, quiet_s=quiet_s, on_head_away=on_head_away
        )
        self._scheduler = Scheduler(config, self._machines, self._heard)
        self._opening = threading.Lock()
        self._deliveries: dict[NodeLink, Delivery] = {}
        self._version = 0
        self._stopped = False
        self._over = threading.Event()
        self.view = LiveView(
            {}, statuses=self.statuses, stage_times=self._times.distributions, model=self._machines.describe()
        )
        self.view.frame_ages = self.ages
        self.view.models = models = ClusterModels(config, self._machines.open_models, self._streams_by_model)
        self.view.model_of = models.describe_of

    # --- as a pipeline ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look for machines and to give them streams."""
        self._machines.start()
        self._scheduler.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it was stopped; return whether it was."""
        return self._over.wait(timeout_s)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End all streams on all nodes and finish the outputs; one deadline holds for all of it."""
        with self._heard:
            if self._stopped:
                return
            self._stopped = True
        self._scheduler.stop()
        self._machines.stop(timeout_s)
        deadline_s = time.monotonic() + WRITE_TIMEOUT_S
        for delivery in tuple(self._deliveries.values()):
            delivery.end(max(deadline_s - time.monotonic(), 0.0))
        for stream in self._streams.values():
            _close_outputs(stream)
        self._over.set()

    def add_stream(self, stream: StreamConfig) -> str:
        """Run one stream more, on the node that will be least full with it; return its id.

        Where no node can take it, it waits for one.

        Raises:
            StreamExistsError: when there is a stream of that id.
            StreamVisionError: when what is set for it is refused, here or by all nodes that may run it.
        """
        _check(self._config, stream)
        spec = parse_source(stream.source, policy=stream.policy, realtime=stream.realtime)
        with self._heard:
            if stream.id in self._streams:
                raise StreamExistsError(f"there is a stream {stream.id!r} already; give another id")
            others = {name: (one.spec, one.config) for name, one in self._streams.items()}
            name = name_stream(spec, stream, others)
            added = ClusterStream(
                spec,
                stream,
                LiveChannel(name, ()),
                version=self._next_version(),
                analytics=self._analytics_of(stream),
                apply=lambda config: self._apply_analytics(name, config),
            )
            self._scheduler.add(added)
        self.view.put(added.channel, added.analytics)
        error = self._refusal(added)
        if error is not None:
            self._drop(added)
            raise error
        return name

    def remove_stream(self, stream_id: str) -> None:
        """End a stream, finish its outputs and forget it, within a few seconds; the others go on.

        Raises:
            UnknownStreamError: when there is no stream of that id.
        """
        stream = self._known(stream_id)
        self._drop(stream)
        with self._heard:
            self._heard.wait_for(lambda: not self._scheduler.is_leaving(stream_id), REMOVE_TIMEOUT_S)

    def replace_stream(self, stream_id: str, stream: StreamConfig) -> None:
        """Change what is set for a stream, while the others go on.

        Raises:
            UnknownStreamError: when there is no stream of that id.
            StreamVisionError: when what is set is refused; the stream goes on as before.
        """
        if stream.id not in (None, stream_id):
            raise ConfigError(f"stream {stream_id!r} cannot become {stream.id!r}; remove it and add the other")
        known = self._known(stream_id)
        _check(self._config, stream)
        before = known.config
        with self._heard:
            self._scheduler.changing.add(stream_id)
            try:
                self._set(known, stream)
                self._heard.wait_for(lambda: known.verdict is not None or known.link is None, ANSWER_S)
                error = None if known.verdict is None else known.verdict.error
                if error is not None:
                    self._set(known, before)
            finally:
                self._scheduler.changing.discard(stream_id)
        if error is not None:
            raise error
        if before.source != stream.source:
            known.channel.restart(known.channel.names)

    def statuses(self) -> list[StreamStatus]:
        """Return how each stream is doing now, in the order in which they came."""
        return [stream.status() for stream in self._streams.values()]

    def ages(self) -> dict[str, Distribution]:
        """Return the ages of each stream's results when they were here, in seconds."""
        return {name: stream.age_s for name, stream in self._streams.items()}

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Return p50, p95 and p99 of the newest durations of each stage, in milliseconds, over all nodes."""
        return quantiles_ms(self._times.distributions())

    def notes(self) -> tuple[str, ...]:
        """Return what had to be assumed of the models, a sentence each."""
        return self._machines.notes()

    def failures(self) -> list[str]:
        """Return what is wrong with the cluster, or with the outputs of streams, one sentence each."""
        faults = [stream.outputs_fault for stream in self._streams.values() if stream.outputs_fault]
        return [*self._machines.failures(), *faults]

    # --- what nodes say; from the threads of their links ------------------------------------------------------------

    def wanted_of(self, link: NodeLink) -> dict[str, Wanted]:
        """Return what a node is to run, by id."""
        with self._heard:
            return {name: stream.wanted() for name, stream in self._streams.items() if stream.link is link}

    def viewers_of(self, link: NodeLink) -> dict[str, int]:
        """Return how many watch its streams, where somebody does."""
        streams = self._streams.items()
        return {name: one.channel.viewers for name, one in streams if one.link is link and one.channel.viewers}

    def joined(self, link: NodeLink) -> None:
        """Let a node have streams."""
        self._machines.note_joined(link)
        delivery = Delivery(link, self._encode, open_outputs=self._open_outputs)
        with self._heard:
            self._deliveries[link] = delivery
        with self._heard:
            self._scheduler.joined(link)

    def told(self, link: NodeLink, told: Told) -> None:
        """Take what a node has told."""
        if (condition := told.condition) is not None:
            self._machines.note_condition(link, condition)
            self.view.model = self._machines.describe()
            for stage, durations_s in condition.stage_times.items():
                for duration_s in durations_s:
                    self._times.add(stage, duration_s)
        with self._heard:
            results = self._accepted(link, told)  # before a stream is taken from it: what it found last counts, too
            self._scheduler.told(link, told)
            self._heard.notify_all()
            delivery = self._deliveries.get(link)
        if delivery is not None:
            delivery.put(results)

    def lost(self, link: NodeLink, reason: str) -> None:
        """Let others run what a node ran."""
        self._machines.note_lost(link, reason)
        with self._heard:
            delivery = self._deliveries.pop(link, None)
        if delivery is not None:
            delivery.end(WRITE_TIMEOUT_S)
        with self._heard:
            self._scheduler.lost(link, reason)
            self._heard.notify_all()
        self.view.model = self._machines.describe()

    # --- streams ----------------------------------------------------------------------------------------------------

    @property
    def _streams(self) -> Mapping[str, ClusterStream]:
        return self._scheduler.streams

    def _accepted(self, link: NodeLink, told: Told) -> list[tuple[ClusterStream, Published]]:
        """Return the results of streams of which a node may tell, which are not removed and do not run elsewhere."""
        streams = self._streams
        found = [(streams.get(one.result.frame.stream_id), one) for one in told.published]
        return [(stream, one) for stream, one in found if stream is not None and self._scheduler.takes(link, stream)]

    def _set(self, stream: ClusterStream, config: StreamConfig) -> None:
        """Let what is set for a stream be this from now on."""
        stream.spec = parse_source(config.source, policy=config.policy, realtime=config.realtime)
        stream.config, stream.version, stream.verdict = config, self._next_version(), None
        stream.refused.clear()
        self._scheduler.forgive(stream)
        stream.analytics.config = self._analytics_of(config)
        if stream.link is None:
            self._scheduler.place_all()
        elif self._scheduler.fits(stream):
            stream.link.revise()
        else:
            self._scheduler.leave(stream, "it moves to a machine with its labels")

    def _refusal(self, stream: ClusterStream) -> StreamVisionError | None:
        """Wait for what nodes say of a new stream; return why all that may run it refused it."""
        scheduler = self._scheduler

        def is_answered() -> bool:
            runs = stream.verdict is not None and stream.verdict.error is None
            return not stream.config.enabled or runs or self._machines.gather() or scheduler.is_nowhere(stream)

        with self._heard:
            self._heard.wait_for(is_answered, ANSWER_S)
            return next(iter(stream.refused.values())) if stream.refused and scheduler.is_nowhere(stream) else None

    def _drop(self, stream: ClusterStream) -> None:
        with self._heard:
            self._scheduler.remove(stream)
        self.view.remove(stream.id)
        _close_outputs(stream)

    def _known(self, stream_id: str) -> ClusterStream:
        stream = self._streams.get(stream_id)
        if stream is None:
            known = ", ".join(self._streams) or "none"
            raise UnknownStreamError(f"there is no stream {short(stream_id)!r}; the streams are: {known}")
        return stream

    def _apply_analytics(self, stream_id: str, config: AnalyticsConfig) -> None:
        stream = self._known(stream_id)
        self.replace_stream(stream_id, stream.config.model_copy(update={"analytics": config}))

    def _analytics_of(self, stream: StreamConfig) -> AnalyticsConfig:
        return self._config.analytics if stream.analytics is None else stream.analytics

    def _open_outputs(self, stream: ClusterStream) -> None:
        """Open what a stream's results are written to, if it is time for that; never within the lock of the head,
        since a disk may hang, and nodes are to be heard all the same.
        """
        with self._opening:
            if stream.outputs is not None or time.monotonic() < stream.outputs_due_s:
                return
            try:
                stream.outputs = list(self._outputs.open([stream])[stream.id])
                stream.outputs_fault = ""
            except Exception as error:  # somebody's own sink may raise whatever it likes
                is_known = isinstance(error, StreamVisionError)
                stream.outputs_due_s = time.monotonic() + OUTPUTS_RETRY_S
                stream.outputs_fault = redact_outside(f"stream {stream.id}: {error if is_known else repr(error)}")
                _log.error("%s", stream.outputs_fault, exc_info=None if is_known else error)
            if stream.is_over:
                _close_outputs(stream)

    def _streams_by_model(self) -> dict[str | None, tuple[str, ...]]:
        streams = self._streams.values()
        used = {stream.config.model for stream in streams}
        return {name: tuple(one.id for one in streams if one.config.model == name) for name in used}

    def _next_version(self) -> int:
        self._version += 1
        return self._version


def _check(run: AppConfig, stream: StreamConfig) -> None:
    """Refuse what does not go across machines.

    Raises:
        ConfigError: says what.
    """
    run.for_stream(stream)
    if stream.recording is not None and stream.recording.mode not in (None, "off"):
        raise ConfigError(
            "recording keeps the cameras' own packets, which stay on the machines of a cluster; leave it out"
        )


def _close_outputs(stream: ClusterStream) -> None:
    stream.is_over = True
    outputs, stream.outputs = stream.outputs or [], []
    for output in outputs:
        output.close()
