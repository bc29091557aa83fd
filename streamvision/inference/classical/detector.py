"""Steps in a row, as the detector of one stream: a picture in, objects out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.classical import StepConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture, Picture
from streamvision.inference.classical.contours import Contours
from streamvision.inference.classical.registry import MadeStep, create_steps
from streamvision.inference.classical.step import U8, Work

SIDE_PX = 640
"""Longer side of the picture that the steps see, where nothing else is set."""


class Detector:
    """Of one stream; what its steps remember belongs to that stream.

    Args:
        config: the steps, and what counts as found.
        before: the one that the stream has; as long as their steps are the same, what these have learned is kept.

    Raises:
        ConfigError: when a step is not known, does not take its settings, or stands where it makes no sense.
    """

    def __init__(self, config: ModelConfig, *, before: Detector | None = None) -> None:
        kept: Sequence[MadeStep] = () if before is None else before._made
        self._made: Sequence[MadeStep] = create_steps(config.steps, before=kept)
        self._steps = [step for _, step in self._made]
        self._side_px = config.side_px or SIDE_PX
        self.names = tuple(dict.fromkeys(step.name for step in self._steps if isinstance(step, Contours)))
        """Class names, by class id."""
        self.remembers = any(step.remembers for step in self._steps)
        """Whether it compares a picture with those before it, so that a single one says nothing."""

    @property
    def steps(self) -> tuple[StepConfig, ...]:
        """All its steps, with those that were not given and follow of themselves."""
        return tuple(config for config, _ in self._made)

    def find(self, picture: Picture) -> Detections:
        """Return the objects on the next picture of the stream, in its own pixels, the best score first."""
        work = Work(self._seen(picture))
        for step in self._steps:
            step.apply(work)
        if not work.found:
            return Detections.empty()
        rows, columns = work.picture.shape[:2]
        scale = np.array([picture.width_px / columns, picture.height_px / rows] * 2, np.float32)
        score = np.array([one.score for one in work.found], np.float32)
        found = Detections(
            np.array([one.box_xyxy_px for one in work.found], np.float32) * scale,
            score,
            np.array([self.names.index(one.name) for one in work.found], np.int32),
        )
        return found[np.argsort(-score, kind="stable")]

    def reset(self) -> None:
        """Forget the pictures before: the stream was reconnected or changed its size."""
        for step in self._steps:
            step.reset()

    def _seen(self, picture: Picture) -> U8:
        """Return (H, W, 3) BGR, the picture no larger than is set."""
        scale = min(self._side_px / max(picture.width_px, picture.height_px), 1.0)
        if scale == 1.0:
            return picture.to_bgr()
        size = max(round(picture.width_px * scale), 1), max(round(picture.height_px * scale), 1)
        if isinstance(picture, BgrPicture):
            return cv2.resize(picture.bgr, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]
        return cv2.cvtColor(picture.resize_rgb(*size), cv2.COLOR_RGB2BGR)  # type: ignore[no-any-return]


def reported(found: Detections, lowest: NDArray[np.float32] | None, *, max_detections: int) -> Detections:
    """Return the objects that reach the lowest score of their class, (classes,), the first so many."""
    if lowest is not None:
        found = found[np.flatnonzero(found.score >= lowest[found.class_id])]
    return found[:max_detections]
