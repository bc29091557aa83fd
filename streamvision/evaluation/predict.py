"""Runs a model over a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import SourceError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.class_names import ClassMatch, translate
from streamvision.evaluation.predictions import Predictions
from streamvision.inference.model import Model

OnProgress = Callable[[int, int], None]
"""Called with how many pictures are done, and how many there are."""


def predict(detector: Model, dataset: Dataset, match: ClassMatch, *, on_progress: OnProgress) -> Predictions:
    """Return what the model finds on every picture of a data set, in the data set's classes.

    Of the data set and of what was found, only the classes that are to be measured are kept.

    Raises:
        SourceError: when a picture cannot be read any more.
        ModelError: when the model fails.
    """
    wanted = set(match.measured)
    images = tuple(
        replace(image, boxes=tuple(box for box in image.boxes if box.class_id in wanted)) for image in dataset.images
    )
    found: list[Detections] = []
    step = detector.max_batch
    for at in range(0, len(images), step):
        pictures = [BgrPicture(read_bgr(image.path)) for image in images[at : at + step]]
        found += (_translated(one, match) for one in detector.detect(pictures))
        on_progress(len(found), len(images))
    return Predictions(match.names, images, tuple(found))


def read_bgr(path: Path) -> NDArray[np.uint8]:
    """Return a picture as (H, W, 3) BGR.

    Raises:
        SourceError: when it cannot be read.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); give an existing picture") from error
    bgr: Any = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if bgr is None:
        raise SourceError(f"{path} is not a picture that can be read, or is damaged; give another")
    return bgr  # type: ignore[no-any-return]


def _translated(found: Detections, match: ClassMatch) -> Detections:
    keep, class_id = translate(found.class_id, match)
    return replace(found[keep], class_id=class_id)
