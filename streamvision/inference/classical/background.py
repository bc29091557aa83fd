"""Steps that learn what a still camera sees without objects, and mark what differs: ``mog2`` and ``knn``.

After Zivkovic and van der Heijden, *Efficient adaptive density estimation per image pixel for the task of background
subtraction*, Pattern Recognition Letters 27(7), 2006, as OpenCV has both.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import cv2
from pydantic import Field

from streamvision.core.config.section import Section
from streamvision.inference.classical.step import FOREGROUND, Step, Work


class BackgroundOptions(Section):
    """What both have in common."""

    history: int = Field(500, ge=1, le=100_000, description="Frames by which the background is learned.")
    detect_shadows: bool = Field(True, description="Tell shadows from objects, and leave them out.")
    learning_rate: float = Field(
        -1.0, ge=-1, le=1, description="Share of each frame in the background; below 0: by `history`."
    )


class Mog2Options(BackgroundOptions):
    """Settings of ``mog2``."""

    var_threshold: float = Field(
        16.0,
        gt=0,
        le=10_000,
        description="Squared distance to the background, in variances, from which on a pixel "
        "is foreground; higher where the picture is noisy.",
    )


class KnnOptions(BackgroundOptions):
    """Settings of ``knn``."""

    dist2_threshold: float = Field(
        400.0,
        gt=0,
        le=1_000_000,
        description="Squared distance in levels to a sample of the background from which on a pixel is foreground.",
    )


class _Background(Step):
    remembers = True

    def __init__(self, options: Any) -> None:
        self._options = options
        self.reset()

    def apply(self, work: Work) -> None:
        """Mark what differs from the background, without its shadows, and learn."""
        levels = self._model.apply(work.picture, learningRate=self._options.learning_rate)
        # Shadows are 127.
        work.narrow(cv2.inRange(levels, FOREGROUND, FOREGROUND))

    def reset(self) -> None:
        """Begin to learn anew."""
        self._model = self._created()

    @abstractmethod
    def _created(self) -> Any:
        """Return OpenCV's own object."""


class Mog2(_Background):
    """A mixture of normal distributions for each pixel."""

    def _created(self) -> Any:
        options: Mog2Options = self._options
        return cv2.createBackgroundSubtractorMOG2(options.history, options.var_threshold, options.detect_shadows)


class Knn(_Background):
    """Samples of the background for each pixel, of which the nearest count."""

    def _created(self) -> Any:
        options: KnnOptions = self._options
        return cv2.createBackgroundSubtractorKNN(options.history, options.dist2_threshold, options.detect_shadows)
