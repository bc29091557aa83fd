"""Which node runs which stream: by what it must have, and by what streams cost where they run.

What a stream costs is measured: the share of a node that its process takes, by the streams that it runs. A stream that
was placed a moment ago is not yet in that share, and counts as much as the others cost on average. Nodes of different
size are compared by their cores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

ASSUMED_COST_CORES = 0.5
"""What a stream is taken to cost while nothing was measured, in cores."""
WORTH_IT = 1.15
"""A stream moves where the fuller node is so many times as full as the other will be afterwards: it begins anew there,
and what is measured varies."""


@dataclass(frozen=True)
class NodeLoad:
    """What is known of a node when streams are placed."""

    id: str
    """Which node."""
    cores: float
    """Its cores, as Ray counts them."""
    gpus: float = 0.0
    """Its graphics cards, as Ray counts them."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Its labels."""
    share: float = 0.0
    """How much of it its streams take: of its cores, or of the time of its network, whichever is more."""
    streams: tuple[str, ...] = ()
    """Streams that it runs, by id."""
    unmeasured: int = 0
    """How many of them are not in the share yet."""


@dataclass(frozen=True)
class StreamNeed:
    """What a stream must have."""

    id: str
    """Which stream."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that its node must have."""
    gpu: bool = False
    """Whether its model executes on a graphics card."""
    refused_by: frozenset[str] = frozenset()
    """Nodes that said that they cannot run it."""


@dataclass(frozen=True)
class Move:
    """A stream that had better run elsewhere."""

    stream_id: str
    """Which stream."""
    to_node: str
    """Where to."""


def place(need: StreamNeed, nodes: Iterable[NodeLoad]) -> str | None:
    """Return the node that will be least full with one stream more; ``None`` where none may run it."""
    able = [node for node in nodes if may_run(node, need)]
    cost_cores = mean_cost_cores(able)
    best = min(able, key=lambda node: (_expected(node, cost_cores, more=1), len(node.streams), node.id), default=None)
    return None if best is None else best.id


def relief(needs: Mapping[str, StreamNeed], nodes: Sequence[NodeLoad]) -> Move | None:
    """Return one stream whose move makes the fullest node that it may leave clearly less full; ``None`` where none is.

    Args:
        needs: the streams that may move, by id.
        nodes: all nodes.
    """
    cost_cores = mean_cost_cores(nodes)
    for fullest in sorted(nodes, key=lambda node: -_expected(node, cost_cores, more=0)):
        for stream_id in fullest.streams:
            need = needs.get(stream_id)
            if need is None:
                continue
            others = [node for node in nodes if node.id != fullest.id and may_run(node, need)]
            target = min(others, key=lambda node: _expected(node, cost_cores, more=1), default=None)
            if target is None:
                continue
            before = _expected(fullest, cost_cores, more=0)
            if before > WORTH_IT * _expected(target, cost_cores, more=1):
                return Move(stream_id, target.id)
    return None


def may_run(node: NodeLoad, need: StreamNeed) -> bool:
    """Say whether a node has what a stream must have."""
    return (
        node.id not in need.refused_by
        and (node.gpus > 0 or not need.gpu)
        and all(node.labels.get(key) == value for key, value in need.labels.items())
    )


def why_nowhere(need: StreamNeed, nodes: Sequence[NodeLoad]) -> str:
    """Return why no node may run a stream, in words."""
    if not nodes:
        return "it waits for a machine of the cluster that can run streams"
    if lacking := {key: value for key, value in need.labels.items() if not any(_has(n, key, value) for n in nodes)}:
        wanted = ", ".join(f"{key}={value}" for key, value in sorted(lacking.items()))
        return f"it waits for a machine with the label {wanted}"
    if need.gpu and not any(node.gpus for node in nodes):
        return "it waits for a machine with a graphics card, which its model asks for"
    return "it waits for a machine that has all that it needs"


def mean_cost_cores(nodes: Iterable[NodeLoad]) -> float:
    """Return what a stream costs on average where it was measured, in cores."""
    measured = [(node.share * node.cores, len(node.streams) - node.unmeasured) for node in nodes]
    taken = sum(cores for cores, streams in measured if streams > 0)
    streams = sum(streams for _, streams in measured if streams > 0)
    return taken / streams if streams and taken > 0 else ASSUMED_COST_CORES


def _expected(node: NodeLoad, cost_cores: float, *, more: int) -> float:
    return node.share + (node.unmeasured + more) * cost_cores / max(node.cores, 0.1)


def _has(node: NodeLoad, key: str, value: str) -> bool:
    return node.labels.get(key) == value
