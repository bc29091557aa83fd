"""How the objects of a data set lie to each other: a map, the odd ones, and the most alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import MissingDependencyError
from streamvision.evaluation.features import F32, centred

INSTALL = "pip install '.[eval]'"
MIN_CROPS = 5
"""Fewer make no map."""
NEIGHBOURS = 8
STRANGE_SHARE = 0.75
"""A crop is odd when so many of its neighbours are of one other class and none of its own."""
LONELY_DEVIATIONS = 3.5
"""A crop is odd when it is so many robust deviations less like its neighbours than its class is; Iglewicz and
Hoaglin's usual limit."""
MAX_ODD = 24
PCA_DIMENSIONS = 50
PERPLEXITY = 30.0


@dataclass(frozen=True)
class OddCrop:
    """A crop that does not look like its label."""

    index: int
    """Which crop."""
    reason: str
    """What is odd about it, in one sentence."""


@dataclass(frozen=True, eq=False)
class CropMap:
    """Crops on a plane: near each other where they look alike."""

    pca: NDArray[np.float32]
    """(N, 2) the two directions in which they differ most."""
    tsne: NDArray[np.float32]
    """(N, 2) by t-SNE (van der Maaten and Hinton, 2008), which keeps neighbours together."""
    odd: tuple[OddCrop, ...]
    """The oddest, the oddest first."""


def map_crops(features: F32, class_id: NDArray[np.int64], names: Sequence[str], *, seed: int = 0) -> CropMap | None:
    """Return the map of crops, or ``None`` where there are too few.

    Args:
        features: (N, D) rows of length 1.
        class_id: (N,) labels.
        names: class names.
        seed: what t-SNE starts from.

    Raises:
        MissingDependencyError: when scikit-learn is not installed.
    """
    count = len(features)
    if count < MIN_CROPS:
        return None
    decomposition, manifold, threadpool_limits = _scikit_learn()
    features = centred(features, features.mean(axis=0))
    dimensions = min(PCA_DIMENSIONS, count - 1, features.shape[1])
    reduced = decomposition.PCA(dimensions, random_state=seed).fit_transform(features)
    tsne = manifold.TSNE(
        2, perplexity=min(PERPLEXITY, (count - 1) / 3), init="pca", learning_rate="auto", random_state=seed
    )
    # Its threads wait for each other by spinning: on two busy cores they took ten times as long as one.
    with threadpool_limits(1):
        plane = tsne.fit_transform(reduced)
    return CropMap(reduced[:, :2].astype(np.float32), plane.astype(np.float32), find_odd(features, class_id, names))


def find_odd(features: F32, class_id: NDArray[np.int64], names: Sequence[str]) -> tuple[OddCrop, ...]:
    """Return the crops that look like another class, or like nothing else in their own."""
    likeness = features @ features.T
    np.fill_diagonal(likeness, -np.inf)
    neighbours = min(NEIGHBOURS, len(features) - 1)
    nearest = np.argsort(-likeness, axis=1)[:, :neighbours]
    closeness = np.take_along_axis(likeness, nearest, axis=1).mean(axis=1)
    found: list[tuple[float, OddCrop]] = []
    for index, own in enumerate(class_id.tolist()):
        around = class_id[nearest[index]]
        of_own = int((class_id == own).sum())
        common = int(np.bincount(around).argmax())
        agreeing = int((around == common).sum())
        peers = closeness[class_id == own]
        median = float(np.median(peers))
        spread = 1.4826 * float(np.median(np.abs(peers - median)))
        deviations = (median - float(closeness[index])) / spread if spread > 0 and of_own > neighbours else 0.0
        # A class with fewer crops than neighbours cannot surround its own, so its being outnumbered says nothing.
        if common != own and of_own > neighbours and own not in around and agreeing >= STRANGE_SHARE * neighbours:
            reason = f"marked {names[own]}, but {agreeing} of its {neighbours} nearest look-alikes are {names[common]}"
            found.append((100 + agreeing, OddCrop(index, reason)))
        elif deviations >= LONELY_DEVIATIONS:
            reason = f"unlike the other crops of {names[own]}: likeness {closeness[index]:.2f}, usual are {median:.2f}"
            found.append((deviations, OddCrop(index, reason)))
    found.sort(key=lambda one: -one[0])
    return tuple(odd for _, odd in found[:MAX_ODD])


def most_alike(features: F32, others: F32, *, count: int) -> tuple[NDArray[np.int64], F32]:
    """Return (N, count) which of the others each row is most like, the most alike first, and (N, count) how much.

    Likeness is the correlation with the mean of the others taken off: 1 is the same, 0 nothing in common.
    """
    mean = others.mean(axis=0)
    likeness = centred(features, mean) @ centred(others, mean).T
    order = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(likeness, order, axis=1).astype(np.float32)


def _scikit_learn() -> tuple[Any, Any, Any]:
    try:
        from sklearn import decomposition, manifold
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingDependencyError(f"the map of crops needs scikit-learn: {INSTALL}") from error
    return decomposition, manifold, threadpool_limits
