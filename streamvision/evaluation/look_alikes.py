"""For objects that went wrong, the training objects that look most like them: is the cause in the training data?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.crop_map import most_alike
from streamvision.evaluation.crops import MIN_SIDE_PX, Crop, cut
from streamvision.evaluation.diagnosis import Diagnosis
from streamvision.evaluation.features import F32, Embedder
from streamvision.evaluation.predict import read_bgr
from streamvision.evaluation.predictions import Predictions

ALIKE = 6


@dataclass(frozen=True, eq=False)
class LookAlikes:
    """One object and the training objects most like it."""

    bgr: NDArray[np.uint8]
    """(H, W, 3) the object."""
    title: str
    """What it is and what went wrong."""
    alike: tuple[tuple[Crop, float], ...]
    """Training crops and their likeness (1: the same), the most alike first."""


def find_look_alikes(
    pixels: Sequence[NDArray[np.uint8]],
    titles: Sequence[str],
    training: Sequence[Crop],
    training_features: F32,
    embedder: Embedder,
) -> list[LookAlikes]:
    """Return for each crop the training crops most like it."""
    if not pixels or not training:
        return []
    order, likeness = most_alike(embedder.embed(pixels), training_features, count=ALIKE)
    return [
        LookAlikes(
            bgr, title, tuple((training[i], float(v)) for i, v in zip(row.tolist(), values.tolist(), strict=True))
        )
        for bgr, title, row, values in zip(pixels, titles, order, likeness, strict=True)
    ]


def unfound_objects(
    predictions: Predictions, diagnosis: Diagnosis, *, count: int
) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Return crops and titles of objects that were not found at the operating score, the largest first.

    Raises:
        SourceError: when a picture cannot be read any more.
    """
    places = []
    for index, match in enumerate(diagnosis.matches):
        for row in np.flatnonzero(~match.found & ~match.truth.ignore).tolist():
            box = match.truth.box_xyxy_px[row]
            if min(box[2:] - box[:2]) >= MIN_SIDE_PX:
                places.append((-float(np.prod(box[2:] - box[:2])), index, row))
    crops, titles = [], []
    for _, index, row in sorted(places)[:count]:
        image, truth = predictions.images[index], diagnosis.matches[index].truth
        crops.append(cut(read_bgr(image.path), truth.box_xyxy_px[row].tolist()).copy())
        titles.append(f"{predictions.names[int(truth.class_id[row])]}, not found on {image.path.name}")
    return crops, titles
