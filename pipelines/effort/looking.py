"""Showing the network what was decided of each frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.effort.look import Look
from pipelines.inference import Detector, Found
from pipelines.parts import part_of
from streamvision.picture import Picture


def look_at(detector: Detector, pictures: Sequence[Picture], looks: Sequence[Look]) -> list[Found]:
    """Return what the network finds of each picture, in pixels of the whole picture.

    Raises:
        ModelError: when the runtime fails, or the model returns something else than its card says.
    """
    pairs = list(zip(pictures, looks, strict=True))
    shown = [picture if look.window is None else part_of(picture, look.window) for picture, look in pairs]
    found = detector.find(shown, sizes=[look.size for look in looks])
    return [_in_picture(one, picture, look) for one, (picture, look) in zip(found, pairs, strict=True)]


def _in_picture(found: Found, picture: Picture, look: Look) -> Found:
    if look.window is None:
        return found
    origin = np.array([look.window.left, look.window.top], np.float32)
    return Found(found.detections.shifted(origin, picture_px=(picture.width_px, picture.height_px)), found.whole)
