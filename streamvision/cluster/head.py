"""The streams of a service on the machines of a cluster: one page, one memory, and each stream on one node at a time.

Used as a :class:`~pipelines.engine.Pipeline` is. Nothing runs here but what shows and remembers results: a stream that
is added is given to the node that will be least full with it, and moves when that one is lost, or much fuller than
others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pipelines.assembly import name_stream
from pipelines.capture.registry import parse_source
from pipelines.outputs.sink import SinkFactory
from pipelines.rendering.renderer import JpegEncoder
from pipelines.run_outputs import RunOutputs
from streamvision.cluster.delivery import Delivery
from streamvision.cluster.link import NodeHandle, NodeLink
from streamvision.cluster.messages import Condition, NodeOrder, OpenModel, Told, Wanted
from streamvision.cluster.models import ClusterModels
from streamvision.cluster.placement import NodeLoad, StreamNeed, may_run, place, relief, why_nowhere
from streamvision.cluster.ray_nodes import Member
from streamvision.cluster.stream import ClusterStream
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.app import AppConfig, OutputsConfig, StreamConfig
from streamvision.core.config.cluster import ClusterConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.serve import ServeConfig
from streamvision.core.control import StreamExistsError, UnknownStreamError
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.redaction import short
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution, StageTimes, quantiles_ms

_log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""Longest wait for what a node says of a change; later it is told as the state of the stream."""
REMOVE_TIMEOUT_S = 4.0
"""Longest wait for the end of a stream that is removed."""
LOOK_S = 0.2
"""How often it is looked whether a stream waits for a node."""
MEMBERS_S = 1.0
"""How often it is looked which machines there are."""
MEASURED_S = 6.0
"""A stream counts in what was measured of its node when it has run for so long."""
RELIEF_S = 10.0
"""How often it is looked whether one stream should move."""
SETTLED_S = 60.0
"""How long a stream stays where it is, at least, unless its node is lost."""
RETRY_S = 10.0
"""How soon nodes are asked again that refused a stream, or could not be used."""
GATHER_S = 20.0
"""At the start streams wait so long for machines that are about to join: the first must not take all."""
STOP_TIMEOUT_S = 3.0
GPU_DEVICES = ("cuda", "tensorrt")


class Cluster(Protocol):
    """Which machines there are; see :class:`streamvision.cluster.ray_nodes.RayCluster`."""

    def members(self) -> list[Member]:
        """Return the machines that are there and offer cores."""

    def begin(self, member: Member, order: NodeOrder, *, gpu: bool) -> NodeHandle:
        """Begin a process that runs streams on a machine."""

    def close(self) -> None:
        """Take part in it no more."""


class ClusterPipeline:
    """Streams that come and go, on nodes that come and go.

    Args:
        config: everything that can be set; there are no streams in it.
        cluster: the machines.
        sinks: each makes one more output of every stream, in addition to what the configuration names.

    Raises:
        StreamVisionError: when something that is set cannot be used in a cluster.
    """

    relays: None = None
    """Packets do not cross machines, so that nobody passes them on."""
    model_groups: None = None
    """Nodes have the models."""

    def __init__(self, config: AppConfig, cluster: Cluster, *, sinks: Sequence[SinkFactory] = ()) -> None:
        if config.cluster is None or config.streams:
            raise ConfigError("a cluster runs the streams of a service, which come later; give cluster, and no streams")
        self._config = config
        self._settings: ClusterConfig = config.cluster
        self._cluster = cluster
        self._outputs = RunOutputs(config, further=sinks, several=True, shared=False)
        self._outputs.check([], [])
        serve = config.serve or ServeConfig()
        self._encode = JpegEncoder(serve.jpeg_quality)
        self._quality = serve.jpeg_quality
        self._times = StageTimes()
        self._heard = threading.Condition(threading.RLock())
        self._streams: dict[str, ClusterStream] = {}  # replaced, never changed: other threads go through it
        self._links: dict[str, NodeLink] = {}  # by node; replaced, never changed
        self._deliveries: dict[NodeLink, Delivery] = {}
        self._conditions: dict[NodeLink, Condition] = {}
        self._members: dict[str, Member] = {}
        self._leaving: dict[str, NodeLink] = {}  # streams that end on a node, by id: they run nowhere else meanwhile
        self._changing: set[str] = set()  # streams whose refusals somebody waits for
        self._unusable: dict[str, tuple[float, str]] = {}  # nodes that could not be used: since when, and why
        self._fault = ""
        self._version = 0
        self._relieved_at_s = self._began_at_s = time.monotonic()
        self._has_looked = False
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._changed = threading.Event()
        self.view = LiveView({}, statuses=self.statuses, stage_times=self._times.distributions, model=self._described())
        self.view.frame_ages = self.ages
        self.view.models = ClusterModels(config, self._open_models, self._streams_by_model)
        self._threads = [
            threading.Thread(target=self._keep_members, name="cluster-members", daemon=True),
            threading.Thread(target=self._keep_placed, name="cluster-placement", daemon=True),
        ]

    # --- as a pipeline ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look for machines and to give them streams."""
        self._began_at_s = time.monotonic()
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it was stopped; return whether it was."""
        return self._over.wait(timeout_s)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End all streams on all nodes and finish the outputs; one deadline holds for all of it."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._changed.set()
        enders = [threading.Thread(target=one.stop, args=(timeout_s,), daemon=True) for one in self._links.values()]
        for ender in enders:
            ender.start()
        deadline_s = time.monotonic() + timeout_s
        for thread in (*enders, *(one for one in self._threads if one.ident)):
            thread.join(max(deadline_s - time.monotonic(), 0.1))
        for delivery in tuple(self._deliveries.values()):
            delivery.end(1.0)
        for stream in self._streams.values():
            _close_outputs(stream)
        self._cluster.close()
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
            self._streams = {**self._streams, name: added}
            self._place_all()
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
            self._heard.wait_for(lambda: stream_id not in self._leaving, REMOVE_TIMEOUT_S)

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
            self._changing.add(stream_id)
            try:
                self._set(known, stream)
                self._heard.wait_for(lambda: known.verdict is not None or known.link is None, ANSWER_S)
                error = None if known.verdict is None else known.verdict.error
                if error is not None:
                    self._set(known, before)
            finally:
                self._changing.discard(stream_id)
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
        return tuple(dict.fromkeys(note for one in tuple(self._conditions.values()) for note in one.notes))

    def failures(self) -> list[str]:
        """Return what is wrong with the cluster, one sentence each."""
        unusable = [f"machine {self._name_of(node_id)}: {why}" for node_id, (_, why) in self._unusable.items()]
        return [*([self._fault] if self._fault else []), *unusable]

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
        _log.info("machine %s has joined", link.name)
        with self._heard:
            self._unusable.pop(link.node_id, None)
            self._deliveries[link] = Delivery(
                link, self._encode, stream_of=lambda name: self._streams.get(name), open_outputs=self._open_outputs
            )
        self._changed.set()

    def told(self, link: NodeLink, told: Told) -> None:
        """Take what a node has told."""
        with self._heard:
            self._take_state(link, told)
            self._heard.notify_all()
        delivery = self._deliveries.get(link)
        if delivery is not None:
            delivery.put(told.published)

    def _take_state(self, link: NodeLink, told: Told) -> None:
        own = {name: stream for name, stream in self._streams.items() if stream.link is link}
        if (condition := told.condition) is not None:
            self._conditions[link] = condition
            self.view.model = self._described()
            for stage, durations_s in condition.stage_times.items():
                for duration_s in durations_s:
                    self._times.add(stage, duration_s)
            for status in condition.statuses:
                if status.id in own:
                    own[status.id].tell(status)
            for name, names in condition.names.items():
                if name in own and names and own[name].channel.names != names:
                    own[name].channel.restart(names)
        for name, counted in told.counted.items():
            if name in own:
                own[name].analytics.tell(counted)
        for name, verdict in told.verdicts.items():
            stream = own.get(name)
            if stream is None or verdict.version != stream.version or stream.verdict == verdict:
                continue
            stream.verdict = verdict
            self._changed.set()
        if told.revision == link.revision:
            for name in [name for name, at in self._leaving.items() if at is link and name not in told.running]:
                del self._leaving[name]
                self._changed.set()

    def lost(self, link: NodeLink, reason: str) -> None:
        """Let others run what a node ran."""
        with self._heard:
            self._links = {name: one for name, one in self._links.items() if one is not link}
            self._conditions.pop(link, None)
            delivery = self._deliveries.pop(link, None)
            self._leaving = {name: at for name, at in self._leaving.items() if at is not link}
            freed = [stream for stream in self._streams.values() if stream.link is link]
            for stream in freed:
                stream.take_away(f"{link.name} is gone: {reason}")
            if not link.has_joined:
                self._unusable[link.node_id] = time.monotonic(), reason
            self._place_all()
        if link.has_joined:
            _log.warning("machine %s is gone: %s; its %d streams go to others", link.name, reason, len(freed))
        else:
            _log.error("machine %s cannot be used: %s", link.name, reason)
        if delivery is not None:
            delivery.end(1.0)
        self.view.model = self._described()
        self._changed.set()

    # --- housekeeping -----------------------------------------------------------------------------------------------

    def _keep_members(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look_for_members()
            except Exception as error:
                self._fault = f"the cluster does not say which machines it has: {error}"
                _log.debug("members", exc_info=True)
            self._stopping.wait(MEMBERS_S)

    def _keep_placed(self) -> None:
        while not self._stopping.is_set():
            try:
                self._settle()
            except Exception:
                _log.exception("placing streams")
            self._changed.wait(LOOK_S)
            self._changed.clear()

    # --- machines ---------------------------------------------------------------------------------------------------

    def _look_for_members(self) -> None:
        members = {member.id: member for member in self._cluster.members()}
        self._fault = ""
        self._members = {**self._members, **members}
        now_s = time.monotonic()
        for node_id in self._unusable.keys() - members.keys():
            self._unusable.pop(node_id, None)
        for member in members.values():
            tried_at_s, _ = self._unusable.get(member.id, (-RETRY_S, ""))
            if member.id in self._links or now_s - tried_at_s < RETRY_S or self._stopping.is_set():
                continue
            self._begin(member)
        self._has_looked = True
        held = members.keys() | self._links.keys()
        self._members = {node_id: one for node_id, one in self._members.items() if node_id in held}

    def _begin(self, member: Member) -> None:
        order = NodeOrder(
            config=self._node_config(),
            lease_s=self._settings.lease_s,
            cores=member.cores,
            folder=str(Path.cwd()),
            jpeg_quality=self._quality,
        )
        handle = self._cluster.begin(member, order, gpu=self._wants_gpu(self._config.model))
        link = NodeLink(
            member.id,
            member.name,
            handle,
            self,
            lease_s=self._settings.lease_s,
            take_over_s=self._settings.take_over_s,
        )
        with self._heard:
            self._links = {**self._links, member.id: link}
        link.start()

    def _node_config(self) -> AppConfig:
        """Return what holds on a node: what shows and remembers is done here."""
        own = AppConfig.model_fields
        here = ("event_log", "recording", "mqtt", "notify", "tracklets")
        return self._config.model_copy(
            update={
                **{key: own[key].get_default(call_default_factory=True) for key in here},
                "serve": None,
                "outputs": OutputsConfig(),
                "cluster": None,
            }
        )

    def _wants_gpu(self, model: ModelConfig) -> bool:
        return model.device.partition(":")[0] in GPU_DEVICES

    # --- placement --------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Give nodes to streams that wait, and now and then let one move."""
        with self._heard:
            now_s = time.monotonic()
            for stream in self._streams.values():
                if stream.id in self._changing:
                    continue
                if stream.link is not None and stream.verdict is not None and stream.verdict.error is not None:
                    stream.refused[stream.link.node_id] = stream.verdict.error
                    stream.refused_at_s = now_s
                    _log.error("stream %s on %s: %s", stream.id, stream.link.name, stream.verdict.error)
                    self._leave(stream, f"{stream.link.name} cannot run it: {stream.verdict.error}")
                elif stream.refused and now_s - stream.refused_at_s >= RETRY_S:
                    stream.refused.clear()
            self._place_all()
            if now_s - self._relieved_at_s >= RELIEF_S:
                self._relieved_at_s = now_s
                self._relieve(now_s)
            self._heard.notify_all()

    def _place_all(self) -> None:
        if self._gathers():
            return
        for stream in self._streams.values():
            if stream.link is not None or not stream.config.enabled or stream.id in self._leaving:
                continue
            nodes = self._loads()
            need = self._need(stream)
            if stream.preferred is not None and any(n.id == stream.preferred and may_run(n, need) for n in nodes):
                node_id: str | None = stream.preferred
            else:
                node_id = place(need, nodes)
            if node_id is None:
                stream.wait_for(why_nowhere(need, nodes))
                continue
            link = self._links[node_id]
            stream.place(link)
            link.revise()
            _log.info("stream %s runs on %s", stream.id, link.name)

    def _gathers(self) -> bool:
        """Say whether machines are about to join that are to have their part of the streams from the beginning."""
        is_complete = self._has_looked and all(link.has_joined for link in self._links.values())
        return not is_complete and time.monotonic() - self._began_at_s < GATHER_S

    def _relieve(self, now_s: float) -> None:
        """Let one stream move where a node is much fuller than another will be."""
        streams = self._streams.values()
        if self._leaving or any(one.config.enabled and now_s - one.placed_at_s < MEASURED_S for one in streams):
            return
        settled = {s.id: self._need(s) for s in streams if s.link is not None and now_s - s.placed_at_s >= SETTLED_S}
        move = relief(settled, self._loads())
        if move is not None:
            stream = self._streams[move.stream_id]
            name = self._links[move.to_node].name
            _log.info("stream %s moves to %s", stream.id, name)
            self._leave(stream, f"it moves to {name}")
            stream.preferred = move.to_node

    def _leave(self, stream: ClusterStream, reason: str) -> None:
        """Let a stream end where it runs."""
        link = stream.link
        if link is not None:
            self._leaving[stream.id] = link
            link.revise()
        stream.take_away(reason)

    def _loads(self) -> list[NodeLoad]:
        now_s = time.monotonic()
        found = []
        for node_id, link in self._links.items():
            member = self._members.get(node_id)
            if member is None or not link.has_joined or link.silent_s:
                continue
            own = [stream for stream in self._streams.values() if stream.link is link]
            condition = self._conditions.get(link)
            found.append(
                NodeLoad(
                    node_id,
                    member.cores,
                    member.gpus,
                    member.labels,
                    share=0.0 if condition is None else condition.share,
                    streams=tuple(stream.id for stream in own),
                    unmeasured=sum(now_s - stream.placed_at_s < MEASURED_S for stream in own),
                )
            )
        return found

    def _need(self, stream: ClusterStream) -> StreamNeed:
        model = self._config.for_stream(stream.config).model
        return StreamNeed(
            stream.id,
            stream.config.node_labels,
            gpu=self._wants_gpu(model),
            refused_by=frozenset(stream.refused),
        )

    # --- streams ----------------------------------------------------------------------------------------------------

    def _set(self, stream: ClusterStream, config: StreamConfig) -> None:
        """Let what is set for a stream be this from now on."""
        spec = parse_source(config.source, policy=config.policy, realtime=config.realtime)
        with self._heard:
            stream.spec, stream.config, stream.version = spec, config, self._next_version()
            stream.verdict = None
            stream.refused.clear()
            stream.analytics.config = self._analytics_of(config)
            member = None if stream.link is None else self._members.get(stream.link.node_id)
            if stream.link is None:
                self._place_all()
            elif not config.enabled:
                self._leave(stream, "")
            elif member is not None and any(member.labels.get(k) != v for k, v in config.node_labels.items()):
                self._leave(stream, "it moves to a machine with its labels")
            else:
                stream.link.revise()

    def _refusal(self, stream: ClusterStream) -> StreamVisionError | None:
        """Wait for what nodes say of a new stream; return why all that may run it refused it."""

        def is_nowhere() -> bool:
            return (
                stream.link is None
                and stream.id not in self._leaving
                and place(self._need(stream), self._loads()) is None
            )

        def is_answered() -> bool:
            runs = stream.verdict is not None and stream.verdict.error is None
            return not stream.config.enabled or runs or self._gathers() or is_nowhere()

        with self._heard:
            self._heard.wait_for(is_answered, ANSWER_S)
            return next(iter(stream.refused.values())) if stream.refused and is_nowhere() else None

    def _drop(self, stream: ClusterStream) -> None:
        with self._heard:
            self._streams = {name: one for name, one in self._streams.items() if one is not stream}
            self._leave(stream, "it is removed")
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
        with self._heard:
            if stream.outputs is None:
                stream.outputs = []
                stream.outputs = list(self._outputs.open([stream])[stream.id])

    def _open_models(self) -> dict[str | None, OpenModel]:
        return {name: one for told in tuple(self._conditions.values()) for name, one in told.models.items()}

    def _streams_by_model(self) -> dict[str | None, tuple[str, ...]]:
        streams = self._streams.values()
        used = {stream.config.model for stream in streams}
        return {name: tuple(one.id for one in streams if one.config.model == name) for name in used}

    def _next_version(self) -> int:
        self._version += 1
        return self._version

    def _described(self) -> str:
        models = list(dict.fromkeys(one.model for one in tuple(self._conditions.values()))) or [
            self._config.model.path.name
        ]
        count = sum(link.has_joined for link in self._links.values())
        return f"{'; '.join(models)}, {count} machine{'' if count == 1 else 's'}"

    def _name_of(self, node_id: str) -> str:
        member = self._members.get(node_id)
        return node_id if member is None else member.name


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
    outputs, stream.outputs = stream.outputs or [], []
    for output in outputs:
        output.close()
