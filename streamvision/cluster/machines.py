"""The machines of a cluster: which there are, a process on each that runs streams, and how full they are."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from streamvision.cluster.link import LinkOwner, NodeHandle, NodeLink
from streamvision.cluster.messages import Condition, NodeOrder, OpenModel
from streamvision.cluster.placement import NodeLoad
from streamvision.cluster.ray_nodes import Member
from streamvision.cluster.stream import ClusterStream
from streamvision.core.config.app import AppConfig
from streamvision.core.config.cluster import ClusterConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.config.serve import ServeConfig

_log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often it is looked which machines there are."""
MEASURED_S = 10.0
"""A stream counts in what was measured of its node when it has run for so long."""
CLOSE_TIMEOUT_S = 5.0
"""Longest wait for the end of the connection with the cluster."""
RETRY_S = 10.0
"""How soon a machine is tried again that could not be used."""
HEAD_AWAY_S = 45.0
"""A cluster that has not said for so long which machines it has is lost: after 60 s Ray ends this process."""
GATHER_S = 60.0
"""At the start streams wait so long for machines that are about to join: the first must not take all."""
GPU_DEVICES = ("cuda", "tensorrt")


class Cluster(Protocol):
    """Which machines there are; see :class:`streamvision.cluster.ray_nodes.RayCluster`."""

    def members(self) -> list[Member]:
        """Return the machines that are there and offer cores."""

    def begin(self, member: Member, order: NodeOrder, *, gpu: bool) -> NodeHandle:
        """Begin a process that runs streams on a machine."""

    def close(self) -> None:
        """Take part in it no more."""


class Machines:
    """Of one head, whose lock guards them.

    Args:
        config: the run.
        settings: the cluster, as it is set.
        cluster: says which machines there are.
        owner: whom their links tell.
        lock: of the head.
        quiet_s: for how long after the start no stream is placed, at least.
        on_head_away: told once, with a sentence, where Ray's head has been away for so long that the run is over.
    """

    def __init__(
        self,
        config: AppConfig,
        settings: ClusterConfig,
        cluster: Cluster,
        owner: LinkOwner,
        lock: threading.Condition,
        *,
        quiet_s: float,
        on_head_away: Callable[[str], None],
    ) -> None:
        self.links: Mapping[str, NodeLink] = {}
        """Links by node, those that have not joined yet among them; replaced, never changed."""
        self._config = config
        self._settings = settings
        self._cluster = cluster
        self._owner = owner
        self._lock = lock
        self._quiet_s = quiet_s
        self._conditions: dict[NodeLink, Condition] = {}
        self._members: Mapping[str, Member] = {}
        self._unusable: dict[str, tuple[float, str]] = {}  # nodes that could not be used: since when, and why
        self._fault = ""
        self._began_at_s = time.monotonic()
        self._has_looked = False
        self._looked_at_s = math.inf
        self._on_head_away = on_head_away
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="cluster-machines", daemon=True)

    def start(self) -> None:
        """Begin to look for them."""
        self._began_at_s = self._looked_at_s = time.monotonic()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the streams on all of them, within about ``timeout_s``."""
        self._stopping.set()
        links = tuple(self.links.values())
        enders = [threading.Thread(target=link.stop, args=(timeout_s,), daemon=True) for link in links]
        for ender in enders:
            ender.start()
        deadline_s = time.monotonic() + timeout_s
        closer = threading.Thread(target=self._cluster.close, daemon=True)  # it hangs where Ray's head is away
        for thread in (*enders, *([self._thread] if self._thread.ident else [])):
            thread.join(max(deadline_s - time.monotonic(), 0.1))
        closer.start()
        closer.join(CLOSE_TIMEOUT_S)

    def check_head(self) -> None:
        """Tell where Ray's head is away for good; its answer is waited for in another thread, perhaps in vain."""
        away_s = time.monotonic() - self._looked_at_s
        if away_s > HEAD_AWAY_S and not self._stopping.is_set():
            self._looked_at_s = math.inf
            self._on_head_away(
                f"Ray's head has not answered for {away_s:.0f} s, and Ray ends what waits for longer; begin this again "
                "when it is back, or let a service manager do so"
            )

    def gather(self) -> bool:
        """Say whether some are about to join that are to have their part of the streams from the beginning.

        So it is as long as machines may run the streams of a head before: one that is gone, perhaps with its machine,
        so that nobody has ended them.
        """
        is_complete = self._has_looked and all(link.has_joined for link in self.links.values())
        passed_s = time.monotonic() - self._began_at_s
        return passed_s < self._quiet_s or (not is_complete and passed_s < GATHER_S)

    def note_joined(self, link: NodeLink) -> None:
        """Take note that one may be given streams."""
        _log.info("machine %s has joined", link.name)
        with self._lock:
            self._unusable.pop(link.node_id, None)

    def note_lost(self, link: NodeLink, reason: str) -> None:
        """Take note that one runs nothing any more, or could not be used."""
        with self._lock:
            self.links = {name: one for name, one in self.links.items() if one is not link}
            self._conditions.pop(link, None)
            if not link.has_joined:
                self._unusable[link.node_id] = time.monotonic(), reason
        if link.has_joined:
            _log.warning("machine %s is gone: %s", link.name, reason)
        else:
            _log.error("machine %s cannot be used: %s", link.name, reason)

    def note_condition(self, link: NodeLink, condition: Condition) -> None:
        """Take how one is doing."""
        self._conditions[link] = condition

    def loads(self, streams: Iterable[ClusterStream]) -> list[NodeLoad]:
        """Return how full those are that may be given streams.

        Args:
            streams: all streams.
        """
        now_s = time.monotonic()
        streams = tuple(streams)
        found = []
        for node_id, link in self.links.items():
            member = self._members.get(node_id)
            if member is None or not link.has_joined or link.silent_s:
                continue
            own = [stream for stream in streams if stream.link is link]
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

    def labels_of(self, link: NodeLink) -> Mapping[str, str]:
        """Return the labels of one."""
        member = self._members.get(link.node_id)
        return {} if member is None else member.labels

    def failures(self) -> list[str]:
        """Return what is wrong with them, one sentence each."""
        members = self._members
        unusable = [
            f"machine {members[node_id].name if node_id in members else node_id}: {why}"
            for node_id, (_, why) in tuple(self._unusable.items())
        ]
        return [*([self._fault] if self._fault else []), *unusable]

    def describe(self) -> str:
        """Return one line about their models, and how many they are."""
        models = list(dict.fromkeys(one.model for one in self._told())) or [self._config.model.path.name]
        count = sum(link.has_joined for link in self.links.values())
        return f"{'; '.join(models)}, {count} machine{'' if count == 1 else 's'}"

    def notes(self) -> tuple[str, ...]:
        """Return what had to be assumed of their models, a sentence each."""
        return tuple(dict.fromkeys(note for one in self._told() for note in one.notes))

    def open_models(self) -> dict[str | None, OpenModel]:
        """Return the models that one of them has open, by name."""
        return {name: model for one in self._told() for name, model in one.models.items()}

    # --- inside -----------------------------------------------------------------------------------------------------

    def _told(self) -> tuple[Condition, ...]:
        return tuple(self._conditions.values())

    def _keep_looking(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
                self._fault, self._looked_at_s = "", time.monotonic()
            except Exception as error:  # Ray's, of whatever kind: machines that are known go on
                self._fault = f"the cluster does not say which machines it has: {error}"
                _log.debug("machines", exc_info=True)
            self._stopping.wait(LOOK_S)

    def _look(self) -> None:
        members = {member.id: member for member in self._cluster.members()}
        held = {node_id: one for node_id, one in self._members.items() if node_id in self.links}
        self._members = {**held, **members}
        with self._lock:
            self._unusable = {node_id: one for node_id, one in self._unusable.items() if node_id in members}
        now_s = time.monotonic()
        for member in members.values():
            tried_at_s, _ = self._unusable.get(member.id, (now_s - RETRY_S, ""))
            if member.id not in self.links and now_s - tried_at_s >= RETRY_S and not self._stopping.is_set():
                self._begin(member)
        self._has_looked = True

    def _begin(self, member: Member) -> None:
        lease_s, take_over_s = self._settings.lease_s, self._settings.take_over_s
        order = NodeOrder(
            config=_on_a_node(self._config),
            lease_s=lease_s,
            cores=member.cores,
            folder=str(Path.cwd()),
            jpeg_quality=(self._config.serve or ServeConfig()).jpeg_quality,
        )
        handle = self._cluster.begin(member, order, gpu=wants_gpu(self._config.model))
        link = NodeLink(member.id, member.name, handle, self._owner, lease_s=lease_s, take_over_s=take_over_s)
        with self._lock:
            self.links = {**self.links, member.id: link}
        link.start()


def wants_gpu(model: ModelConfig) -> bool:
    """Say whether a model executes on a graphics card."""
    return model.device.partition(":")[0] in GPU_DEVICES


def _on_a_node(config: AppConfig) -> AppConfig:
    """Return what holds on a node: what shows and remembers is done by the head."""
    fields = AppConfig.model_fields
    of_the_head = ("event_log", "recording", "mqtt", "notify", "tracklets", "serve", "cluster")
    defaults = {key: fields[key].get_default(call_default_factory=True) for key in of_the_head}
    return config.model_copy(update={**defaults, "outputs": OutputsConfig()})
