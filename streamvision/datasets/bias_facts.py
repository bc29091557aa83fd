"""What is known of the pictures of a data set, side by side, for questions of what goes with what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.files import SPLITS

_NO_SOURCE = {*SPLITS, "images", "image", "img", "jpegimages", "data", "valid", "validation"}
"""Folders whose names say nothing of where their pictures come from."""

MOST_CLASSES = 1000
"""Classes that are looked at, those on most pictures: time and memory grow with their number squared."""


@dataclass(frozen=True)
class Shown:
    """What one picture brings to the question."""

    path: Path
    """Where it lies."""
    split: str | None
    """Its part."""
    class_ids: tuple[int, ...]
    """Class of each object, or the classes that the picture shows."""
    boxes: tuple[tuple[float, float, float], ...] = ()
    """Of each object the middle, across and down, and the side, as shares of the picture; empty without boxes."""
    brightness: float | None = None
    """Mean grey level, 0..255; ``None`` where it could not be decoded."""
    size_px: tuple[int, int] = (0, 0)
    """Width and height."""


@dataclass(frozen=True, eq=False)
class Facts:
    """The pictures as arrays, a row each."""

    names: Sequence[str]
    """Class names by class id."""
    shown: Sequence[Shown]
    """The pictures."""
    there: tuple[int, ...]
    """Class ids that some picture shows."""
    has: NDArray[np.bool_]
    """(pictures, classes) whether a picture shows a class."""
    both: NDArray[np.int64]
    """(classes, classes) pictures that show both."""
    objects: NDArray[np.float64]
    """(objects, 5) class, middle across and down, side, row of the picture; no rows without boxes."""
    level: NDArray[np.float64]
    """(pictures,) mean grey level, 0..255; not a number where it is unknown."""
    source: tuple[str, ...]
    """(pictures,) where each seems to come from."""

    @classmethod
    def of(cls, names: Sequence[str], shown: Sequence[Shown], *, folders_are_classes: bool) -> Facts:
        """Return what is known of pictures; ``folders_are_classes`` where a picture's folder says its class."""
        pictures = Counter(class_id for one in shown for class_id in set(one.class_ids))
        if len(pictures) > MOST_CLASSES:
            kept = sorted(class_id for class_id, _ in pictures.most_common(MOST_CLASSES))
            names, shown = [names[class_id] for class_id in kept], _only(shown, kept)
        has = np.zeros((len(shown), len(names)), bool)
        for row, one in enumerate(shown):
            has[row, list(one.class_ids)] = True
        rows = [
            (class_id, *box, row)
            for row, one in enumerate(shown)
            for class_id, box in zip(one.class_ids, one.boxes, strict=False)
        ]
        return cls(
            names=names,
            shown=shown,
            there=tuple(np.flatnonzero(has.any(axis=0)).tolist()),
            has=has,
            both=(has.T.astype(np.float32) @ has.astype(np.float32)).astype(np.int64),
            objects=np.array(rows, np.float64).reshape(-1, 5),
            level=np.array([np.nan if one.brightness is None else one.brightness for one in shown], np.float64),
            source=tuple(sources_of(shown, folders_are_classes=folders_are_classes)),
        )

    @property
    def parts(self) -> list[str]:
        """The parts that have pictures, where there are several."""
        present: list[str] = [part for part in SPLITS if any(one.split == part for one in self.shown)]
        return present if len(present) > 1 else []

    def of_part(self, part: str) -> NDArray[np.bool_]:
        """Return (pictures,) whether each is of a part."""
        return np.array([one.split == part for one in self.shown])

    def objects_of(self, class_id: int) -> NDArray[np.float64]:
        """Return the rows of :attr:`objects` of one class."""
        own: NDArray[np.float64] = self.objects[self.objects[:, 0] == class_id]
        return own


def _only(shown: Sequence[Shown], kept: Sequence[int]) -> list[Shown]:
    """Return pictures with the objects of these classes alone, whose ids become their places among them."""
    new_id = {class_id: place for place, class_id in enumerate(kept)}
    found = []
    for one in shown:
        at = [place for place, class_id in enumerate(one.class_ids) if class_id in new_id]
        boxes = tuple(one.boxes[place] for place in at) if one.boxes else ()
        found.append(replace(one, class_ids=tuple(new_id[one.class_ids[place]] for place in at), boxes=boxes))
    return found


def sources_of(shown: Sequence[Shown], *, folders_are_classes: bool) -> list[str]:
    """Return for each picture where it seems to come from: its folder, what its name begins with, and its size.

    What differs for one picture in five says nothing of where it comes from, and is left out.
    """
    folders = [
        "" if folders_are_classes or one.path.parent.name.lower() in _NO_SOURCE else one.path.parent.name
        for one in shown
    ]
    starts = [re.split(r"\d", one.path.stem, maxsplit=1)[0].rstrip("-_ .(") for one in shown]
    sizes = [f"{one.size_px[0]}x{one.size_px[1]}" for one in shown]
    told = [column for column in (folders, starts, sizes) if len(set(column)) <= max(len(shown) // 5, 1)]
    if not told:
        return ["all"] * len(shown)
    return [" ".join(part for part in parts if part) or "all" for parts in zip(*told, strict=True)]
