"""A picture with parts covered: the heat that this gives, and curves that judge any heat; for every model.

Heat: D-RISE (Petsiuk et al. 2021, arXiv:2006.03204) with the masks of RISE (Petsiuk, Das and Saenko 2018,
arXiv:1806.07421). The picture is shown many times with random parts covered, and a place is hot when the model still
says the same where it was left open. The weights are taken relative to their mean, so that fewer masks do.

Curves, of RISE too: the hottest pixels are taken away first (deletion), or put back first into a blurred picture
(insertion). Heat is right where the first soon ends what the model says, and the second soon brings it back: a small
area under the deletion curve, a large one under the insertion curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import BgrPicture
from streamvision.core.resampling import scaled
from streamvision.evaluation.explaining.subjects import F64, U8, Question
from streamvision.inference.letterbox import BY_ASPECT, sized_input
from streamvision.inference.model import Model

F32 = NDArray[np.float32]
GRID_CELLS = 16
"""Cells of a mask on each side, before they are smoothed."""
OPEN_SHARE = 0.5
"""Share of the cells that stay open."""
PICTURES_PER_CALL = 8
NOISE_DEVIATIONS = 1.5
CURVE_STEPS = 20
"""Parts of equal area in which pixels are taken away or put back."""
BLUR_SHARE = 1 / 40
"""Deviation of the blur that insertion begins from, as a share of the longer side; RISE's 5 of 224 pixels."""


class CoveredPicture:
    """A picture in the size in which the network sees it, for asking the model about changed copies of it.

    Args:
        model: the model, opened so that it reports weak objects too.
        bgr: (H, W, 3) the picture.
        question: what the model said of it.
        on_asked: called with how many copies the model has been asked about since the last call.
    """

    def __init__(self, model: Model, bgr: U8, question: Question, *, on_asked: Callable[[int], None]) -> None:
        height, width = bgr.shape[:2]
        seen = sized_input(model.card.input, width, height)
        fitting = min if seen.resize in BY_ASPECT else max
        self.bgr: U8 = scaled(bgr, min(fitting(seen.width_px / width, seen.height_px / height), 1.0))
        """(h, w, 3) the picture as it is shown."""
        self.question = question
        """What the model said of it."""
        self._model, self._on_asked = model, on_asked

    def scores(self, pictures: F64) -> F64:
        """Return (B, N) how much of each subject the model still says of (B, h, w, 3) changed copies."""
        rounded = np.ascontiguousarray(pictures.round().astype(np.uint8))
        height, width = self.bgr.shape[:2]
        predictions = self._model.find([BgrPicture(one) for one in rounded])
        self._on_asked(len(pictures))
        return self.question.scores(predictions, width_px=width, height_px=height)

    @property
    def cover(self) -> F64:
        """(3,) the mean colour, which takes the place of what is covered."""
        mean: F64 = self.bgr.reshape(-1, 3).mean(axis=0)
        return mean


def occlusion_heat(shown: CoveredPicture, *, masks: int, size_px: tuple[int, int], seed: int = 0) -> F32:
    """Return (N, H, W) heat of each subject, 0..1.

    Args:
        shown: the picture.
        masks: how many covered copies are tried.
        size_px: (width, height) of the heat.
        seed: what the masks are drawn from.

    Raises:
        ModelError: when the model fails.
    """
    width, height = size_px
    count = len(shown.question.subjects)
    heat = np.zeros((count, height, width), np.float32)
    if not count:
        return heat
    rows, columns = shown.bgr.shape[:2]
    random = np.random.default_rng(seed)
    weights = np.zeros((masks, count))
    weighted = np.zeros((count, rows, columns))
    plain = np.zeros((rows, columns))
    for at in range(0, masks, PICTURES_PER_CALL):
        drawn = np.stack([random_mask(random, columns, rows) for _ in range(min(PICTURES_PER_CALL, masks - at))])
        batch = shown.scores(drawn[..., None] * shown.bgr + (1 - drawn[..., None]) * shown.cover)
        weights[at : at + len(drawn)] = batch
        weighted += np.einsum("mn,mhw->nhw", batch, drawn)
        plain += drawn.sum(axis=0)
    relative = weighted - weights.mean(axis=0)[:, None, None] * plain
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


@dataclass(frozen=True, eq=False)
class Curves:
    """What becomes of what a model says while pixels go or come, the hottest first."""

    deletion: F64
    """(steps + 1,) how much is still said, 0..1, when equal shares of the pixels have been taken away."""
    insertion: F64
    """(steps + 1,) how much is said, when equal shares have been put back into the blurred picture."""

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve, 0..1; small is good."""
        return _area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve, 0..1; large is good."""
        return _area(self.insertion)


def heat_curves(shown: CoveredPicture, heat: F32) -> tuple[Curves | None, ...]:
    """Return the curves of each subject's heat (N, H, W); ``None`` where there is no heat.

    Raises:
        ModelError: when the model fails.
    """
    return tuple(_curves(shown, index, one) if one.any() else None for index, one in enumerate(heat))


def _curves(shown: CoveredPicture, index: int, heat: F32) -> Curves:
    height, width = shown.bgr.shape[:2]
    rank = _rank(np.asarray(cv2.resize(heat, (width, height), interpolation=cv2.INTER_AREA)))
    deviation_px = BLUR_SHARE * max(height, width)
    blurred = np.asarray(cv2.GaussianBlur(shown.bgr, (0, 0), deviation_px), np.float64)
    picture, cover = shown.bgr.astype(np.float64), np.broadcast_to(shown.cover, shown.bgr.shape)
    lines = []
    for before, after in ((picture, cover), (blurred, picture)):
        values = []
        for at in range(0, CURVE_STEPS + 1, PICTURES_PER_CALL):
            steps = range(at, min(at + PICTURES_PER_CALL, CURVE_STEPS + 1))
            changed = np.stack([np.where((rank < step / CURVE_STEPS)[..., None], after, before) for step in steps])
            values.append(shown.scores(changed)[:, index])
        lines.append(np.concatenate(values))
    return Curves(*lines)


def _rank(heat: F32) -> F64:
    """Return (h, w) the share of pixels that are hotter, 0..1; of equally hot ones, those near to heat come first."""
    near = np.asarray(cv2.GaussianBlur(heat, (0, 0), max(heat.shape) / 8))
    order = np.lexsort((-near.reshape(-1), -heat.reshape(-1)))
    rank = np.empty(heat.size)
    rank[order] = np.arange(heat.size) / heat.size
    return rank.reshape(heat.shape)


def _area(line: F64) -> float:
    return float((line[1:] + line[:-1]).mean() / 2)
