"""How well a network paints in a style: what of the content is left, and how near the style is.

Both are differences of another network's features, as shares (:mod:`streamvision.checkpoints.feature_network`): that of
the content by the third stage, that of the style by the Gram matrices of all, as in Johnson, Alahi and Li (ECCV
2016). Beside them stand the plain picture, whose content is whole, and the naive answer: the picture with the mean and
the spread of the style's colours (Reinhard, Ashikhmin, Gooch and Shirley, "Color Transfer between Images", 2001).

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamvision.checkpoints.feature_network import LEAST_PX as SEEN_FROM_PX
from streamvision.checkpoints.feature_network import FeatureNetwork, feature_difference, gram, style_difference
from streamvision.core.errors import ConfigError
from streamvision.core.resampling import scaled
from streamvision.datasets.dataset import PairedPicture, PairedPictures
from streamvision.evaluation.images import made_of, require_no_classes
from streamvision.evaluation.model import require_task
from streamvision.evaluation.perceptual import to_rgb
from streamvision.evaluation.picture_pairs import read_pair, resized
from streamvision.evaluation.predictions import Measurement, OnProgress, read_bgr, rounded
from streamvision.inference.model import Model

U8 = NDArray[np.uint8]
LEAST_PX, MOST_PX = 32, 2048
"""Shorter and longer side of a picture whose style is taken."""
CONTENT = slice(2, 3)
"""Stages by which contents are compared."""
MAX_SHOWN = 24
"""Pictures of which what was made is kept, those that are farthest from the style."""
SHOWN_PX = 640
"""Their longer side."""
FIGURES = ("content", "style", "plain_style", "recoloured_content", "recoloured_style")


class Style:
    """The style of a picture, as a network sees it.

    Args:
        path: the picture, taken in its own size.
        network: whose features are compared.

    Raises:
        SourceError: when it cannot be read.
        ConfigError: when it is too small or too large.
    """

    def __init__(self, path: Path, network: FeatureNetwork) -> None:
        self.bgr = read_bgr(path)
        height_px, width_px = self.bgr.shape[:2]
        if min(height_px, width_px) < LEAST_PX or max(height_px, width_px) > MOST_PX:
            raise ConfigError(
                f"{path} is {width_px}x{height_px} px; give a style whose sides are {LEAST_PX} to {MOST_PX} px"
            )
        self.network = network
        with torch.no_grad():
            self._grams = [gram(one) for one in network(to_rgb(self.bgr).to(network.mean.device))]

    def losses(self, made: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far pictures are from what was given in content, and from the style; see :mod:`.feature_network`.

        Args:
            made: (N, 3, H, W) RGB of 0..1.
            given: the same before.
        """
        found, wanted = self.network(made), self.network(given)
        return feature_difference(found[CONTENT], wanted[CONTENT]), style_difference(found, self._grams)


@dataclass(frozen=True)
class StyleFigures:
    """How one picture was painted."""

    image: PairedPicture
    """The picture."""
    content: float
    """How far it is from what was given; 0 for the plain picture."""
    style: float
    """How far it is from the style."""
    plain_style: float
    """How far the plain picture is from the style."""
    recoloured_content: float
    """How far the picture in the style's colours is from what was given."""
    recoloured_style: float
    """How far that is from the style."""


@dataclass(frozen=True, eq=False)
class Painted:
    """What was made of one picture."""

    figures: StyleFigures
    """How it was painted."""
    given: U8
    """(h, w, 3) BGR the plain picture, its longer side at most :data:`SHOWN_PX`."""
    made: U8
    """(h, w, 3) BGR what the network made of it, in that size."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class StyleEvaluation(Measurement):
    """How well a network paints in a style."""

    pictures: tuple[StyleFigures, ...]
    """Figures of each picture; at least one."""
    painted: tuple[Painted, ...]
    """Of those that are farthest from the style, at most :data:`MAX_SHOWN`, the farthest first."""
    features: str
    """Name of the network whose features were compared."""

    def mean(self, figure: str) -> float:
        """Return the mean of one of the figures, by its name in :class:`StyleFigures`, over the pictures."""
        return float(np.mean([getattr(one, figure) for one in self.pictures]))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            **{figure: rounded(self.mean(figure)) for figure in FIGURES},
            "features": self.features,
            "images": len(self.pictures),
            **self.about_json(()),
        }


def evaluate_style(
    detector: Model,
    pictures: PairedPictures,
    style: Style,
    *,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> StyleEvaluation:
    """Let a network paint pictures and measure content and style of what it makes.

    Raises:
        ConfigError: when the model is for another task, classes are given, or a picture is too small.
        SourceError: when a picture cannot be read.
        ModelError: when the model fails.
    """
    require_task(detector, "image")
    require_no_classes(classes)
    begin_s = time.monotonic()
    found: list[StyleFigures] = []
    painted: list[Painted] = []
    for image in pictures.images:
        given, _ = read_pair(image)
        if min(given.shape[:2]) < SEEN_FROM_PX:
            raise ConfigError(
                f"{image.path} is {given.shape[1]}x{given.shape[0]} px, and features need {SEEN_FROM_PX}; take it out"
            )
        made = resized(made_of(detector, given), (given.shape[1], given.shape[0]))
        content, near = _losses(made, given, style)
        _, plain = _losses(given, given, style)
        figures = StyleFigures(image, content, near, plain, *_losses(recoloured(given, style.bgr), given, style))
        found.append(figures)
        painted.append(Painted(figures, *(scaled(one, min(SHOWN_PX / max(one.shape[:2]), 1)) for one in (given, made))))
        painted = sorted(painted, key=lambda one: -one.figures.style)[:MAX_SHOWN]
        on_progress(len(found), len(pictures.images))
    return StyleEvaluation(
        model=detector.describe(),
        pictures=tuple(found),
        painted=tuple(painted),
        features=style.network.name,
        seconds=time.monotonic() - begin_s,
        notes=(*notes, *detector.card.assumed),
        problems=pictures.problems,
    )


def recoloured(bgr: U8, style: U8) -> U8:
    """Return a picture whose colours have mean and spread of another's, in CIE Lab; (H, W, 3) BGR each."""
    own, wanted = (cv2.cvtColor(one, cv2.COLOR_BGR2LAB).astype(np.float64) for one in (bgr, style))
    (mean, std), (new_mean, new_std) = ((one.mean((0, 1)), one.std((0, 1))) for one in (own, wanted))
    moved = (own - mean) / np.maximum(std, 1.0) * new_std + new_mean
    levels = np.rint(np.clip(moved, 0, 255)).astype(np.uint8)
    return np.asarray(cv2.cvtColor(levels, cv2.COLOR_LAB2BGR), np.uint8)


@torch.no_grad()
def _losses(made: U8, given: U8, style: Style) -> tuple[float, float]:
    device = style.network.mean.device
    content, near = style.losses(to_rgb(made).to(device), to_rgb(given).to(device))
    return float(content), float(near)
