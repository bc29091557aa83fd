"""Partial inference: which part of a picture the network is shown, so that no change is missed and no object is cut.

A part is shown at the scale of the full picture, in a smaller input. Its sides are multiples of :data:`STEP_PX`, so
that few sizes occur and the runtime's plans for them are used again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.core.resampling import Window
from streamvision.inference.letterbox import BY_ASPECT, sized_input
from streamvision.inference.model_card import InputCard

STEP_PX = 64
"""Sides of a part, in the network's input, are multiples of this; all strides in use divide it."""
MARGIN_PX = 24
"""How much the network sees around what has changed and around known objects, in its input."""
MOST = 0.7
"""From this share of the full input on, a part is not worth its seams."""
MAX_GROWTHS = 6
"""How often a part grows around objects that its edge would cut; then the network is shown the full picture."""

Box = NDArray[np.floating[Any]]


def can_infer_parts(card: InputCard) -> bool:
    """Say whether the model takes inputs of any size."""
    return card.dynamic_size and card.resize in BY_ASPECT


def plan_around(
    changed_xyxy_px: Box, known_xyxy_px: Box, *, picture_px: tuple[int, int], card: InputCard
) -> InferencePlan:
    """Return the smallest part with everything around a changed box, or the full picture where that is hardly more.

    Args:
        changed_xyxy_px: (4,) what has changed, in pixels of the picture.
        known_xyxy_px: (N, 4) boxes of known objects: each is either inside or outside of the part.
        picture_px: width and height of the picture.
        card: the model's input, of free size.
    """
    full = sized_input(card, *picture_px)
    full_px = np.array([full.width_px, full.height_px])
    limit = np.array(picture_px, np.float64)
    scale = float(max(full.width_px, full.height_px) / limit.max())
    margin = MARGIN_PX / scale
    wanted = _grown(changed_xyxy_px, margin)
    known = np.clip(_grown(known_xyxy_px, margin / 4), 0, np.tile(limit, 2))
    for _ in range(MAX_GROWTHS):
        low, high = np.clip(wanted[:2], 0, limit), np.clip(wanted[2:], 0, limit)
        size_px = np.minimum(-(-(high - low) * scale // STEP_PX).astype(np.int64) * STEP_PX, full_px)
        if size_px.prod() > MOST * full_px.prod():
            return FULL
        extent = np.minimum(np.round(size_px / scale), limit)
        start = np.clip(np.round((low + high - extent) / 2), 0, limit - extent).astype(np.int64) & ~1
        end = np.where(start + extent >= limit - 1, limit, start + extent).astype(np.int64)  # an odd last pixel, too
        cut = _touching(known, start, end) & ~_inside(known, start, end)
        if not cut.any():
            window = Window(int(start[0]), int(start[1]), int(end[0]), int(end[1]))
            return InferencePlan("partial", window, (int(size_px[0]), int(size_px[1])))
        wanted[:2] = np.minimum(wanted[:2], known[cut, :2].min(axis=0))
        wanted[2:] = np.maximum(wanted[2:], known[cut, 2:].max(axis=0))
    return FULL


def share_of(plan: InferencePlan, *, picture_px: tuple[int, int], card: InputCard) -> float:
    """Return what a plan costs, as a share of showing the network the full picture."""
    if plan.size is None:
        return float(plan.uses_network)
    full = sized_input(card, *picture_px)
    return plan.size[0] * plan.size[1] / (full.width_px * full.height_px)


def _grown(box_xyxy_px: Box, margin_px: float) -> Box:
    return np.add(box_xyxy_px, [-margin_px, -margin_px, margin_px, margin_px], dtype=np.float64)


def _touching(box: Box, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(((box[:, :2] < high) & (box[:, 2:] > low)).all(axis=1))


def _inside(box: Box, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(((box[:, :2] >= low) & (box[:, 2:] <= high)).all(axis=1))
