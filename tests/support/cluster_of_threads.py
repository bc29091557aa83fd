"""A cluster whose nodes are threads of the test: each can be cut off from the head and heard again, without Ray."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from streamvision.cluster.link import NodeGoneError, NodeSilentError
from streamvision.cluster.messages import About, NodeOrder, Orders, Told
from streamvision.cluster.node import StreamNode
from streamvision.cluster.ray_nodes import Member


class ThreadNode:
    """One node; what it would do to its process it does to its streams."""

    def __init__(self, order: NodeOrder) -> None:
        self.reachable = threading.Event()
        self.reachable.set()
        self.ended_at_s: float | None = None
        """When it ended of itself, since it was cut off."""
        self.answers_to_lose = 0
        """How many of its next answers do not arrive."""
        self.node = StreamNode(order, end=self._end)

    def about(self, timeout_s: float) -> About:
        return self.node.about()

    def exchange(self, orders: Orders, timeout_s: float) -> Told:
        if not self.reachable.wait(timeout_s):
            raise NodeSilentError("it has not answered")
        if self.ended_at_s is not None:
            raise NodeGoneError("its process is gone")
        told = self.node.exchange(orders)
        if not self.reachable.wait(timeout_s):
            raise NodeSilentError("its answer is lost")
        if self.answers_to_lose > 0:
            self.answers_to_lose -= 1
            raise NodeSilentError("its answer is lost, and it can be reached again")
        return told

    def stop(self, timeout_s: float) -> None:
        self.node.stop(timeout_s)

    def end(self) -> None:
        if self.reachable.is_set():
            self.node.stop(1.0)

    def running(self) -> set[str]:
        """Return the streams that it runs just now."""
        if self.ended_at_s is not None:
            return set()
        return {status.id for status in self.node._pipeline.statuses()}

    def _end(self) -> None:
        self.ended_at_s = time.monotonic()
        self.node.stop(1.0)


class ClusterOfThreads:
    """Machines by name; see :class:`streamvision.cluster.machines.Cluster`."""

    def __init__(self, *names: str, labels: Mapping[str, dict[str, str]] | None = None) -> None:
        self.there = {name: Member(name, name, 2.0, labels=(labels or {}).get(name, {})) for name in names}
        self.nodes: dict[str, ThreadNode] = {}
        """By name, the process that was begun there last."""

    def members(self) -> list[Member]:
        return list(self.there.values())

    def begin(self, member: Member, order: NodeOrder, *, gpu: bool) -> ThreadNode:
        self.nodes[member.name] = ThreadNode(order)
        return self.nodes[member.name]

    def close(self) -> None:
        pass
