"""Crops of single objects: a map of them by likeness, the odd ones, and those most alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import MissingDependencyError
from streamvision.core.install import install_command
from streamvision.core.resampling import scaled
from streamvision.datasets.class_labels import read_class_map
from streamvision.datasets.dataset import LabelledImage, MappedPicture
from streamvision.evaluation.diagnosis import Diagnosis
from streamvision.evaluation.features import F32, CropEmbedder, centred
from streamvision.evaluation.predictions import Predictions, read_bgr

T = TypeVar("T")
MARGIN = 0.1
"""How much of its surroundings a crop shows on each side, as a share of the box."""
SMALL_PX = 160
"""Longer side of a whole picture that is compared."""
MIN_SIDE_PX = 6
"""Smaller objects show nothing that could be compared."""
INSTALL = install_command("eval")
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
LOOK_ALIKES = 6


@dataclass(frozen=True, eq=False)
class ObjectCrop:
    """One marked object, or a whole picture that has a class."""

    path: Path
    """The picture."""
    object_index: int
    """Which of the picture's objects it is; 0 for a whole picture."""
    class_id: int
    """Its class."""
    bgr: NDArray[np.uint8]
    """(H, W, 3) its pixels, with a little around it."""


def cut_crops(images: Sequence[LabelledImage], *, at_most: int, seed: int = 0) -> list[ObjectCrop]:
    """Return crops of the marked objects that count, a random choice where there are more than ``at_most``.

    Raises:
        SourceError: when a picture cannot be read any more.
    """
    places = [
        (image, index)
        for image in images
        for index, box in enumerate(image.boxes)
        for left, top, right, bottom in [box.box_xyxy_px]
        if not box.ignore and min(right - left, bottom - top) >= MIN_SIDE_PX
    ]
    return list(_cut(_some(places, at_most, seed)))


def small_pictures(pictures: Sequence[tuple[Path, int]], *, at_most: int, seed: int = 0) -> list[ObjectCrop]:
    """Return whole pictures of (path, class) made small, a random choice where there are more than ``at_most``.

    Raises:
        SourceError: when a picture cannot be read any more.
    """
    chosen = _some(pictures, at_most, seed)
    return [ObjectCrop(path, 0, class_id, small_picture(read_bgr(path))) for path, class_id in chosen]


def cut_regions(regions: Sequence[tuple[MappedPicture, int]], *, at_most: int, seed: int = 0) -> list[ObjectCrop]:
    """Return crops of all pixels of a class on a picture, what is not of it in the crop's mean colour.

    Of more than ``at_most`` it is a random choice; those that turn out to have no pixels are left out.

    Raises:
        SourceError: when a picture or a map cannot be read any more.
    """
    crops = []
    path, bgr, marked = None, np.empty((0, 0, 3), np.uint8), np.empty((0, 0), np.uint8)
    for image, class_id in _some(regions, at_most, seed):
        if image.path != path:
            path, marked = image.path, read_class_map(image.map_path)
            bgr = np.asarray(
                cv2.resize(read_bgr(image.path), marked.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8
            )
        inside = marked == class_id
        if inside.any():
            crops.append(ObjectCrop(image.path, class_id, class_id, small_picture(_region(bgr, inside))))
    return crops


def _region(bgr: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    kept = inside[part]
    crop: NDArray[np.uint8] = bgr[part].copy()
    crop[~kept] = crop[kept].mean(axis=0).round().astype(np.uint8)
    return crop


def small_picture(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture whose longer side has at most :data:`SMALL_PX` pixels."""
    return scaled(bgr, min(SMALL_PX / max(bgr.shape[:2]), 1.0))


def _some(rows: Sequence[T], at_most: int, seed: int) -> list[T]:
    if len(rows) <= at_most:
        return list(rows)
    chosen = np.random.default_rng(seed).choice(len(rows), at_most, replace=False)
    return [rows[index] for index in sorted(chosen.tolist())]


def cut(bgr: NDArray[np.uint8], box_xyxy_px: Sequence[float]) -> NDArray[np.uint8]:
    """Return the pixels of a box and a little around it, at least one pixel."""
    left, top, right, bottom = box_xyxy_px
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    height, width = bgr.shape[:2]
    x0, y0 = int(np.clip(left - across, 0, width - 1)), int(np.clip(top - down, 0, height - 1))
    x1, y1 = int(np.clip(np.ceil(right + across), x0 + 1, width)), int(np.clip(np.ceil(bottom + down), y0 + 1, height))
    return bgr[y0:y1, x0:x1]


def _cut(places: Iterable[tuple[LabelledImage, int]]) -> Iterable[ObjectCrop]:
    path, bgr = None, np.empty((0, 0, 3), np.uint8)
    for image, index in places:
        if image.path != path:
            path, bgr = image.path, read_bgr(image.path)
        box = image.boxes[index]
        yield ObjectCrop(image.path, index, box.class_id, cut(bgr, box.box_xyxy_px).copy())


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


@dataclass(frozen=True, eq=False)
class LookAlikes:
    """One object and the training objects most like it."""

    bgr: NDArray[np.uint8]
    """(H, W, 3) the object."""
    title: str
    """What it is and what went wrong."""
    alike: tuple[tuple[ObjectCrop, float], ...]
    """Training crops and their likeness (1: the same), the most alike first."""


def find_look_alikes(
    pixels: Sequence[NDArray[np.uint8]],
    titles: Sequence[str],
    training: Sequence[ObjectCrop],
    training_features: F32,
    embedder: CropEmbedder,
) -> list[LookAlikes]:
    """Return for each crop the training crops most like it."""
    if not pixels or not training:
        return []
    order, likeness = most_alike(embedder.embed(pixels), training_features, count=LOOK_ALIKES)
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
        for row in np.flatnonzero(match.unfound).tolist():
            box = match.truth.box_xyxy_px[row]
            if min(box[2:] - box[:2]) >= MIN_SIDE_PX:
                places.append((-float(np.prod(box[2:] - box[:2])), index, row))
    crops, titles = [], []
    for _, index, row in sorted(places)[:count]:
        image, truth = predictions.images[index], diagnosis.matches[index].truth
        crops.append(cut(read_bgr(image.path), truth.box_xyxy_px[row].tolist()).copy())
        titles.append(f"{predictions.names[int(truth.class_id[row])]}, not found on {image.path.name}")
    return crops, titles
