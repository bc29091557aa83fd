"""Torchvision's models as functions of a batch of pictures to a tuple of tensors; see ``torchvision`` for layouts."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.image_list import ImageList

from streamvision.checkpoints.torchvision_build import TorchvisionNetwork


def as_network(described: TorchvisionNetwork) -> nn.Module:
    """Return a fresh copy of the network in evaluation mode."""
    network = copy.deepcopy(described.network).eval().requires_grad_(False)
    if described.kind == "classify":
        return _Probabilities(network).eval()
    if described.kind == "semantic":
        return _Logits(network).eval()
    return _Rows(network, _rows_of(network)).eval()


class _Probabilities(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return (self.network(pictures).softmax(dim=1),)


class _Logits(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        if hasattr(network, "aux_classifier"):
            network.aux_classifier = None
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return (self.network(pictures)["out"],)


class _Rows(nn.Module):
    """A detector whose rows are padded to one number; a batch is a loop, as that is how the detectors select boxes."""

    def __init__(self, network: Any, rows: int) -> None:
        super().__init__()
        network.transform = _AsItIs(network.transform)
        if (roi_heads := getattr(network, "roi_heads", None)) is not None:
            roi_heads.box_coder = _AnyCount(roi_heads.box_coder.weights)
        self.network = network
        self._count = rows

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        found = self.network(pictures)
        columns = [[self._padded(tensor) for tensor in _tensors(one)] for one in found]
        return tuple(torch.stack(column) for column in zip(*columns, strict=True))

    def _padded(self, tensor: Tensor) -> Tensor:
        rest = tensor.new_zeros((self._count, *tensor.shape[1:]))
        return torch.cat([tensor, rest])[: self._count]


class _AsItIs(nn.Module):
    """Takes the place of torchvision's transform: normalises, and leaves sizes as they are.

    The input must have sides that the backbone divides by its strides, which multiples of 32 are.
    """

    def __init__(self, transform: Any) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(transform.image_mean)[:, None, None])
        self.register_buffer("std", torch.tensor(transform.image_std)[:, None, None])

    def forward(self, pictures: Tensor, targets: None = None) -> tuple[ImageList, None]:
        height, width = pictures.shape[-2:]
        return ImageList((pictures - self.mean) / self.std, [(height, width)] * len(pictures)), targets

    def postprocess(self, found: Any, shapes: Any, original_shapes: Any) -> Any:
        return found


class _AnyCount(BoxCoder):  # type: ignore[misc]  # torchvision has no types
    """Decodes boxes of any number of regions: a trace of torchvision's own fails on a picture without any."""

    def decode(self, rel_codes: Tensor, boxes: list[Tensor]) -> Tensor:
        found: Tensor = self.decode_single(rel_codes, torch.cat(boxes))
        return found.reshape(-1, rel_codes.shape[1] // 4, 4)


def _tensors(found: dict[str, Tensor]) -> list[Tensor]:
    columns = [found["boxes"], found["scores"], found["labels"] - 1]
    if "masks" in found:
        columns.append(found["masks"][:, 0])
    if "keypoints" in found:
        # The score of a keypoint is the logit at the peak of its heat map.
        confidence = found["keypoints_scores"].sigmoid()
        columns.append(torch.cat([found["keypoints"][..., :2], confidence[..., None]], dim=2))
    return columns


def _rows_of(network: Any) -> int:
    """Return how many boxes a detector gives at most."""
    roi_heads = getattr(network, "roi_heads", None)
    return int(network.detections_per_img if roi_heads is None else roi_heads.detections_per_img)
