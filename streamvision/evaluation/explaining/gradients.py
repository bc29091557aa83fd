"""Heat from the gradients of a torch network, where what it says can be followed back to its feature maps.

Three ways to weigh a feature map's activations A by their gradients G, channel by channel; of the sum over channels,
what is positive counts:

- HiResCAM (Draelos and Carin 2020, arXiv:2011.08891): place by place, A times G. Where one map holds several objects,
  they stay apart.
- Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391): A times the mean of G over all places.
- Grad-CAM++ (Chattopadhay et al. 2018, arXiv:1710.11063): A times the sum of the positive G, each weighed by
  G^2 / (2 G^2 + G^3 sum(A)), so that several places of one class count alike.

What is followed back: the logit of an object's score, a class's logit before the softmax, and for a region the sum of
its logits over its pixels (Seg-Grad-CAM; Vinogradova, Dibrov and Myers 2020, arXiv:2002.11434).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.boxes import overlaps
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture
from streamvision.evaluation.explaining.subjects import U8, Classes, Objects, Question, Regions
from streamvision.evaluation.features import backbone_layers
from streamvision.inference.letterbox import Letterbox, sized_input
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.preprocess import InputBatch

F32 = NDArray[np.float32]
Weighing = Literal["gradient", "grad-cam", "grad-cam++"]
OBJECT_HEADS = ("yolo_v8", "yolo_seg", "yolo_pose")
"""Heads whose first output is (batch, 4 + classes + more, rows): centre, width, height, and a score for each class."""
_EPSILON = 1e-6
_ROUNDING = 1e-3
"""How far the sum of probabilities is from 1 at most."""


class GradientsBlockedError(Exception):
    """The network does not let gradients through from what it says, as end-to-end models do not."""


_NO_WAY_BACK = "this network gives no gradient from what it says back to a feature map"
_TOKENS = "this network works on tokens, which are no feature map"


def gradient_heat(network: Any, card: ModelCard, bgr: U8, question: Question, *, weighing: Weighing) -> F32:
    """Return (N, H, W) heat of each subject, 0..1.

    Args:
        network: the torch module of a checkpoint, as a source of exports makes it.
        card: how to feed it.
        bgr: (H, W, 3) the picture.
        question: what the model said of it.
        weighing: how activations are weighed by their gradients.

    Raises:
        GradientsBlockedError: when what the network says has no gradient, or it has no feature maps.
    """
    torch = import_torch()
    if isinstance(question, Objects) and card.head not in OBJECT_HEADS:
        raise GradientsBlockedError(_NO_WAY_BACK)
    sized = sized_input(card.input, bgr.shape[1], bgr.shape[0])
    batch = InputBatch(sized, 1)
    place = batch.put(0, BgrPicture(bgr))
    with recorded(network) as seen:
        tensor = torch.from_numpy(batch.tensor).to(next(network.parameters()).device).requires_grad_()
        outputs = network(tensor)
    if isinstance(question, Objects):
        maps = [output for layer, output in seen if layer in _backbone(network)]
        scores = _object_scores(outputs[0][0], question.found, place)
    else:
        maps = [coarsest_map([output for _, output in seen])]
        scores = _picture_scores(question, outputs[0], [output for _, output in seen], place, sized)
    heat = np.zeros((len(question.subjects), *bgr.shape[:2]), np.float32)
    for index, score in enumerate(scores):
        if not score.requires_grad:
            raise GradientsBlockedError(_NO_WAY_BACK)
        gradients = torch.autograd.grad(score, maps, retain_graph=True, allow_unused=True)
        heats = [
            WEIGHINGS[weighing](features[0], gradient[0]).clamp(min=0).detach().cpu().numpy()
            for features, gradient in zip(maps, gradients, strict=True)
            if gradient is not None
        ]
        if not heats:
            raise GradientsBlockedError(_NO_WAY_BACK)
        heat[index] = joined(heats, place, sized)
    return heat


def hirescam(features: Any, gradient: Any) -> Any:
    """Return (h, w) HiResCAM of (C, h, w) activations and gradients."""
    return (features * gradient).sum(dim=0)


def grad_cam(features: Any, gradient: Any) -> Any:
    """Return (h, w) Grad-CAM of (C, h, w) activations and gradients."""
    return (features * gradient.mean(dim=(1, 2), keepdim=True)).sum(dim=0)


def grad_cam_plus_plus(features: Any, gradient: Any) -> Any:
    """Return (h, w) Grad-CAM++ of (C, h, w) activations and gradients, by equation 19 of the paper."""
    total = features.sum(dim=(1, 2), keepdim=True)
    weight = gradient**2 / (2 * gradient**2 + total * gradient**3 + _EPSILON)
    return (features * (weight * gradient.clamp(min=0)).sum(dim=(1, 2), keepdim=True)).sum(dim=0)


WEIGHINGS: dict[Weighing, Callable[[Any, Any], Any]] = {
    "gradient": hirescam,
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
}


@contextmanager
def recorded(network: Any) -> Iterator[list[tuple[Any, Any]]]:
    """Give a list that every module and its output are written into, in the order in which they are done."""
    seen: list[tuple[Any, Any]] = []

    def record(module: Any, _: Any, output: Any) -> None:
        if hasattr(output, "ndim"):
            seen.append((module, output))

    hooks = [module.register_forward_hook(record) for module in network.modules()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def coarsest_map(outputs: Sequence[Any]) -> Any:
    """Return the feature map that says most of what and least of where: the last widest of the coarsest.

    That is the last block of a classifier, the backbone's end of a segmentation network, and a U-Net's lowest level.

    Raises:
        GradientsBlockedError: when the network has none, or goes on with tokens behind it, as vision transformers do.
    """
    maps = [(at, one) for at, one in enumerate(outputs) if one.ndim == 4 and min(one.shape[2:]) > 1]
    if not maps:
        raise GradientsBlockedError("this network has no feature maps")
    fewest = min(one.shape[2] * one.shape[3] for _, one in maps)
    coarsest = [(at, one) for at, one in maps if one.shape[2] * one.shape[3] == fewest]
    widest = max(one.shape[1] for _, one in coarsest)
    at, chosen = [(at, one) for at, one in coarsest if one.shape[1] == widest][-1]
    if any(one.ndim == 3 for one in outputs[at:]):
        raise GradientsBlockedError(_TOKENS)
    return chosen


def _backbone(network: Any) -> list[Any]:
    return [network.network.model[layer] for layer in backbone_layers(network.network)]


def _object_scores(raw: Any, found: Detections, place: Letterbox) -> list[Any]:
    """Return the logit of each object's score, from the row of the network's output that it came from."""
    torch = import_torch()
    rows = _rows(raw.detach().cpu().numpy(), found, place)
    scores = [raw[4 + class_id, row] for row, class_id in zip(rows, found.class_id.tolist(), strict=True)]
    return [torch.logit(score.clamp(_EPSILON, 1 - _EPSILON)) for score in scores]


def _rows(raw: F32, found: Detections, place: Letterbox) -> list[int]:
    """Return the row of the network's output that each object came from."""
    center, half = raw[:2].T, raw[2:4].T / 2
    boxes = place.to_picture(np.concatenate([center - half, center + half], axis=1)).astype(np.float64)
    likeness = overlaps(found.box_xyxy_px.astype(np.float64), boxes)
    likeness *= raw[4 + found.class_id]
    return [int(row) for row in likeness.argmax(axis=1)]


def _picture_scores(
    question: Question, output: Any, seen: Sequence[Any], place: Letterbox, card: InputCard
) -> list[Any]:
    if isinstance(question, Classes) and output.ndim == 2:
        logits = _logits(output, seen)
        return [logits[0, class_id] for class_id in question.class_ids]
    if isinstance(question, Regions) and output.ndim == 4:
        return [_region_score(output[0], question, class_id, place, card) for class_id in question.class_ids]
    raise GradientsBlockedError(_NO_WAY_BACK)


def _logits(output: Any, seen: Sequence[Any]) -> Any:
    """Return the (1, classes) logits; a softmax that is certain lets no gradient through, so its input is taken."""
    rows = [one for one in seen if one.shape == output.shape]
    sums = [float(one.detach().sum()) for one in rows]
    before = [one for one, total in zip(rows, sums, strict=True) if one.min() < 0 or abs(total - 1) > _ROUNDING]
    return before[-1] if before else output.clamp(min=1e-30).log()


def _region_score(logits: Any, question: Regions, class_id: int, place: Letterbox, card: InputCard) -> Any:
    """Return the sum of a class's (C, h, w) logits over its region; of one channel, as for or against it."""
    torch = import_torch()
    area = place.visible(card)
    inside = np.zeros((card.height_px, card.width_px), np.float32)
    size = area.right - area.left, area.bottom - area.top
    region = (question.class_map == class_id).astype(np.float32)
    inside[area.top : area.bottom, area.left : area.right] = cv2.resize(region, size, interpolation=cv2.INTER_NEAREST)
    cells = cv2.resize(inside, (logits.shape[2], logits.shape[1]), interpolation=cv2.INTER_AREA)
    channel = logits[class_id] if logits.shape[0] > 1 else (logits[0] if class_id else -logits[0])
    return (channel * torch.from_numpy(cells).to(logits.device)).sum()


def joined(heats: Sequence[F32], place: Letterbox, card: InputCard) -> F32:
    """Return the mean of feature-map heats as heat of the picture; each counts alike, whatever its scale.

    What the network does not see of the picture, as it is cut off, stays cold.
    """
    size = (card.width_px, card.height_px)
    sized = [cv2.resize(one / max(float(one.max()), 1e-12), size, interpolation=cv2.INTER_LINEAR) for one in heats]
    mean: Any = np.mean(sized, axis=0, dtype=np.float32)
    area = place.visible(card)
    content = np.zeros((place.content_height_px, place.content_width_px), np.float32)
    rows, columns = (
        (area.top - place.top_px, area.bottom - place.top_px),
        (area.left - place.left_px, area.right - place.left_px),
    )
    content[slice(*rows), slice(*columns)] = mean[area.top : area.bottom, area.left : area.right]
    picture: Any = cv2.resize(
        content, (place.picture_width_px, place.picture_height_px), interpolation=cv2.INTER_LINEAR
    )
    heat: F32 = (picture / max(float(picture.max()), 1e-12)).astype(np.float32)
    return heat
