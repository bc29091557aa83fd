"""What every target does to a network before it converts it: feed, scale and choose boxes as the user asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from exporters.base import ExportOptions, Source
from exporters.graph.nms import SelectedRows, outputs_of
from exporters.sources.sizes import check_size, with_size
from streamvision.errors import ExportError
from streamvision.model_card import InputCard, ModelCard

RAW_ROWS = ("yolo_v8", "yolo_seg", "yolo_pose", "yolo_obb")
"""Heads whose first output is (B, 4 + ..., boxes) with centres and sizes."""
_NMS_HEADS = ("yolo_v8",)


@dataclass(frozen=True, eq=False)
class Graph:
    """A network as it will be converted."""

    module: nn.Module
    """From the input that the card describes to a tuple of tensors; in evaluation mode, and nobody else's."""
    card: ModelCard
    """How it is fed and read."""
    output_names: tuple[str, ...]
    """Names of the outputs."""

    def example(self, batch: int = 1) -> Tensor:
        """Return an input of the card's size, of random pictures, the same each time."""
        card = self.card.input
        sides = (card.height_px, card.width_px)
        shape = (batch, 3, *sides) if card.layout == "nchw" else (batch, *sides, 3)
        levels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        return levels if card.dtype == "uint8" else levels / 255


def build_graph(
    source: Source, options: ExportOptions, *, box_unit: Literal["px", "normalized"] = "px", nms: bool | None = None
) -> Graph:
    """Return the source's network with what the options ask to be inside of it.

    Args:
        source: the model.
        options: of the artefact; its precision is the target's business.
        box_unit: unit of the boxes in the outputs; quantised outputs need ``normalized``, as pixels would leave no
            levels for the scores beside them.
        nms: whether duplicates are suppressed inside; ``None`` for what the options say. Targets that add a form of
            suppression of their own give ``False``.

    Raises:
        ExportError: when the model cannot be given what was asked for, saying why.
    """
    card = with_size(source.card, options.size_px)
    check_size(card)
    module = source.module(dynamic_size=options.dynamic_size)
    names = source.output_names
    if box_unit == "normalized" and card.box_unit == "px" and _has_boxes(card):
        if options.dynamic_size:
            raise ExportError("boxes in 0..1 need an input of fixed size; leave out --dynamic-size")
        module = NormalizedBoxes(module, card)
        card = card.model_copy(update={"box_unit": "normalized"})
    if options.nms if nms is None else nms:
        module, card, names = _with_nms(module, card, names)
    if options.uint8_input:
        module = Uint8Input(module, card.input)
        card = card.model_copy(update={"input": uint8_card(card.input)})
    free = {"dynamic_batch": options.dynamic_batch, "dynamic_size": options.dynamic_size, "batch": 1}
    card = card.model_copy(update={"input": card.input.model_copy(update=free)})
    return Graph(module.eval(), card, names)


def uint8_card(card: InputCard) -> InputCard:
    """Return the card of a network that scales its input itself."""
    changes = {"layout": "nhwc", "dtype": "uint8", "scale": 1.0, "mean": None, "std": None}
    return card.model_copy(update=changes)


class Uint8Input(nn.Module):
    """Takes (N, H, W, 3) uint8 pictures and scales them as the card says before the network sees them.

    Args:
        network: takes (N, 3, H, W) float32.
        card: of the network's own input.
    """

    def __init__(self, network: nn.Module, card: InputCard) -> None:
        super().__init__()
        self.network = network
        # A quotient, as in training: a product differs from it in the last bit.
        self._divisor = round(1 / card.scale, 6)
        self._shift: Tensor | None
        self._spread: Tensor | None
        self.register_buffer("_shift", _channels(card.mean), persistent=False)
        self.register_buffer("_spread", _channels(card.std), persistent=False)

    def forward(self, levels: Tensor) -> tuple[Tensor, ...]:
        """Return the network's outputs for pictures of 0..255."""
        pictures = levels.to(torch.float32).permute(0, 3, 1, 2) / self._divisor
        if self._shift is not None:
            pictures = pictures - self._shift
        if self._spread is not None:
            pictures = pictures / self._spread
        return outputs_of(self.network(pictures))


class NormalizedBoxes(nn.Module):
    """Divides boxes (and keypoints) in input pixels by the input's size.

    Args:
        network: with outputs as its head reads them.
        card: of the network.
    """

    def __init__(self, network: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self.network = network
        self._head = card.head
        width, height = 1 / card.input.width_px, 1 / card.input.height_px
        self._box: Tensor
        self._rows: Tensor
        self.register_buffer("_box", torch.tensor([width, height] * 2), persistent=False)
        factors = [width, height] * 2 + [1.0] * len(card.names)
        if card.keypoints is not None:
            factors += [width, height, 1.0] * len(card.keypoints.names)
        self.register_buffer("_rows", torch.tensor(factors), persistent=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the network's outputs, boxes as fractions of the input."""
        first, *others = outputs_of(self.network(pictures))
        if self._head in RAW_ROWS:
            count = self._factors(first.shape[1])
            scaled = first[:, : len(count)] * count[:, None]
            first = scaled if len(count) == first.shape[1] else torch.cat([scaled, first[:, len(count) :]], dim=1)
        elif self._head == "yolo_end2end":
            first = torch.cat([first[..., :4] * self._box, first[..., 4:]], dim=2)
        else:
            first = first * self._box
            others = [self._keypoints(tensor) for tensor in others]
        return (first, *others)

    def _factors(self, columns: int) -> Tensor:
        return self._rows if len(self._rows) <= columns else self._rows[:columns]

    def _keypoints(self, tensor: Tensor) -> Tensor:
        if tensor.ndim != 4 or tensor.shape[-1] != 3:
            return tensor
        return torch.cat([tensor[..., :2] * self._box[:2], tensor[..., 2:]], dim=3)


def _has_boxes(card: ModelCard) -> bool:
    return card.head in (*RAW_ROWS, "yolo_end2end", "rows")


def _with_nms(module: Any, card: ModelCard, names: tuple[str, ...]) -> tuple[nn.Module, ModelCard, tuple[str, ...]]:
    if card.nms_inside:
        return module, card, names
    if card.head not in _NMS_HEADS:
        raise ExportError(
            f"suppression inside the network is for detectors with the head {', '.join(_NMS_HEADS)}, not "
            f"{card.head}; leave out --nms"
        )
    selected = card.model_copy(update={"head": "yolo_end2end", "nms_inside": True})
    return SelectedRows(module, card), selected, names


def _channels(values: tuple[float, float, float] | None) -> Tensor | None:
    return None if values is None else torch.tensor(values)[:, None, None]
