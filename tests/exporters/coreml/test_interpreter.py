"""The suppression of the interpreter against the runtime's own, and what Apple documents beyond it."""

from __future__ import annotations

import numpy as np
import pytest

from exporters.coreml.interpreter import Suppression
from streamvision.inference.heads.base import Candidates
from streamvision.inference.nms import suppress

CLASSES = 80


def _suppression(*, per_class: bool = True) -> Suppression:
    return Suppression(
        confidence_input="raw_confidence",
        coordinates_input="raw_coordinates",
        confidence_output="confidence",
        coordinates_output="coordinates",
        confidence_threshold=0.25,
        iou_threshold=0.6,
        per_class=per_class,
        labels=tuple(f"c{i}" for i in range(CLASSES)),
    )


def _boxes(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return confidence and coordinates of boxes that crowd around a few places."""
    random = np.random.default_rng(seed)
    centers = random.uniform(0.2, 0.8, (12, 2))[random.integers(0, 12, count)]
    coordinates = np.concatenate(
        [centers + random.normal(0, 0.02, (count, 2)), random.uniform(0.1, 0.2, (count, 2))], axis=1
    )
    confidence = np.zeros((count, CLASSES), np.float32)
    confidence[np.arange(count), random.integers(0, 3, count)] = random.uniform(0, 1, count)
    return confidence, coordinates.astype(np.float32)


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_it_keeps_what_the_runtime_keeps(seed: int, per_class: bool) -> None:
    confidence, coordinates = _boxes(seed)
    found = _suppression(per_class=per_class).run(confidence, coordinates)
    half = coordinates[:, 2:] / 2
    boxes = np.concatenate([coordinates[:, :2] - half, coordinates[:, :2] + half], axis=1) * 640
    candidates = Candidates(boxes.astype(np.float32), confidence.max(1), confidence.argmax(1).astype(np.int32))
    likely = np.flatnonzero(candidates.score >= 0.25)
    kept = likely[suppress(candidates[likely], iou=0.6, agnostic=not per_class, max_detections=1000)]
    np.testing.assert_array_equal(found["confidence"], confidence[kept])
    np.testing.assert_array_equal(found["coordinates"], coordinates[kept])
    assert 0 < len(kept) < len(likely)


def test_a_threshold_that_is_given_overrides_the_models_own() -> None:
    confidence, coordinates = _boxes(1)
    nms = _suppression()
    counts = [
        len(nms.run(confidence, coordinates, confidence_threshold=lowest)["confidence"]) for lowest in (0.1, 0.25, 0.6)
    ]
    assert counts[0] > counts[1] > counts[2]


def test_nothing_above_the_threshold_gives_no_row() -> None:
    confidence, coordinates = _boxes(2)
    found = _suppression().run(confidence * 0.1, coordinates)
    assert (found["confidence"].shape, found["coordinates"].shape) == ((0, CLASSES), (0, 4))
