"""Exports of YOLOX-nano that are wrong on purpose: the network or the card, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exporters.base import ExportOptions, TargetEntry, UnverifiedArtifact
from streamvision.checkpoints.base import Source
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.model_card import ModelCard
from support.model_files import with_onnx_metadata

Edit = Callable[[Path, Path], None]
"""Reads a model file and writes another."""


def unchanged(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def behind_output(*steps: tuple[str, Sequence[Any], dict[str, Any]]) -> Edit:
    """Return an edit that appends operators to the only output: (type, constants, attributes) each."""

    def edit(source: Path, target: Path) -> None:
        import onnx
        from onnx import helper, numpy_helper

        model = onnx.load(source)
        graph = model.graph
        output = graph.output[0].name
        inner = f"{output}_before"
        for node in graph.node:
            node.output[:] = [inner if name == output else name for name in node.output]
        _append(helper, numpy_helper, graph, steps, inner, output, len(graph.node))
        onnx.save(model, target)

    return edit


def before_input(*steps: tuple[str, Sequence[Any], dict[str, Any]]) -> Edit:
    """Return an edit that puts operators between the input and the network."""

    def edit(source: Path, target: Path) -> None:
        import onnx
        from onnx import helper, numpy_helper

        model = onnx.load(source)
        graph = model.graph
        given = graph.input[0].name
        fed = f"{given}_fed"
        for node in graph.node:
            node.input[:] = [fed if name == given else name for name in node.input]
        _append(helper, numpy_helper, graph, steps, given, fed, 0)
        onnx.save(model, target)

    return edit


def _append(helper: Any, numpy_helper: Any, graph: Any, steps: Any, start: str, end: str, at: int) -> None:
    last = start
    for number, (kind, constants, attributes) in enumerate(steps):
        names = []
        for index, value in enumerate(constants):
            names.append(f"broken_{number}_{index}")
            graph.initializer.append(numpy_helper.from_array(np.asarray(value), names[-1]))
        result = end if number == len(steps) - 1 else f"broken_{number}"
        graph.node.insert(at + number, helper.make_node(kind, [last, *names], [result], **attributes))
        last = result


class BrokenTarget:
    """A :class:`exporters.base.Target` that copies an ONNX source, edits the copy and writes any card into it.

    Args:
        edit: what happens to the network.
        card: what happens to the card in the metadata; ``None`` writes none.
        wrap: what happens to the opened backend.
    """

    def __init__(
        self,
        edit: Edit = unchanged,
        *,
        card: Callable[[ModelCard], ModelCard | None] = lambda card: card,
        wrap: Callable[[Backend], Backend] = lambda backend: backend,
    ) -> None:
        self._edit, self._card, self._wrap = edit, card, wrap

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        assert source.onnx is not None
        edited, path = folder / "edited.onnx", folder / f"{source.path.stem}.onnx"
        self._edit(source.onnx, edited)
        written = self._card(source.card)
        with_onnx_metadata(edited, path, {} if written is None else written.to_metadata())
        edited.unlink()
        return UnverifiedArtifact("onnx", options.precision, path, written or source.card)

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        return self._wrap(OnnxRuntimeBackend(artifact.path, device="cpu"))


class Wrapped:
    """A backend whose outputs are changed."""

    def __init__(self, backend: Backend, change: Callable[[list[Any]], list[Any]]) -> None:
        self._backend, self._change = backend, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def run(self, tensor: Any) -> list[Any]:
        return self._change([output.copy() for output in self._backend.run(tensor)])


def input_card(**changes: Any) -> Callable[[ModelCard], ModelCard]:
    """Return what changes fields of the input card."""
    return lambda card: card.model_copy(update={"input": card.input.model_copy(update=changes)})


def card(**changes: Any) -> Callable[[ModelCard], ModelCard]:
    """Return what changes fields of the card."""
    return lambda card: card.model_copy(update=changes)


def _entry(name: str, target: BrokenTarget) -> TargetEntry:
    return TargetEntry(
        name=name,
        factory=lambda: target,
        summary="A copy of an ONNX file.",
        suffix=f".{name}.onnx",
        precisions=("fp32",),
    )


COPIED = _entry("copied", BrokenTarget())
"""An export format that another package may bring."""
STRETCHED = _entry("stretched", BrokenTarget(card=input_card(resize="stretch")))
"""One whose card is wrong."""

__all__ = [
    "COPIED",
    "STRETCHED",
    "BrokenTarget",
    "Wrapped",
    "before_input",
    "behind_output",
    "card",
    "input_card",
    "unchanged",
]
