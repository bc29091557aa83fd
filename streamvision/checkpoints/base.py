"""The one interface of all trained models before their export."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from streamvision.inference.backends.base import Backend
from streamvision.inference.model_card import ModelCard


class Source(Protocol):
    """A trained model before its export."""

    @property
    def path(self) -> Path:
        """The weights, for names and messages."""

    @property
    def card(self) -> ModelCard:
        """How the network is fed and read: float32, NCHW, without suppression added."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in the order in which the head reads them."""

    def module(self, *, dynamic_size: bool = False) -> Any:
        """Return a fresh ``torch.nn.Module`` in evaluation mode on the CPU, from (N, 3, H, W) to a tuple of tensors.

        Fresh each time: converters change what they are given. It is called with one shape of input only, unless
        ``dynamic_size`` is asked for.

        Raises:
            ExportError: when the source has no torch side, such as an ONNX file.
        """

    @property
    def onnx(self) -> Path | None:
        """The ONNX file, where the source is one."""

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> Backend:
        """Return what executes the source itself in float32: the truth that exports are proven against."""
