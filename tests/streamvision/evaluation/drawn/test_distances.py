"""Distances between sets of pictures are those of torchmetrics and of scipy's square root of a matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from streamvision.evaluation.drawn.distances import drawn_figures, frechet_distance, kernel_distance

torch = pytest.importorskip("torch")
DIMENSIONS = 12


def rows(seed: int, count: int, *, shift: float = 0.0, rank: int = DIMENSIONS) -> Any:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, rank)) @ np.random.default_rng(9).normal(size=(rank, DIMENSIONS))
    return (mixed + shift).astype(np.float64)


@pytest.fixture(scope="module")
def as_features() -> Any:
    """A network for torchmetrics whose features are the numbers of its pictures."""

    class Flat(torch.nn.Module):
        num_features = DIMENSIONS

        def forward(self, pictures: Any) -> Any:
            return pictures.flatten(1)[:, :DIMENSIONS]

    return Flat()


@pytest.mark.parametrize(("counts", "shift", "rank"), [((40, 60), 0.0, 12), ((9, 70), 0.7, 12), ((30, 30), 2.0, 3)])
def test_the_frechet_distance_is_torchmetrics_and_scipys(
    counts: tuple[int, int], shift: float, rank: int, as_features: Any
) -> None:
    fid, linalg = pytest.importorskip("torchmetrics.image.fid"), pytest.importorskip("scipy.linalg")
    first, second = rows(1, counts[0], rank=rank), rows(2, counts[1], shift=shift, rank=rank)
    ours = frechet_distance(first, second)
    metric = fid.FrechetInceptionDistance(feature=as_features, normalize=True).set_dtype(torch.float64)
    for part, real in ((first, True), (second, False)):
        metric.update(torch.from_numpy(part).reshape(-1, DIMENSIONS, 1, 1).expand(-1, -1, 1, 1), real=real)
    assert ours == pytest.approx(float(metric.compute()), rel=1e-4)
    covariances = [np.cov(part, rowvar=False) for part in (first, second)]
    mixed = linalg.sqrtm(covariances[0] @ covariances[1]).real
    difference = first.mean(axis=0) - second.mean(axis=0)
    theirs = difference @ difference + np.trace(covariances[0] + covariances[1] - 2 * mixed)
    assert ours == pytest.approx(float(theirs), rel=1e-4)


@pytest.mark.parametrize(("count", "shift"), [(30, 0.0), (80, 0.5)])
def test_the_kernel_distance_is_torchmetrics(count: int, shift: float, as_features: Any) -> None:
    kid = pytest.importorskip("torchmetrics.image.kid")
    first, second = rows(3, count), rows(4, count, shift=shift)
    metric = kid.KernelInceptionDistance(feature=as_features, subsets=2, subset_size=count, normalize=True)
    metric.set_dtype(torch.float64)
    for part, real in ((first, True), (second, False)):
        metric.update(torch.from_numpy(part).reshape(-1, DIMENSIONS, 1, 1), real=real)
    assert kernel_distance(first, second) == pytest.approx(float(metric.compute()[0]), rel=1e-4)


def test_copies_and_pictures_all_alike_are_told() -> None:
    learnt, held_out = rows(5, 60), rows(6, 40)
    same = drawn_figures(held_out, held_out, learnt)
    assert (same.frechet_distance, same.variety, same.novelty) == (pytest.approx(0, abs=1e-6), 1, 1)
    copied = drawn_figures(learnt[:40], held_out, learnt)
    assert copied.novelty == 0
    assert copied.variety > 0.8
    alike = drawn_figures(held_out[:1].repeat(40, axis=0), held_out, learnt)
    assert alike.variety == 0
    assert alike.frechet_distance > 10 * copied.frechet_distance
    assert math.isnan(drawn_figures(held_out, learnt[:20], learnt).novelty)
