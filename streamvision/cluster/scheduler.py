"""Gives each stream to one node at a time: what it needs, where it runs, where it ends, and when it moves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from streamvision.cluster.link import NodeLink
from streamvision.cluster.machines import MEASURED_S, Machines, wants_gpu
from streamvision.cluster.messages import Told
from streamvision.cluster.placement import StreamNeed, may_run, place, relief, why_nowhere
from streamvision.cluster.stream import ClusterStream
from streamvision.cluster.suspects import Suspects
from streamvision.core.config.app import AppConfig

_log = logging.getLogger(__name__)

LOOK_S = 0.2
"""How often it is looked whether a stream waits for a node."""
RELIEF_S = 10.0
"""How often it is looked whether one stream should move."""
SETTLED_S = 60.0
"""How long a stream stays where it is, at least, unless its node is lost."""
RETRY_S = 10.0
"""How soon nodes are asked again that refused a stream."""
HANG_S = 60.0
"""How long a node may take for a change of a stream, and for opening a model besides, until its process is ended."""


class Scheduler:
    """Of one head, whose lock guards it: callers of all but :meth:`start` and :meth:`stop` hold it.

    Args:
        config: the run.
        machines: where streams can run.
        lock: of the head; whoever waits for it is woken when something has changed.
    """

    def __init__(self, config: AppConfig, machines: Machines, lock: threading.Condition) -> None:
        self.streams: Mapping[str, ClusterStream] = {}
        """All streams by id; replaced, never changed: other threads go through it."""
        self.changing: set[str] = set()
        """Streams whose refusals somebody else waits for."""
        self._config = config
        self._machines = machines
        self._lock = lock
        self._leaving: dict[str, tuple[NodeLink, ClusterStream]] = {}  # ends there, by id: runs nowhere else meanwhile
        self._suspects = Suspects()
        self._load_timeout_s = max(one.load_timeout_s for one in (config.model, *config.models.values()))
        self._relieved_at_s = time.monotonic()
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="cluster-scheduler", daemon=True)

    def start(self) -> None:
        """Begin to give nodes to streams that wait."""
        self._thread.start()

    def stop(self) -> None:
        """Give no more."""
        self._stopping.set()
        self._changed.set()
        if self._thread.ident:
            self._thread.join(1.0)

    def wake(self) -> None:
        """Look again soon: something has changed."""
        self._changed.set()

    def add(self, stream: ClusterStream) -> None:
        """Run one stream more, once a node can."""
        self.streams = {**self.streams, stream.id: stream}
        self.place_all()

    def remove(self, stream: ClusterStream) -> None:
        """Run a stream no more."""
        self.streams = {name: one for name, one in self.streams.items() if one is not stream}
        self._suspects.forget(stream.id)
        self.leave(stream, "it is removed")

    def leave(self, stream: ClusterStream, reason: str) -> None:
        """Let a stream end where it runs, for a reason in words; it runs elsewhere when it has ended."""
        link = stream.link
        if link is not None:
            self._leaving[stream.id] = link, stream
            link.revise()
        stream.take_away(reason)

    def is_leaving(self, stream_id: str) -> bool:
        """Say whether a stream of that id has yet to end somewhere."""
        return stream_id in self._leaving

    def forgive(self, stream: ClusterStream) -> None:
        """Take that something else is set for a stream: what it did before says nothing."""
        self._suspects.forget(stream.id)

    def takes(self, link: NodeLink, stream: ClusterStream) -> bool:
        """Say whether what a node tells of a stream counts: it runs it, or has yet to end it."""
        return stream.link is link or self._leaving.get(stream.id) == (link, stream)

    def fits(self, stream: ClusterStream) -> bool:
        """Say whether a stream may stay where it runs."""
        labels = {} if stream.link is None else self._machines.labels_of(stream.link)
        return stream.config.enabled and all(labels.get(k) == value for k, value in stream.config.node_labels.items())

    def is_nowhere(self, stream: ClusterStream) -> bool:
        """Say whether no node runs a stream, nor can any that is there."""
        if stream.link is not None or self.is_leaving(stream.id) or self._machines.gather():
            return False
        return place(self._need(stream), self._machines.loads(self.streams.values())) is None

    def place_all(self) -> None:
        """Give a node to each stream that waits for one, as far as there are any."""
        if self._machines.gather():
            return
        for stream in self.streams.values():
            if stream.link is None and stream.config.enabled and not self.is_leaving(stream.id):
                self._place(stream)

    def told(self, link: NodeLink, told: Told) -> None:
        """Take what a node has told of its streams."""
        self._end_where_it_hangs(link, told)
        own = {name: stream for name, stream in self.streams.items() if stream.link is link}
        if (condition := told.condition) is not None:
            for status in condition.statuses:
                if status.id in own:
                    own[status.id].tell(status)
            for name, names in condition.names.items():
                if name in own and names and own[name].channel.names != names:
                    own[name].channel.restart(names)
        for name, counted in told.counted.items():
            known = self.streams.get(name)
            if known is not None and self.takes(link, known):
                known.analytics.tell(counted)
        for name, verdict in told.verdicts.items():
            stream = own.get(name)
            if stream is not None and verdict.version == stream.version and stream.verdict is None:
                stream.verdict = verdict
                self.wake()
        if told.revision == link.revision:
            ended = [name for name, (at, _) in self._leaving.items() if at is link and name not in told.running]
            for name in ended:
                del self._leaving[name]
                self.wake()

    def joined(self, link: NodeLink) -> None:
        """Take that a node may be given streams."""
        for stream_id in self._suspects.joined(link.node_id):
            _log.error("stream %s: %s", stream_id, self._why_suspect(stream_id))
        self.wake()

    def lost(self, link: NodeLink, reason: str) -> None:
        """Let others run what a node ran that certainly runs nothing any more."""
        had = {stream.id: stream.placed_at_s for stream in self.streams.values() if self.takes(link, stream)}
        self._suspects.lost(link.node_id, had, blamed=link.blamed if link.blamed in had else None)
        self._leaving = {name: one for name, one in self._leaving.items() if one[0] is not link}
        for stream in self.streams.values():
            if stream.link is link:
                stream.take_away(f"{link.name} is gone: {reason}")
        self.place_all()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                self._machines.check_head()
                with self._lock:
                    self._settle()
                    self._lock.notify_all()
            except Exception:
                _log.exception("placing streams")
            self._changed.wait(LOOK_S)
            self._changed.clear()

    def _settle(self) -> None:
        """Give nodes to streams that wait or were refused, and now and then let one move."""
        now_s = time.monotonic()
        for stream in self.streams.values():
            if stream.id in self.changing:
                continue
            error = None if stream.verdict is None else stream.verdict.error
            if stream.link is not None and error is not None:
                stream.refused[stream.link.node_id] = error
                stream.refused_at_s = now_s
                if str(error) != stream.said:
                    stream.said = str(error)
                    _log.error("stream %s on %s: %s", stream.id, stream.link.name, error)
                self.leave(stream, f"{stream.link.name} cannot run it: {error}")
            elif stream.refused and now_s - stream.refused_at_s >= RETRY_S:
                stream.refused.clear()
        self.place_all()
        if now_s - self._relieved_at_s >= RELIEF_S:
            self._relieved_at_s = now_s
            self._relieve(now_s)

    def _end_where_it_hangs(self, link: NodeLink, told: Told) -> None:
        """End the process of a node that has been changing a stream for so long that it hangs."""
        if told.changing is None:
            return
        stream_id, for_s = told.changing
        stream = self.streams.get(stream_id)
        limit_s = HANG_S + (self._load_timeout_s if stream is not None and stream.link is link else 0.0)
        if for_s > limit_s:
            link.give_up(f"it has not come back from a change of stream {stream_id} for {for_s:.0f} s", stream_id)

    def _why_suspect(self, stream_id: str) -> str:
        losses, pause_s = self._suspects.losses(stream_id), self._suspects.pause_s(stream_id)
        again = (
            f"it is tried again {pause_s:.0f} s after the last one" if pause_s else "it is tried beside no other such"
        )
        return f"{losses} processes that ran it were lost; {again}, or at once when it is changed"

    def _place(self, stream: ClusterStream) -> None:
        if not self._suspects.is_due(stream.id):
            stream.wait_for(self._why_suspect(stream.id), failed=True)
            return
        nodes, need = self._machines.loads(self.streams.values()), self._need(stream)
        is_preferred = any(node.id == stream.preferred and may_run(node, need) for node in nodes)
        node_id = stream.preferred if is_preferred else place(need, nodes)
        if node_id is None:
            stream.wait_for(why_nowhere(need, nodes))
            return
        link = self._machines.links[node_id]
        stream.place(link)
        link.revise()
        _log.info("stream %s runs on %s", stream.id, link.name)

    def _relieve(self, now_s: float) -> None:
        """Let one stream move where a node is much fuller than another will be."""
        streams = self.streams.values()
        if self._leaving or any(one.config.enabled and now_s - one.placed_at_s < MEASURED_S for one in streams):
            return
        settled = {s.id: self._need(s) for s in streams if s.link is not None and now_s - s.placed_at_s >= SETTLED_S}
        move = relief(settled, self._machines.loads(streams))
        if move is not None:
            stream, name = self.streams[move.stream_id], self._machines.links[move.to_node].name
            _log.info("stream %s moves to %s", stream.id, name)
            self.leave(stream, f"it moves to {name}")
            stream.preferred = move.to_node

    def _need(self, stream: ClusterStream) -> StreamNeed:
        refused_by = set(stream.refused)
        if self._suspects.is_suspect(stream.id):
            others = [one for one in self.streams.values() if one is not stream and one.link is not None]
            refused_by |= {
                one.link.node_id for one in others if one.link and self._suspects.tries(one.id, one.placed_at_s)
            }
        return StreamNeed(
            stream.id,
            stream.config.node_labels,
            gpu=wants_gpu(self._config.for_stream(stream.config).model),
            refused_by=frozenset(refused_by),
        )
