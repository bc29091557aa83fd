"""The loss of YOLOX: which grid cells answer for which object (SimOTA), and how far they are from it.

Ge et al. 2021, YOLOX (arXiv:2107.08430), after OTA (Ge et al. 2021, arXiv:2103.14259). This file imports torch; see
:func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from streamvision.checkpoints.yolox_network import SCORES_AT, decoded, grid

CENTRE_RADIUS = 1.5
"""Only cells this near to an object's middle, in strides, may answer for it."""
BOX_WEIGHT = 5.0
CANDIDATES = 10
"""Of this many best boxes the overlaps are added up to how many cells answer for an object."""
_OVERLAP_COST = 3.0
_FAR = 1e6


def yolox_loss(raw: Tensor, targets: Sequence[dict[str, Tensor]], size_px: tuple[int, int], *, exact: bool) -> Tensor:
    """Return the loss of a batch as a scalar.

    Args:
        raw: (N, cells, 5 + classes) float32, as :class:`~streamvision.checkpoints.yolox_network.Yolox` gives them.
        targets: for each picture ``boxes`` (M, 4) left, top, right, bottom in px and ``classes`` (M,) int64.
        size_px: (width, height) of the pictures.
        exact: whether offsets are compared beside overlaps, as in the last epochs (those without mosaic).
    """
    width_px, height_px = size_px
    cell, stride_px = grid(height_px, width_px, like=raw)
    found = decoded(raw, height_px, width_px)
    boxes = _corners(found[..., :4])
    classes = raw.shape[-1] - SCORES_AT
    rows, objects, kinds, overlaps = [], [], [], []
    for picture, target in enumerate(targets):
        if not len(target["boxes"]):
            continue
        row, chosen, overlap = assign(
            boxes[picture].detach(),
            raw[picture, :, 4:].detach(),
            target,
            centre_px=(cell + 0.5) * stride_px,
            stride_px=stride_px[:, 0],
        )
        rows.append(row + picture * raw.shape[1])
        objects.append(target["boxes"][chosen])
        kinds.append(target["classes"][chosen])
        overlaps.append(overlap)
    answering = torch.zeros(raw.shape[0] * raw.shape[1], device=raw.device)
    if not rows:
        return functional.binary_cross_entropy_with_logits(raw[..., 4].flatten(), answering, reduction="sum")
    row, box, kind, overlap = (torch.cat(parts) for parts in (rows, objects, kinds, overlaps))
    answering[row] = 1.0
    flat = raw.flatten(0, 1)
    wanted = functional.one_hot(kind, classes).float() * overlap[:, None]
    total = BOX_WEIGHT * (1 - _overlap(boxes.flatten(0, 1)[row], box).square()).sum()
    total = total + functional.binary_cross_entropy_with_logits(flat[:, 4], answering, reduction="sum")
    total = total + functional.binary_cross_entropy_with_logits(flat[row, SCORES_AT:], wanted, reduction="sum")
    if exact:
        at = row % raw.shape[1]
        middle = (box[:, :2] + box[:, 2:]) / 2 / stride_px[at] - cell[at]
        size = ((box[:, 2:] - box[:, :2]) / stride_px[at]).clamp_min(1e-8).log()
        total = total + functional.l1_loss(flat[row, :4], torch.cat([middle, size], dim=1), reduction="sum")
    mean: Tensor = total / len(row)
    return mean


@torch.no_grad()
def assign(
    boxes: Tensor, logits: Tensor, target: dict[str, Tensor], *, centre_px: Tensor, stride_px: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return which cells of a picture answer for an object, for which one, and how much their boxes overlap with it.

    Args:
        boxes: (cells, 4) float32 found, left, top, right, bottom in px.
        logits: (cells, 1 + classes) of objectness and of the classes.
        target: ``boxes`` (M, 4), ``classes`` (M,) int64, M at least one.
        centre_px: (cells, 2) the cells' middles.
        stride_px: (cells,) their strides.

    Returns:
        (K,) int64 cells, (K,) int64 objects, (K,) float32 overlaps of 0..1; each cell at most once.
    """
    middle = (target["boxes"][:, :2] + target["boxes"][:, 2:]) / 2
    far = (centre_px[None] - middle[:, None]).abs().amax(dim=2) >= CENTRE_RADIUS * stride_px[None]
    (near,) = (~far).any(dim=0).nonzero(as_tuple=True)
    far = far[:, near]
    overlap = _overlap(boxes[near][None], target["boxes"][:, None])
    probability = (logits[near, :1].sigmoid() * logits[near, 1:].sigmoid()).sqrt().clamp(1e-7, 1 - 1e-7)
    wrong = -(1 - probability).log()
    kinds = target["classes"]
    unlike = wrong.sum(dim=1)[None] - wrong[:, kinds].T - probability[:, kinds].T.log()
    cost = unlike - _OVERLAP_COST * (overlap + 1e-8).log() + _FAR * far
    best = overlap.topk(min(CANDIDATES, overlap.shape[1]), dim=1).values
    counts = best.sum(dim=1).int().clamp_min(1)
    rank = cost.argsort(dim=1).argsort(dim=1)
    chosen = rank < counts[:, None]
    cheapest = torch.zeros_like(chosen).scatter_(0, cost.argmin(dim=0, keepdim=True), True)
    # A cell that several objects ask for answers for the one that it fits best.
    chosen = torch.where(chosen.sum(dim=0, keepdim=True) > 1, cheapest & chosen.any(dim=0, keepdim=True), chosen)
    objects, cells = chosen.nonzero(as_tuple=True)
    return near[cells], objects, overlap[objects, cells]


def _corners(box: Tensor) -> Tensor:
    return torch.cat([box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2], dim=-1)


def _overlap(a: Tensor, b: Tensor) -> Any:
    """Return the intersection over union of boxes, pair by pair as shapes are broadcast."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp_min(0).prod(dim=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(dim=-1) + (b[..., 2:] - b[..., :2]).prod(dim=-1)
    return shared / (areas - shared + 1e-9)
