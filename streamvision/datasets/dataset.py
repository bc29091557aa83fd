"""What every format of labelled pictures is read into and written from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "val", "test"]
DatasetFormat = Literal["voc", "coco", "yolo", "tfcsv", "tfrecord"]
ProblemKind = Literal[
    "broken_picture",
    "missing_picture",
    "unlabelled_picture",
    "broken_labels",
    "bad_class",
    "bad_box",
    "box_outside",
    "double_box",
    "tiny_box",
    "contradiction",
    "wrong_size",
    "renamed",
    "leak",
    "other",
]
"""Told apart so that reports can count; the sentence in :attr:`Problem.reason` says the rest."""


@dataclass(frozen=True)
class LabelledShape:
    """What is marked of an object beyond its box, as far as it is marked."""

    polygons_px: tuple[tuple[float, ...], ...] = ()
    """Outlines, each x, y, x, y, ... in pixels of the picture; an object that is seen in parts has several."""
    rle_counts: tuple[int, ...] | str | None = None
    """Instead of outlines: COCO's run lengths over the whole picture, as numbers or compressed."""
    keypoints: tuple[tuple[float, float, int], ...] = ()
    """x and y in pixels of the picture, and COCO's visibility: 0 not marked, 1 hidden, 2 visible."""
    area_px: float | None = None
    """Area as the labels state it, which need not be that of the box."""


@dataclass(frozen=True)
class LabelledBox:
    """One object that somebody has marked."""

    class_id: int
    """Index into the data set's names."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture; continuous, so a box over the whole picture is
    (0, 0, width, height)."""
    ignore: bool = False
    """Crowds (COCO) and difficult objects (VOC): neither finding nor missing them counts."""
    shape: LabelledShape | None = None
    """Outline and keypoints; ``None`` unless they were asked for."""


@dataclass(frozen=True)
class LabelledImage:
    """One picture and all that is marked on it."""

    path: Path
    """Where the picture lies."""
    width_px: int
    """Its real width."""
    height_px: int
    """Its real height."""
    boxes: tuple[LabelledBox, ...]
    """The objects; none is a valid answer."""
    split: Split | None = None
    """The part that it belongs to, where the data set says so."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file; nothing is dropped or mended in silence."""

    path: Path
    """The file."""
    reason: str
    """What is wrong with it and what was done about it, in one sentence."""
    kind: ProblemKind = "other"
    """What sort of problem it is."""


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures, whatever format they came in."""

    names: tuple[str, ...]
    """Class names by class id."""
    images: tuple[LabelledImage, ...]
    """The readable pictures, ordered by path."""
    problems: tuple[Problem, ...] = ()
    """What was wrong, file by file."""

    def part(self, split: Split) -> Dataset:
        """Return the pictures of one split."""
        return Dataset(self.names, tuple(image for image in self.images if image.split == split))

    def boxes(self) -> Iterator[tuple[LabelledImage, LabelledBox]]:
        """Yield every object with its picture."""
        return ((image, box) for image in self.images for box in image.boxes)
