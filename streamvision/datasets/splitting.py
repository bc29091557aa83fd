"""Splits that keep class balance, and keep pictures together that are (nearly) the same.

Pictures that look alike form groups that are never torn apart, so that no test picture was seen in training. Groups
are dealt out one by one, those of the rarest class first, as in iterative stratification (Sechidis, Tsoumakas and
Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011). Since groups differ in size and pictures in
boxes, each goes where it lessens most what all splits lack of pictures, of pictures of each class and of boxes of each
class, in least squares.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import Dataset, Picture
from streamvision.datasets.files import SPLITS
from streamvision.datasets.fingerprints import alike_groups, fingerprint_all


def split_dataset(
    dataset: Dataset, *, fractions: Mapping[str, float], seed: int, progress: Progress = no_progress
) -> Dataset:
    """Return the data set with every picture dealt to a split by the boxes on it; see :func:`split_pictures`."""
    classes = [[box.class_id for box in image.boxes] for image in dataset.images]
    images = split_pictures(dataset.images, classes, fractions=fractions, seed=seed, progress=progress)
    return Dataset(dataset.names, images, dataset.problems)


def split_pictures(
    images: Sequence[Picture],
    classes: Sequence[Sequence[int]],
    *,
    fractions: Mapping[str, float],
    seed: int,
    progress: Progress = no_progress,
) -> tuple[Picture, ...]:
    """Return every picture dealt to a split; splits that they had are forgotten.

    The same pictures, fractions and seed give the same splits, wherever the pictures lie.

    Args:
        images: what to split.
        classes: class ids of all that is marked on each picture.
        fractions: share of ``train``, ``val`` and ``test``; a split that is not named gets nothing.
        seed: another seed gives another split.
        progress: called for every picture that is compared.

    Raises:
        ConfigError: when the fractions are not shares of these splits that sum to one.
    """
    shares = np.array([fractions.get(split, 0.0) for split in SPLITS])
    if set(fractions) - set(SPLITS) or shares.min() < 0 or abs(shares.sum() - 1) > 1e-6:
        given = ", ".join(f"{name} {share:g}" for name, share in fractions.items()) or "none"
        raise ConfigError(f"fractions are {given}; give shares of {', '.join(SPLITS)} that sum to 1")
    dealt = _dealt([image.path for image in images], classes, shares, seed=seed, progress=progress)
    return tuple(replace(image, split=SPLITS[part]) for image, part in zip(images, dealt, strict=True))


def hold_out_fold(dataset: Dataset, *, fold: int, folds: int, seed: int) -> Dataset:
    """Return the data set with one of several equal parts held out (``val``), the others to learn from (``train``).

    Over all folds every picture is held out once, so that the mean of what is measured on them is an estimate that no
    choice was made on (cross-validation). Classes are spread evenly and near-duplicates kept in one part.

    Args:
        dataset: the pictures; splits that they had are forgotten.
        fold: which part, from 1.
        folds: how many there are.
        seed: another seed gives other parts.
    """
    classes = [[box.class_id for box in image.boxes] for image in dataset.images]
    dealt = deal_folds([image.path for image in dataset.images], classes, folds=folds, seed=seed)
    images = (
        replace(image, split="val" if part == fold - 1 else "train")
        for image, part in zip(dataset.images, dealt, strict=True)
    )
    return Dataset(dataset.names, tuple(images), dataset.problems)


def deal_folds(paths: Sequence[Path], classes: Sequence[Sequence[int]], *, folds: int, seed: int) -> list[int]:
    """Return for each picture which of several equal parts it is in, from 0; see :func:`hold_out_fold`."""
    return _dealt(paths, classes, np.full(folds, 1 / folds), seed=seed)


def _dealt(
    paths: Sequence[Path],
    classes: Sequence[Sequence[int]],
    shares: NDArray[np.float64],
    *,
    seed: int,
    progress: Progress = no_progress,
) -> list[int]:
    """Return for each picture the part that it is dealt to, near-duplicates to the same."""
    groups = alike_groups(fingerprint_all(paths, progress=progress))
    count = 1 + max((class_id for ids in classes for class_id in ids), default=0)
    counts = np.array([_counts(classes, group, count) for group in groups])
    parts = [0] * len(paths)
    for group, part in zip(groups, _deal(counts, shares, np.random.default_rng(seed)), strict=True):
        for index in group:
            parts[index] = part
    return parts


def _counts(classes: Sequence[Sequence[int]], group: Sequence[int], count: int) -> NDArray[np.float64]:
    """Return (2 + 2 * count,): pictures, pictures that show nothing, pictures of each class, objects of each class."""
    objects = [class_id for index in group for class_id in classes[index]]
    shown = [class_id for index in group for class_id in set(classes[index])]
    empty = sum(not classes[index] for index in group)
    by_class = (np.bincount(ids, minlength=count) for ids in (shown, objects))
    return np.array([len(group), empty, *itertools.chain(*by_class)], float)


def _deal(counts: NDArray[np.float64], shares: NDArray[np.float64], rng: np.random.Generator) -> list[int]:
    """Return the index of the split for each row of counts (groups, kinds)."""
    totals = np.maximum(counts.sum(axis=0), 1)
    lacking = np.outer(shares, totals)
    allowed = np.flatnonzero(shares)
    rarest = np.array([np.where(row > 0, totals, np.inf).min() for row in counts])
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.lexsort((-counts[shuffled].sum(axis=1), rarest[shuffled]))]
    chosen = [0] * len(counts)
    for group in order:
        before, after = lacking[allowed] / totals, (lacking[allowed] - counts[group]) / totals
        change = ((after**2 - before**2) / shares[allowed, None]).sum(axis=1)
        best = int(allowed[np.argmin(change)])
        chosen[group] = best
        lacking[best] -= counts[group]
    return chosen
