"""The one interface of all trained models before their export, and what those with a torch side share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.core.errors import ConfigError, ExportError
from streamvision.inference.backends.base import Backend
from streamvision.inference.letterbox import rounded_up
from streamvision.inference.model_card import ModelCard

NO_CLASS = ("picture",)
"""Names of the classes where there are none, as a card must have some."""


class Source(Protocol):
    """A trained model before its export."""

    @property
    def path(self) -> Path:
        """The weights, for names and messages."""

    @property
    def variant(self) -> tuple[str, ...]:
        """How it differs from what the weights alone are, in words of file names."""

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


@runtime_checkable
class GeneratingSource(Protocol):
    """A trained model that makes pictures of latent vectors; some are a :class:`Source`, too."""

    latents: int
    """Numbers of a latent vector."""

    @property
    def path(self) -> Path:
        """The weights, for names and messages."""

    @property
    def side_px(self) -> int:
        """Of the squares that it makes."""

    def generator(self) -> Any:
        """Return a fresh ``torch.nn.Module`` in evaluation mode from (N, latents) to (N, 3, H, W) RGB of 0..1."""


class TorchSource(ABC):
    """A :class:`Source` with a torch side.

    Args:
        path: the weights, or the model's name where they are random.
        card: how the network is fed and read, in its own size.
        output_names: names of the outputs, in the module's order.
        size_px: (width, height) of the input that the card shall state; ``None`` for its own.
    """

    onnx: Path | None = None
    variant: tuple[str, ...] = ()

    def __init__(
        self, *, path: Path, card: ModelCard, output_names: tuple[str, ...], size_px: tuple[int, int] | None
    ) -> None:
        self.path, self.card, self.output_names = path, with_size(card, size_px), output_names

    @abstractmethod
    def module(self, *, dynamic_size: bool = False) -> Any:
        """Return a fresh module; see :meth:`Source.module`."""

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> TorchBackend:
        """Return the network in torch in fp32."""
        return TorchBackend(
            self.module(dynamic_size=True),
            path=self.path,
            card=with_size(self.card, size_px),
            output_names=self.output_names,
            device=device,
        )


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """What a run of ``streamvision train`` left, and what is asked of it."""

    stored: Mapping[str, Any]
    """As :func:`~streamvision.checkpoints.checkpoint_file.read_run` returns it."""
    path: Path
    """The ``best.pt`` or ``last.pt``."""
    names: tuple[str, ...] | None = None
    """Class names that override its own."""
    size_px: tuple[int, int] | None = None
    """(width, height) of the input; ``None`` for the network's own."""
    trusted: bool = False
    """Whether code of the user's that it names may be run."""

    @property
    def architecture(self) -> str:
        """Name of the network."""
        return str(self.stored["architecture"])

    def chosen_names(self) -> tuple[str, ...]:
        """Return the class names that were given, or else its own; see :func:`chosen_names`."""
        return chosen_names(self.stored["names"], self.names, self.path)

    def chosen_size_px(self) -> tuple[int, int]:
        """Return the (width, height) that was given, or else that of the training."""
        width_px, height_px = self.size_px or self.stored["size_px"]
        return width_px, height_px


def chosen_names(own: Sequence[str], given: tuple[str, ...] | None, path: Path) -> tuple[str, ...]:
    """Return the class names that were given, or else a checkpoint's own.

    Raises:
        ConfigError: when their number is not that of the classes.
    """
    if given and len(given) != len(own):
        raise ConfigError(f"{path} has {len(own)} classes, but {len(given)} names were given; give as many")
    return given or tuple(own)


def with_size(card: ModelCard, size_px: tuple[int, int] | None) -> ModelCard:
    """Return the card for inputs of another (width, height).

    What is cut out of a picture's middle keeps its share of the picture; where the cut is no longer square, the
    picture is stretched instead, as there is no rule to follow.
    """
    if size_px is None:
        return card
    width_px, height_px = size_px
    changes: dict[str, object] = {"width_px": width_px, "height_px": height_px}
    if card.input.crop_short_side_px is not None:
        own_px = max(card.input.width_px, card.input.height_px)
        if width_px == height_px:
            changes["crop_short_side_px"] = round(card.input.crop_short_side_px * width_px / own_px)
        else:
            changes |= {"resize": "stretch", "crop_short_side_px": None}
    return card.with_input(**changes)


def check_size(card: ModelCard) -> None:
    """Refuse an input size that the network cannot take.

    Raises:
        ExportError: when a side is not a multiple of the stride.
    """
    width_px, height_px, stride_px = card.input.width_px, card.input.height_px, card.input.stride_px
    if width_px % stride_px or height_px % stride_px:
        near = f"{rounded_up(width_px, stride_px)}x{rounded_up(height_px, stride_px)}"
        raise ExportError(
            f"an input of {width_px}x{height_px} px was asked for, but sides must be multiples of {stride_px} px; "
            f"give {near}"
        )
