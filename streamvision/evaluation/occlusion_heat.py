"""Heat by occlusion: which places must be visible for an object to be found. Any model will do.

D-RISE (Petsiuk et al. 2021, arXiv:2006.03204) with the masks of RISE (Petsiuk et al. 2018): the picture is shown many
times with random parts covered, and a place is hot when the object is still found where it was left open. An object
counts as still found by the overlap times the score of the best detection of its class; the weights are taken
relative to their mean, so that fewer masks do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import overlaps
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture
from streamvision.inference.letterbox import sized_input
from streamvision.inference.model import Model

F32 = NDArray[np.float32]
GRID_CELLS = 16
"""Cells of a mask on each side, before they are smoothed."""
OPEN_SHARE = 0.5
"""Share of the cells that stay open."""
BATCH = 8
NOISE_DEVIATIONS = 1.5


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
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small: Any = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
    targets = found.box_xyxy_px.astype(np.float64) * np.array([size[0] / width, size[1] / height] * 2)
    cover = small.reshape(-1, 3).mean(axis=0)
    random = np.random.default_rng(seed)
    weights = np.zeros((masks, len(found)))
    weighted = np.zeros((len(found), size[1], size[0]))
    plain = np.zeros((size[1], size[0]))
    for at in range(0, masks, BATCH):
        drawn = np.stack([random_mask(random, *size) for _ in range(min(BATCH, masks - at))])
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
