"""Which places of a picture made a network find its objects: one heat map for each, by gradients or by occlusion.

Gradients: HiResCAM (Draelos and Carin 2020, arXiv:2011.08891), activation times gradient, place by place, summed over
channels, what is positive. Grad-CAM (Selvaraju et al. 2017) averages the gradient over all places first, which blurs
objects of one picture into each other. The maps that leave the backbone are taken together, since objects of
different sizes are found on different ones.

Occlusion: D-RISE (Petsiuk et al. 2021, arXiv:2006.03204) with the masks of RISE (Petsiuk et al. 2018), for any model.
The picture is shown many times with random parts covered, and a place is hot when the object is still found where it
was left open. An object counts as still found by the overlap times the score of the best detection of its class; the
weights are taken relative to their mean, so that fewer masks do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.torch_runtime import TorchBackend, import_torch
from streamvision.core.boxes import overlaps
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.core.resampling import scaled
from streamvision.evaluation.features import backbone_layers
from streamvision.evaluation.model import NMS_IOU
from streamvision.inference.letterbox import Letterbox, sized_input
from streamvision.inference.model import Model
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.preprocess import InputBatch

HeatMethod = Literal["auto", "gradient", "occlusion"]
F32 = NDArray[np.float32]
METHOD_WORDS = {
    "gradient": "gradients through the backbone (HiResCAM)",
    "occlusion": "random occlusion (D-RISE)",
}
GRID_CELLS = 16
"""Cells of a mask on each side, before they are smoothed."""
OPEN_SHARE = 0.5
"""Share of the cells that stay open."""
MASKS_PER_BATCH = 8
NOISE_DEVIATIONS = 1.5


@dataclass(frozen=True, eq=False)
class Explanation:
    """A picture, what was found on it and which places mattered for each object."""

    bgr: NDArray[np.uint8]
    """(H, W, 3) the picture."""
    names: tuple[str, ...]
    """Class names, by class id."""
    found: Detections
    """The objects, the best score first."""
    heat: F32
    """(N, H, W) by object, 0 (no matter) to 1 (what mattered most)."""
    method: Literal["gradient", "occlusion"]
    """How the heat was found."""

    def share_inside(self, index: int) -> float | None:
        """Return how much of an object's heat lies inside its box, 0..1; ``None`` where there is no heat at all."""
        left, top, right, bottom = self.found.box_xyxy_px[index].round().astype(int).tolist()
        total = float(self.heat[index].sum())
        return float(self.heat[index, top:bottom, left:right].sum()) / total if total > 0 else None


def explain(
    detector: Model,
    bgr: NDArray[np.uint8],
    *,
    path: Path,
    score: float,
    most: int,
    method: HeatMethod = "auto",
    masks: int,
    on_progress: Callable[[int, int], None],
) -> Explanation:
    """Find objects on a picture and what made the network find them.

    Args:
        detector: the model, opened for measuring, so that it reports weak objects too.
        bgr: (H, W, 3) the picture.
        path: the model's file, for messages.
        score: lowest score of an object that is explained.
        most: how many objects are explained at most, the best by score.
        method: ``gradient`` needs a checkpoint, ``occlusion`` works with every model and takes longer; ``auto`` takes
            gradients where they can be had.
        masks: how many occluded pictures are tried.
        on_progress: called with how many of these are done, and how many there are.

    Raises:
        ConfigError: when gradients are asked for and cannot be had.
        ModelError: when the model fails.
    """
    config = ModelConfig(path=path, score=score, iou=NMS_IOU, max_detections=most)
    chooser = Model(detector.backend, detector.card, config)
    (found,) = chooser.detect([BgrPicture(bgr)])
    if method != "occlusion" and isinstance(detector.backend, TorchBackend):
        try:
            heat = gradient_heat(detector.backend.network, detector.card, bgr, found)
            return Explanation(bgr, detector.names, found, heat, "gradient")
        except GradientsBlockedError as error:
            if method == "gradient":
                raise ConfigError(f"{error}; use --method occlusion") from error
    elif method == "gradient":
        raise ConfigError("gradients need a .pt checkpoint, this is an exported model; use --method occlusion")
    heat = occlusion_heat(detector, bgr, found, masks=masks, on_progress=on_progress)
    return Explanation(bgr, detector.names, found, heat, "occlusion")


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
    sized = [cv2.resize(one / max(float(one.max()), 1e-12), size, interpolation=cv2.INTER_LINEAR) for one in maps]
    mean: Any = np.mean(sized, axis=0, dtype=np.float32)
    content = mean[
        place.top_px : place.top_px + place.content_height_px, place.left_px : place.left_px + place.content_width_px
    ]
    picture = cv2.resize(content, (place.picture_width_px, place.picture_height_px), interpolation=cv2.INTER_LINEAR)
    heat: F32 = (picture / max(float(picture.max()), 1e-12)).astype(np.float32)
    return heat


def occlusion_heat(
    detector: Model,
    bgr: NDArray[np.uint8],
    found: Detections,
    *,
    masks: int,
    on_progress: Callable[[int, int], None],
    seed: int = 0,
) -> F32:
    """Return (N, H, W) heat of each object, 0..1.

    Args:
        detector: the model, opened so that it reports weak objects too.
        bgr: (H, W, 3) the picture.
        found: the objects on it.
        masks: how many covered pictures are tried.
        on_progress: called with how many are done, and how many there are.
        seed: what the masks are drawn from.

    Raises:
        ModelError: when the model fails.
    """
    height, width = bgr.shape[:2]
    if not len(found):
        return np.zeros((0, height, width), np.float32)
    seen = sized_input(detector.card.input, width, height)
    scale = min(seen.width_px / width, seen.height_px / height, 1.0)
    small = scaled(bgr, scale)
    size = small.shape[1], small.shape[0]
    targets = found.box_xyxy_px.astype(np.float64) * np.array([size[0] / width, size[1] / height] * 2)
    cover = small.reshape(-1, 3).mean(axis=0)
    random = np.random.default_rng(seed)
    weights = np.zeros((masks, len(found)))
    weighted = np.zeros((len(found), size[1], size[0]))
    plain = np.zeros((size[1], size[0]))
    for at in range(0, masks, MASKS_PER_BATCH):
        drawn = np.stack([random_mask(random, *size) for _ in range(min(MASKS_PER_BATCH, masks - at))])
        covered = drawn[..., None] * small + (1 - drawn[..., None]) * cover
        pictures = [BgrPicture(np.ascontiguousarray(one.round().astype(np.uint8))) for one in covered]
        batch = np.stack([_still_found(one, found.class_id, targets) for one in detector.detect(pictures)])
        weights[at : at + len(drawn)] = batch
        weighted += np.einsum("mn,mhw->nhw", batch, drawn)
        plain += drawn.sum(axis=0)
        on_progress(at + len(drawn), masks)
    relative = weighted - weights.mean(axis=0)[:, None, None] * plain
    heat = np.zeros((len(found), height, width), np.float32)
    for index, one in enumerate(relative):
        # A finite number of masks leaves noise; heat is what stands out of it.
        middle = float(np.median(one))
        noise = 1.4826 * float(np.median(np.abs(one - middle)))
        hot = np.clip(one - middle - NOISE_DEVIATIONS * noise, 0, None)
        full: Any = cv2.resize(hot, (width, height), interpolation=cv2.INTER_LINEAR)
        heat[index] = full / max(float(full.max()), 1e-12)
    return heat


def random_mask(random: np.random.Generator, width_px: int, height_px: int) -> F32:
    """Return (height, width) a smooth mask, 1 where the picture shows: random cells, enlarged and shifted."""
    cells = (random.random((GRID_CELLS, GRID_CELLS)) < OPEN_SHARE).astype(np.float32)
    across, down = -(-width_px // GRID_CELLS), -(-height_px // GRID_CELLS)
    large: Any = cv2.resize(cells, ((GRID_CELLS + 1) * across, (GRID_CELLS + 1) * down), interpolation=cv2.INTER_LINEAR)
    left, top = int(random.integers(0, across + 1)), int(random.integers(0, down + 1))
    mask: F32 = large[top : top + height_px, left : left + width_px]
    return mask


def _still_found(seen: Detections, class_id: NDArray[np.int32], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N,) how well each object is still found, 0..1."""
    if not len(seen):
        return np.zeros(len(targets))
    likeness = overlaps(targets, seen.box_xyxy_px.astype(np.float64)) * seen.score
    likeness[class_id[:, None] != seen.class_id[None]] = 0.0
    best: NDArray[np.float64] = likeness.max(axis=1)
    return best
