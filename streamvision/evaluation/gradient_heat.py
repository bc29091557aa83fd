"""Heat by gradients: which places of the backbone's feature maps raise the score of an object.

HiResCAM (Draelos and Carin 2020, arXiv:2011.08891): activation times gradient, place by place, summed over channels,
what is positive. Grad-CAM (Selvaraju et al. 2017) averages the gradient over all places first, which blurs objects
of one picture into each other. The maps that leave the backbone are taken together, since objects of different sizes
are found on different ones.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.boxes import overlaps
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture
from streamvision.evaluation.features import backbone_layers
from streamvision.inference.letterbox import Letterbox, sized_input
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.preprocess import InputBatch

F32 = NDArray[np.float32]


class GradientsBlockedError(Exception):
    """The network does not let gradients through from its output, as end-to-end models do not."""


def gradient_heat(network: Any, card: ModelCard, bgr: NDArray[np.uint8], found: Detections) -> F32:
    """Return (N, H, W) heat of each object, 0..1.

    Args:
        network: the torch module of a checkpoint, as a source of exports makes it.
        card: how to feed it.
        bgr: (H, W, 3) the picture.
        found: the objects on it.

    Raises:
        GradientsBlockedError: when the network's output has no gradient.
    """
    torch = import_torch()
    if card.head != "yolo_v8":
        raise GradientsBlockedError("this network gives no gradient from its boxes back to the picture")
    sized = sized_input(card.input, bgr.shape[1], bgr.shape[0])
    batch = InputBatch(sized, 1)
    place = batch.put(0, BgrPicture(bgr))
    seen: list[Any] = []
    hooks = [
        network.network.model[layer].register_forward_hook(lambda _m, _i, output: seen.append(output))
        for layer in backbone_layers(network.network)
    ]
    try:
        tensor = torch.from_numpy(batch.tensor).to(next(network.parameters()).device).requires_grad_()
        raw = network(tensor)[0]
    finally:
        for hook in hooks:
            hook.remove()
    rows = _rows(raw[0].detach().cpu().numpy(), found, place)
    heat = np.zeros((len(found), *bgr.shape[:2]), np.float32)
    for index, (row, class_id) in enumerate(zip(rows, found.class_id.tolist(), strict=True)):
        score = raw[0, 4 + class_id, row].clamp(1e-6, 1 - 1e-6)
        gradients = torch.autograd.grad(torch.logit(score), seen, retain_graph=True, allow_unused=True)
        if all(gradient is None for gradient in gradients):
            raise GradientsBlockedError("this network gives no gradient from its boxes back to the picture")
        maps = [
            (features * gradient).sum(dim=1)[0].clamp(min=0).detach().cpu().numpy()
            for features, gradient in zip(seen, gradients, strict=True)
            if gradient is not None
        ]
        heat[index] = _joined(maps, place, sized)
    return heat


def _rows(raw: F32, found: Detections, place: Letterbox) -> list[int]:
    """Return the row of the network's output that each object came from."""
    center, half = raw[:2].T, raw[2:4].T / 2
    boxes = place.to_picture(np.concatenate([center - half, center + half], axis=1)).astype(np.float64)
    likeness = overlaps(found.box_xyxy_px.astype(np.float64), boxes)
    likeness *= raw[4 + found.class_id]
    return [int(row) for row in likeness.argmax(axis=1)]


def _joined(maps: list[F32], place: Letterbox, card: InputCard) -> F32:
    """Return the mean of feature-map heats as heat of the picture; each counts alike, whatever its scale."""
    size = (card.width_px, card.height_px)
    scaled = [cv2.resize(one / max(float(one.max()), 1e-12), size, interpolation=cv2.INTER_LINEAR) for one in maps]
    mean: Any = np.mean(scaled, axis=0, dtype=np.float32)
    content = mean[
        place.top_px : place.top_px + place.content_height_px, place.left_px : place.left_px + place.content_width_px
    ]
    picture = cv2.resize(content, (place.picture_width_px, place.picture_height_px), interpolation=cv2.INTER_LINEAR)
    heat: F32 = (picture / max(float(picture.max()), 1e-12)).astype(np.float32)
    return heat
