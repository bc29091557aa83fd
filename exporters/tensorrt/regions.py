"""Which parts of an ONNX graph are learned and which are plain arithmetic behind them.

Reduced precision belongs to the learned layers. What comes behind the last of them, such as turning distances into
pixels, is cheap and needs all digits: half precision steps by 0.5 px from 512 px on.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from exporters.tensorrt.onnx_nodes import constants

WEIGHTED = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}
"""Operators with learned weights, and the position of the weights among their inputs."""

_LEAST_WEIGHTS = 32
"""A product with less is arithmetic, such as YOLO's expectation over 16 distances, and no learned layer."""


@dataclass(frozen=True)
class Regions:
    """The nodes of a graph by what they do, as positions in ``graph.node``."""

    learned: tuple[int, ...]
    """Products with learned weights."""
    learned_below: tuple[int, ...]
    """By node, how many learned layers lie on the longest way from it to an output, itself not counted."""
    first: frozenset[int]
    """The learned layers with no other before them: they see the picture itself."""

    @property
    def tail(self) -> frozenset[int]:
        """The nodes behind the last learned layers."""
        return frozenset(i for i, n in enumerate(self.learned_below) if n == 0) - frozenset(self.learned)

    def body(self, *, without_last: int) -> tuple[int, ...]:
        """Return the learned layers, less the first, and those with fewer than ``without_last`` others behind them."""
        return tuple(i for i in self.learned if self.learned_below[i] >= without_last and i not in self.first)


def find_regions(graph: Any) -> Regions:
    """Return the regions of an ``onnx.GraphProto``, whose nodes are in order, as ONNX demands."""
    stored = {name: prod(tensor.dims) for name, tensor in constants(graph).items()}
    learned = {
        position
        for position, node in enumerate(graph.node)
        if node.op_type in WEIGHTED and _weights(node, stored) >= _LEAST_WEIGHTS
    }
    readers: dict[str, list[int]] = {}
    for position, node in enumerate(graph.node):
        for name in node.input:
            readers.setdefault(name, []).append(position)
    after_learned: set[str] = set()
    first = set()
    for position, node in enumerate(graph.node):
        if not after_learned.isdisjoint(node.input):
            after_learned.update(node.output)
        elif position in learned:
            first.add(position)
            after_learned.update(node.output)
    below = [0] * len(graph.node)
    for position in reversed(range(len(graph.node))):
        next_nodes = {reader for name in graph.node[position].output for reader in readers.get(name, ())}
        below[position] = max((below[n] + (n in learned) for n in next_nodes), default=0)
    return Regions(tuple(sorted(learned)), tuple(below), frozenset(first))


def _weights(node: Any, stored: dict[str, int]) -> int:
    position = WEIGHTED[node.op_type]
    return stored.get(node.input[position], 0) if len(node.input) > position else 0
