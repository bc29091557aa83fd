"""The boundary F is that of distances which scipy computes, whatever the tiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter

from streamvision.evaluation import boundaries
from streamvision.evaluation.boundaries import NEAR_SHARE, boundary_f, measure_boundaries

Mask = NDArray[np.bool_]


def blobs(rng: np.random.Generator, shape: tuple[int, int], smooth_px: float) -> Mask:
    return np.asarray(gaussian_filter(rng.standard_normal(shape), smooth_px) > 0)


def by_scipy(marked: Mask, said: Mask) -> float:
    """The boundary F by whole distance transforms."""
    contours = [mask & ~binary_erosion(mask, np.ones((3, 3))) for mask in (marked, said)]
    far = NEAR_SHARE * math.hypot(*marked.shape)
    recall, precision = (
        (distance_transform_edt(~theirs)[ours] <= far).mean() for ours, theirs in (contours, contours[::-1])
    )
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


@pytest.mark.parametrize("shape", [(90, 130), (333, 217), (1, 40), (480, 640)])
@pytest.mark.parametrize("tile_px", [2048, 37])
def test_contours_are_compared_as_by_scipy(
    shape: tuple[int, int], tile_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundaries, "TILE_PX", tile_px)
    rng = np.random.default_rng(shape)
    for smooth_px in (0.5, 3, 12):
        marked = blobs(rng, shape, smooth_px)
        said = np.roll(marked, 2, axis=1) ^ (rng.random(shape) < 0.001)
        if marked.any() and said.any():
            assert boundary_f(marked, said) == pytest.approx(by_scipy(marked, said), abs=1e-4)


def test_masks_that_are_equal_far_from_each_other_or_empty() -> None:
    mask, other, none = np.zeros((3, 200, 300), np.bool_)
    mask[20:60, 20:60] = other[120:160, 200:260] = True
    assert (boundary_f(mask, mask), boundary_f(mask, other)) == (1, 0)
    assert (boundary_f(none, none), boundary_f(mask, none), boundary_f(none, mask)) == (1, 0, 0)


def test_what_is_not_known_is_of_no_class() -> None:
    marked = np.zeros((100, 100), np.uint8)
    marked[30:70, 30:70] = 1
    said, known = marked.copy(), np.ones(marked.shape, np.bool_)
    said[:20] = 2
    known[:20] = False
    found = measure_boundaries(marked, said, known)
    assert {class_id: one.f for class_id, one in found.items()} == {0: 1.0, 1: 1.0}
    assert all(one.both == one.either for one in found.values())
