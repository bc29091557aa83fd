"""Coordinates as fractions of the network's input.

Tensors of 8 bits have 256 values for what stands in them: beside boxes in pixels, scores of 0..1 all become 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from exporters.graph.nms import outputs_of
from streamvision.inference.model_card import ModelCard

_BOX = 4


def boxes_in_fractions(network: nn.Module, card: ModelCard) -> tuple[nn.Module, ModelCard]:
    """Return the network with boxes and keypoints as fractions of its input, and its card.

    Networks that give no boxes, or give them so already, come back as they are.
    """
    if card.head not in _SCALED or card.box_unit == "normalized":
        return network, card
    return _InFractions(network, card).eval(), card.model_copy(update={"box_unit": "normalized"})


class _InFractions(nn.Module):
    def __init__(self, network: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self._network = network
        self._card = card
        self._scaled = _SCALED[card.head]

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return self._scaled(outputs_of(self._network(pictures)), self._card)


def _raw(outputs: tuple[Tensor, ...], card: ModelCard) -> tuple[Tensor, ...]:
    """Scale the first four rows (centre and size) of (N, 4 + ..., boxes)."""
    raw, *others = outputs
    return torch.cat([raw[:, :_BOX] * _factors(raw, card)[:, None], raw[:, _BOX:]], dim=1), *others


def _raw_pose(outputs: tuple[Tensor, ...], card: ModelCard) -> tuple[Tensor, ...]:
    """Scale the box, and of each keypoint the two coordinates, in (N, 4 + classes + keypoints * dimensions, boxes)."""
    assert card.keypoints is not None
    raw, *others = _raw(outputs, card)
    first = _BOX + len(card.names)
    points = raw[:, first:].reshape(raw.shape[0], len(card.keypoints.names), -1, raw.shape[2])
    xy = points[:, :, :2] * _factors(raw, card)[:2, None]
    return torch.cat([raw[:, :first], torch.cat([xy, points[:, :, 2:]], dim=2).flatten(1, 2)], dim=1), *others


def _selected(outputs: tuple[Tensor, ...], card: ModelCard) -> tuple[Tensor, ...]:
    """Scale the first four columns (corners) of (N, rows, 6)."""
    rows, *others = outputs
    return torch.cat([rows[..., :_BOX] * _factors(rows, card), rows[..., _BOX:]], dim=2), *others


def _boxes_first(outputs: tuple[Tensor, ...], card: ModelCard) -> tuple[Tensor, ...]:
    """Scale (N, rows, 4) corners and, for pose, the (N, rows, keypoints, 3) behind scores and labels."""
    boxes, *others = outputs
    factors = _factors(boxes, card)
    if card.task == "pose":
        points = others.pop()
        others.append(torch.cat([points[..., :2] * factors[:2], points[..., 2:]], dim=-1))
    return boxes * factors, *others


def _factors(like: Tensor, card: ModelCard) -> Tensor:
    """Return (4,) factors from pixels to fractions, for x, y, x, y."""
    factors = torch.tensor((1 / card.input.width_px, 1 / card.input.height_px) * 2, dtype=like.dtype)
    return factors.to(like.device)


_SCALED: dict[str, Callable[[tuple[Tensor, ...], ModelCard], tuple[Tensor, ...]]] = {
    "yolo_v8": _raw,
    "yolo_seg": _raw,
    "yolo_obb": _raw,
    "yolo_pose": _raw_pose,
    "yolo_end2end": _selected,
    "rows": _boxes_first,
}
"""By head, what scales the outputs."""
