"""Everything that is worth knowing of a data set before training on it: balance, sizes, doubles, leaks, bad labels."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import overlaps
from streamvision.datasets.bias import Bias, find_bias
from streamvision.datasets.bias_facts import Shown
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledImage, Picture, Problem
from streamvision.datasets.files import SPLITS
from streamvision.datasets.fingerprints import Fingerprint, alike_groups, exact_groups, fingerprint_all
from streamvision.datasets.problems import Problems, number_of, problems_json

SMALL_AREA_PX = 32**2
"""COCO's border between small and medium objects."""
MEDIUM_AREA_PX = 96**2
"""COCO's border between medium and large objects."""
TINY_SIDE_PX = 4.0
"""Boxes with a shorter side than this are more often slips of the mouse than objects."""
SAME_BOX_IOU = 0.9
"""Boxes on one picture that overlap more than this mark the same object twice."""


@dataclass(frozen=True)
class ClassSummary:
    """One class in figures."""

    name: str
    """Class name."""
    boxes: int
    """Boxes of the class, ignored ones included."""
    ignored: int
    """Crowds and difficult objects among them."""
    pictures: int
    """Pictures that show it."""
    small: int
    """Boxes of less than 32 x 32 pixels."""
    medium: int
    """Boxes of less than 96 x 96 pixels that are not small."""
    large: int
    """All others."""
    splits: dict[str, int]
    """Boxes by split."""


@dataclass(frozen=True)
class Alike:
    """Pictures that are the same or nearly so."""

    pictures: tuple[str, ...]
    """Their paths."""
    exact: bool
    """Whether the files are the same, byte by byte."""
    splits: tuple[str, ...]
    """The splits that they lie in; more than one is a leak."""


class InspectionJson:
    """What every inspection of a data set derives from its fields."""

    problems: tuple[Problem, ...]
    alike: tuple[Alike, ...]
    picture_sizes: tuple[tuple[int, int, int], ...]
    bias: Bias

    @property
    def leaks(self) -> tuple[Alike, ...]:
        """Groups of which some are in one split and some in another."""
        return tuple(group for group in self.alike if len(group.splits) > 1)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        document = asdict(cast(Any, self))
        document["problems"] = problems_json(self.problems)
        kinds = dict.fromkeys(problem.kind for problem in self.problems)
        document["problem_counts"] = {
            kind: number_of(problem for problem in self.problems if problem.kind == kind) for kind in kinds
        }
        document["bias"] = self.bias.to_json()
        document["leaks"] = [asdict(group) for group in self.leaks]
        document["picture_sizes"] = [
            {"width_px": width, "height_px": height, "pictures": count} for width, height, count in self.picture_sizes
        ]
        return document


@dataclass(frozen=True)
class Inspection(InspectionJson):
    """What was found."""

    pictures: int
    """Readable pictures."""
    empty_pictures: int
    """Those without any box."""
    boxes: int
    """Boxes on them."""
    ignored_regions: int
    """Regions on them in which nothing counts, whatever its class."""
    splits: dict[str, int]
    """Pictures by split; ``none`` for those without."""
    classes: tuple[ClassSummary, ...]
    """In the order of class ids."""
    side_percentiles_px: dict[str, float]
    """p5, p25, p50, p75, p95 of the boxes' shorter side, in pixels."""
    area_percentiles: dict[str, float]
    """The same of the boxes' area as a share of the picture."""
    picture_sizes: tuple[tuple[int, int, int], ...]
    """Width, height and number of pictures, the commonest first."""
    problems: tuple[Problem, ...]
    """What is wrong with files."""
    alike: tuple[Alike, ...]
    """Groups of pictures that are the same or nearly so."""
    bias: Bias
    """What goes with what, and what of it is suspicious."""


def inspect_dataset(dataset: Dataset, *, progress: Progress = no_progress) -> Inspection:
    """Look at every picture, to its last pixel, and at every box.

    Args:
        dataset: as read; its problems become part of the result.
        progress: called for every picture.
    """
    prints = fingerprint_all([image.path for image in dataset.images], progress=progress)
    sizes = np.array([_size(box.box_xyxy_px) for _, box in dataset.boxes()]).reshape(-1, 2)
    picture_areas = [image.width_px * image.height_px for image, _ in dataset.boxes()]
    shapes = Counter((image.width_px, image.height_px) for image in dataset.images)
    odd = chain(_odd_boxes(dataset), _contradictions(dataset, prints))
    return Inspection(
        pictures=len(dataset.images),
        empty_pictures=sum(not image.boxes for image in dataset.images),
        boxes=len(sizes),
        ignored_regions=sum(len(image.ignored_xyxy_px) for image in dataset.images),
        splits=count_by_split(image.split for image in dataset.images),
        classes=_summarise_classes(dataset),
        side_percentiles_px=_percentiles(sizes.min(axis=1)) if len(sizes) else {},
        area_percentiles=_percentiles(sizes.prod(axis=1) / picture_areas) if len(sizes) else {},
        picture_sizes=tuple((width, height, count) for (width, height), count in shapes.most_common()),
        problems=tuple(Problems(chain(dataset.problems, undecodable(prints), odd))),
        alike=tuple(alike_pictures(dataset.images, prints)),
        bias=find_bias(dataset.names, [_shown(image, one) for image, one in zip(dataset.images, prints, strict=True)]),
    )


def _shown(image: LabelledImage, one: Fingerprint) -> Shown:
    """Return what a picture brings to the question of what goes with what."""
    width, height = image.width_px, image.height_px
    boxes = [
        ((left + right) / 2 / width, (top + bottom) / 2 / height, math.sqrt(side_px2 / (width * height)))
        for left, top, right, bottom in (box.box_xyxy_px for box in image.boxes)
        for side_px2 in (max(right - left, 0.0) * max(bottom - top, 0.0),)
    ]
    class_ids = tuple(box.class_id for box in image.boxes)
    return Shown(image.path, image.split, class_ids, tuple(boxes), one.brightness, (width, height))


def _summarise_classes(dataset: Dataset) -> tuple[ClassSummary, ...]:
    marked: defaultdict[int, list[tuple[LabelledImage, float, bool]]] = defaultdict(list)
    for image, box in dataset.boxes():
        marked[box.class_id].append((image, math.prod(_size(box.box_xyxy_px)), box.ignore))
    return tuple(
        ClassSummary(
            name=name,
            boxes=len(marked[class_id]),
            ignored=sum(ignored for _, _, ignored in marked[class_id]),
            pictures=len({image.path for image, _, _ in marked[class_id]}),
            small=sum(area < SMALL_AREA_PX for _, area, _ in marked[class_id]),
            medium=sum(SMALL_AREA_PX <= area < MEDIUM_AREA_PX for _, area, _ in marked[class_id]),
            large=sum(area >= MEDIUM_AREA_PX for _, area, _ in marked[class_id]),
            splits=count_by_split(image.split for image, _, _ in marked[class_id]),
        )
        for class_id, name in enumerate(dataset.names)
    )


def undecodable(prints: Sequence[Fingerprint]) -> Iterator[Problem]:
    """Yield the pictures that cannot be decoded to their last pixel."""
    return (Problem(one.path, f"{one.broken}", "broken_picture") for one in prints if one.broken)


def _odd_boxes(dataset: Dataset) -> Iterator[Problem]:
    for image in dataset.images:
        names = [dataset.names[box.class_id] for box in image.boxes]
        boxes = np.array([box.box_xyxy_px for box in image.boxes], float).reshape(-1, 4)
        for first, second in zip(*np.nonzero(np.triu(overlaps(boxes, boxes) > SAME_BOX_IOU, k=1)), strict=True):
            pair = f"{names[first]} and {names[second]}" if names[first] != names[second] else names[first]
            reason = f"marks the same object twice: {pair} at {_corners(boxes[first])} and {_corners(boxes[second])}"
            yield Problem(image.path, reason, "double_box")
        for name, box in zip(names, boxes, strict=True):
            if min(_size(box)) < TINY_SIDE_PX:
                yield Problem(image.path, f"has a tiny {name} box at {_corners(box)}", "tiny_box")


def _contradictions(dataset: Dataset, prints: Sequence[Fingerprint]) -> Iterator[Problem]:
    for group in exact_groups(prints):
        first = dataset.images[group[0]]
        for index in group[1:]:
            if sorted(map(_rounded, dataset.images[index].boxes)) != sorted(map(_rounded, first.boxes)):
                reason = f"is the same picture as {first.path}, with other boxes"
                yield Problem(dataset.images[index].path, reason, "contradiction")


def alike_pictures(images: Sequence[Picture], prints: Sequence[Fingerprint]) -> Iterator[Alike]:
    """Yield the groups of pictures that are the same or nearly so."""
    for group in alike_groups(prints):
        if len(group) > 1:
            yield Alike(
                pictures=tuple(str(images[index].path) for index in group),
                exact=len({prints[index].digest for index in group}) == 1,
                splits=tuple(count_by_split(images[index].split for index in group)),
            )


def count_by_split(splits: Iterable[str | None]) -> dict[str, int]:
    """Return how many there are of each split, in their order; ``none`` for those without."""
    counts = Counter(split or "none" for split in splits)
    return {split: counts[split] for split in (*SPLITS, "none") if counts[split]}


def _size(corners: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    return float(corners[2] - corners[0]), float(corners[3] - corners[1])


def _rounded(box: Any) -> tuple[int, ...]:
    return (box.class_id, *(round(value) for value in box.box_xyxy_px))


def _percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    ranks = (5, 25, 50, 75, 95)
    return {f"p{rank}": round(float(value), 4) for rank, value in zip(ranks, np.percentile(values, ranks), strict=True)}


def _corners(box: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{value:g}' for value in box.round(1))})"
