"""Splits that keep class balance, and keep pictures together that are (nearly) the same.

Pictures that look alike form groups that are never torn apart, so that no test picture was seen in training. Groups
are dealt out by iterative stratification: the rarest class first, each group to the split that lacks most of that
class (Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamvision.errors import ConfigError
from streamvision.training.dataset import Dataset, LabelledImage
from streamvision.training.datasets.collector import Progress, no_progress
from streamvision.training.datasets.fingerprints import alike_groups, fingerprint_all
from streamvision.training.datasets.folders import SPLITS


def split_dataset(
    dataset: Dataset, *, fractions: Mapping[str, float], seed: int, progress: Progress = no_progress
) -> Dataset:
    """Return the data set with every picture dealt to a split; splits that it had are forgotten.

    The same pictures, fractions and seed give the same splits, wherever the pictures lie.

    Args:
        dataset: what to split.
        fractions: share of ``train``, ``val`` and ``test``; a split that is not named gets nothing.
        seed: another seed gives another split.
        progress: told about every picture that is looked at.

    Raises:
        ConfigError: when the fractions are not shares of these splits that sum to one.
    """
    shares = np.array([fractions.get(split, 0.0) for split in SPLITS])
    if set(fractions) - set(SPLITS) or shares.min() < 0 or abs(shares.sum() - 1) > 1e-6:
        given = ", ".join(f"{name} {share:g}" for name, share in fractions.items()) or "none"
        raise ConfigError(f"fractions are {given}; give shares of {', '.join(SPLITS)} that sum to 1")
    prints = fingerprint_all([image.path for image in dataset.images], progress=progress)
    groups = alike_groups(prints)
    counts = np.array([_counts(dataset.images, group, len(dataset.names)) for group in groups])
    chosen = _deal(counts, shares, np.random.default_rng(seed))
    images = list(dataset.images)
    for group, split in zip(groups, chosen, strict=True):
        for index in group:
            images[index] = replace(images[index], split=SPLITS[split])
    return replace(dataset, images=tuple(images))


def _counts(images: Sequence[LabelledImage], group: Sequence[int], classes: int) -> NDArray[np.float64]:
    """Return (1 + classes + 1,): pictures, pictures that show each class, pictures that show nothing."""
    shown = [class_id for index in group for class_id in {box.class_id for box in images[index].boxes}]
    empty = sum(not images[index].boxes for index in group)
    return np.array([len(group), *np.bincount(shown, minlength=classes)[:classes], empty], float)


def _deal(counts: NDArray[np.float64], fractions: NDArray[np.float64], rng: np.random.Generator) -> list[int]:
    """Return the index of the split for each row of counts (groups, kinds)."""
    wanted = np.outer(fractions, counts.sum(axis=0))
    chosen = np.full(len(counts), -1)
    order = rng.permutation(len(counts))
    tie = rng.permutation(len(fractions))
    while (left := order[chosen[order] < 0]).size:
        totals = counts[left][:, 1:].sum(axis=0)
        rarest = 1 + int(np.argmin(np.where(totals > 0, totals, np.inf)))
        having = left[counts[left, rarest] > 0]
        for group in having[np.argsort(-counts[having, rarest], kind="stable")]:
            best = max(range(len(fractions)), key=lambda s: (fractions[s] > 0, wanted[s, rarest], wanted[s, 0], tie[s]))
            chosen[group] = best
            wanted[best] -= counts[group]
    return [int(split) for split in chosen]
