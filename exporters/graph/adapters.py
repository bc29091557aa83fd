"""Networks with another form of input or output than they were trained with.

NHWC for phones, levels of 0..255 with the scaling inside, and coordinates as fractions of the input: tensors of 8 bits
have 256 values for what stands in them, so that beside boxes in pixels all scores of 0..1 become 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from exporters.graph.nms import outputs_of
from streamvision.inference.model_card import ModelCard, PictureCard


def fed_nhwc(network: nn.Module, card: ModelCard, *, uint8: bool = False) -> tuple[nn.Module, ModelCard]:
    """Return the network behind an input (N, H, W, 3), and its card.

    Args:
        network: takes what the card says: (N, 3, H, W) float32.
        card: of the network.
        uint8: whether the new input is uint8 RGB, with scaling, mean and channel order inside the network. Otherwise
            it is float32, and fed as before but for the order of the axes.
    """
    changes: dict[str, Any] = {"layout": "nhwc"}
    if uint8:
        changes |= {"dtype": "uint8", "scale": 1.0, "mean": None, "std": None, "color": "rgb"}
        network, card = _FromLevels(network, card), _with_picture(card)
    return _FromNhwc(network).eval(), card.with_input(**changes)


def fed_levels(network: nn.Module, card: ModelCard) -> tuple[nn.Module, ModelCard]:
    """Return the network behind an input of RGB levels 0..255, with scaling, mean and channel order inside.

    The module takes (N, 3, H, W), which is how Core ML hands an image on; the card says what the image is to others,
    (N, H, W, 3) uint8.
    """
    fed = _with_picture(card).with_input(layout="nhwc", dtype="uint8", scale=1.0, mean=None, std=None, color="rgb")
    return _FromLevels(network, card).eval(), fed


def _with_picture(card: ModelCard) -> ModelCard:
    """Return the card of a network whose input changes, with how the picture that it makes is scaled, as ever."""
    if card.head != "image" or card.picture is not None:
        return card
    own = card.input
    color: Literal["rgb", "bgr"] = "bgr" if own.color == "bgr" else "rgb"
    made = PictureCard(color=color, scale=own.scale, mean=own.mean, std=own.std)
    return card.model_copy(update={"picture": made})


class _FromNhwc(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, pictures: Tensor) -> Any:
        return self._network(pictures.permute(0, 3, 1, 2))


class _FromLevels(nn.Module):
    """Does to (N, 3, H, W) uint8 RGB what :class:`streamvision.inference.preprocess.InputBatch` does, to the bit."""

    def __init__(self, network: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self._network = network
        self._divisor = 1 / card.input.scale
        self._swap = card.input.color == "bgr"
        mean, std = card.input.mean or (0.0,) * 3, card.input.std or (1.0,) * 3
        self._shifts = any(mean) or any(s != 1 for s in std)
        self._mean: Tensor
        self._std: Tensor
        self.register_buffer("_mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("_std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, pictures: Tensor) -> Any:
        if self._swap:
            pictures = pictures.flip(1)
        values = pictures.to(torch.float32) / self._divisor
        return self._network((values - self._mean) / self._std if self._shifts else values)


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
