"""Which provider executed which node of an ONNX model, and in which arithmetic.

ONNX Runtime places every node on the first provider that accepts it and leaves the rest, in the worst case the whole
model, to the CPU, without an error (microsoft/onnxruntime#23372). Its profile of one run says which provider executed
which node, with the types of the node's inputs.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PRODUCTS = ("Conv", "MatMul", "Gemm", "Attention")
"""Operators whose name holds one of these do nearly all of a network's arithmetic."""

_PRECISIONS = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8"}


@dataclass(frozen=True)
class ExecutedNode:
    """One node of a profiled run."""

    op: str
    """Operator, after ONNX Runtime's fusions."""
    provider: str
    """Execution provider, such as ``CPUExecutionProvider``."""
    dtype: str
    """Type of its first input, in ONNX Runtime's spelling; empty where the node has none."""


@dataclass(frozen=True)
class Placement:
    """All nodes that one run executed."""

    nodes: tuple[ExecutedNode, ...]

    @property
    def _working(self) -> tuple[ExecutedNode, ...]:
        """The nodes that count: products and subgraphs that a provider swallowed whole; all, if there are none."""
        heavy = tuple(n for n in self.nodes if any(word in n.op for word in _PRODUCTS) or n.op.startswith("TRTKernel"))
        return heavy or self.nodes

    def share(self, provider: str) -> float:
        """Return the share of the model's working nodes, 0..1, that ``provider`` executed."""
        working = self._working
        return sum(n.provider == provider for n in working) / len(working) if working else 0.0

    def elsewhere(self, provider: str) -> str:
        """Return, in words, which providers executed the rest."""
        others = Counter(n.provider for n in self._working if n.provider != provider)
        return ", ".join(f"{count} of {len(self._working)} on {name}" for name, count in others.most_common())

    def precision(self) -> str | None:
        """Return the arithmetic of most working nodes, or ``None`` where the profile does not say."""
        seen = Counter(_PRECISIONS[n.dtype] for n in self._working if n.dtype in _PRECISIONS)
        return seen.most_common(1)[0][0] if seen else None


def read_placement(profile: Path) -> Placement:
    """Read the profile file that ``InferenceSession.end_profiling`` wrote."""
    events: list[dict[str, Any]] = json.loads(profile.read_text(encoding="utf-8"))
    nodes = []
    for event in events:
        details = event.get("args", {})
        if event.get("cat") != "Node" or "provider" not in details:
            continue
        inputs = details.get("input_type_shape") or [{}]
        nodes.append(ExecutedNode(details.get("op_name", ""), details["provider"], next(iter(inputs[0]), "")))
    return Placement(tuple(nodes))
