"""ONNX files as sources: no torch side, so they go to formats that take ONNX as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamvision.checkpoints.base import with_size
from streamvision.core.errors import ExportError
from streamvision.core.opening import opened_within
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.base import Backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.input_sizes import InputSizes
from streamvision.inference.model_card import ModelCard

LOAD_TIMEOUT_S = 600.0
"""Longest time for opening a file, as for a run."""


class OnnxSource:
    """An ONNX file whose head is known; see :class:`~streamvision.checkpoints.base.Source`.

    Args:
        path: the file.
        head: layout of the outputs, where the file does not say it.
        names: class names, where the file does not say them.
        size_px: (width, height) of the input, where the file leaves it free.
        fed: how pictures are fed, by key of ``model.input``, where the file does not say it.
        load_timeout_s: longest time for opening it and running it once.

    Raises:
        ModelError: when the file is not an ONNX model, does not take pictures of that size, or is not open in time.
        UnknownHeadError: when the layout of its outputs cannot be known.
    """

    variant: tuple[str, ...] = ()

    def __init__(
        self,
        path: Path,
        *,
        head: str | None = None,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
        fed: Mapping[str, Any] | None = None,
        load_timeout_s: float = LOAD_TIMEOUT_S,
    ) -> None:
        self.path = self.onnx = path

        def tried() -> Backend:
            with contextlib.ExitStack() as undone:
                backend = open_backend(path, backend="onnxruntime", device="cpu")
                undone.callback(backend.close)
                cards.append(read_card(backend, path=path, head=head, names=names, fed=fed))
                sized = InputSizes(cards[0], backend.outputs).of((cards[0].input.width_px, cards[0].input.height_px))
                backend.run(sized.batch.tensor)  # what is proven against it will run it many times
                undone.pop_all()
                return backend

        cards: list[ModelCard] = []
        with contextlib.closing(opened_within(load_timeout_s, tried, path=path, option="--load-timeout")) as backend:
            self.output_names = tuple(output.name for output in backend.outputs)
        (card,) = cards
        own = (card.input.width_px, card.input.height_px)
        if size_px is not None and size_px != own and not card.input.dynamic_size:
            raise ExportError(
                f"{path} takes pictures of {own[0]}x{own[1]} px only, not {size_px[0]}x{size_px[1]}; leave out --imgsz"
            )
        self.card = with_size(card, size_px)

    def module(self, *, dynamic_size: bool = False) -> Any:
        """Refuse: there is no torch side.

        Raises:
            ExportError: always.
        """
        raise ExportError(
            f"{self.path} is an ONNX file, which goes to ONNX, OpenVINO and TensorRT as it is; for other formats and "
            "for changes to the network give the checkpoint that it was made from"
        )

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> Backend:
        """Return the file in ONNX Runtime."""
        return open_backend(self.path, backend="onnxruntime", device=device)
