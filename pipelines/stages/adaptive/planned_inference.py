"""Showing the network what was decided of each frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamvision.core.crops import part_of
from streamvision.core.inference_plan import InferencePlan
from streamvision.core.picture import Picture
from streamvision.inference.model import Model, Prediction


def run_planned(detector: Model, pictures: Sequence[Picture], looks: Sequence[InferencePlan]) -> list[Prediction]:
    """Return what the network finds of each picture, in pixels of the whole picture.

    Raises:
        ModelError: when the runtime fails, or the model returns something else than its card says.
    """
    pairs = list(zip(pictures, looks, strict=True))
    shown = [picture if look.window is None else part_of(picture, look.window) for picture, look in pairs]
    found = detector.find(shown, sizes=[look.size for look in looks])
    return [_in_picture(one, picture, look) for one, (picture, look) in zip(found, pairs, strict=True)]


def _in_picture(found: Prediction, picture: Picture, look: InferencePlan) -> Prediction:
    if look.window is None:
        return found
    origin = np.array([look.window.left, look.window.top], np.float32)
    return Prediction(
        found.detections.shifted(origin, picture_px=(picture.width_px, picture.height_px)), found.image_result
    )
