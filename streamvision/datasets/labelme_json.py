"""labelme: one JSON file a picture, with its shapes (https://github.com/wkentaro/labelme), and X-AnyLabeling's.

Coordinates are continuous pixels from 0; points come in any order. Rectangles, polygons, circles, turned rectangles
and masks become boxes; polygons and corners are kept as outlines. Shapes of one label and one ``group_id`` are one
object in several parts, as labelme's own converters have it. Lines and points mark no area and are left out, with a
problem. ``__ignore__`` marks a region in which nothing counts. A flag or key ``difficult`` that is true makes an
object ignored.

The picture is ``imagePath``, which may be written as on Windows, or else the one that lies beside the file under its
name, or else the one inside the file (``imageData``). Classes are those of ``labels.txt`` where there is one, in its
order, and sorted by name otherwise.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.files import cache_folder
from streamvision.core.reading import UnreadableError, finite, read_json
from streamvision.datasets.collector import Collector, Corners, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledShape, Split
from streamvision.datasets.embedded import delete_old, put_picture
from streamvision.datasets.files import (
    PICTURE_SUFFIXES,
    PictureLookup,
    files_marked,
    head_of,
    read_class_list,
    root_of,
    split_of_path,
)
from streamvision.datasets.picture_files import PictureFile

IGNORE_LABEL = "__ignore__"
_BACKGROUND_LABEL = "_background_"
_CACHE = "labelme"
_HEAD_BYTES = 1 << 16
_MARK = re.compile(rb'"(?:shapes"\s*:\s*\[|imageData"\s*:|imagePath"\s*:)')
_OBJECT = re.compile(rb"(\xef\xbb\xbf)?\s*\{")
_POINTS_NEEDED = {"rectangle": 2, "circle": 2, "mask": 2, "polygon": 3, "rotation": 3}
_NO_AREA = frozenset({"line", "linestrip", "point", "points", "lines"})


def find_labelme(path: Path) -> list[Path]:
    """Return the JSON files of a folder that labelme wrote; or the file given."""
    return files_marked(path, {".json"}, is_labelme)


def is_labelme(path: Path) -> bool:
    """Whether the head of a JSON file has labelme's shapes or its picture."""
    head = head_of(path, _HEAD_BYTES)
    return path.suffix.lower() == ".json" and _OBJECT.match(head) is not None and _MARK.search(head) is not None


def read_labelme(path: Path, *, shapes: bool = False, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or one of its files; what is wrong becomes problems of the result.

    With ``shapes``, outlines are read, too.
    """
    collector = Collector(progress)
    folder = root_of(path)
    lookup = PictureLookup(folder, collector.doubt)
    delete_old(cache_folder(_CACHE))
    reader = _Reader(folder, lookup, collector, shapes)
    files = find_labelme(path)
    for done, file in enumerate(files):
        collector.progress(done, len(files))
        reader.read(file)
    if path.is_dir():
        for picture in lookup.pictures:
            if not collector.known(picture):
                collector.note(picture, "unlabelled_picture", "is named in no JSON file; left out")
    names = [name for name in read_class_list(folder) if name not in (IGNORE_LABEL, _BACKGROUND_LABEL)]
    return collector.dataset(names)


@dataclass
class _Object:
    """What is marked of one object so far."""

    label: str
    ignore: bool
    parts: list[NDArray[np.float64]] = field(default_factory=list)
    """(N, 2) points each; of a box its corners."""
    has_outline: bool = True
    """Whether every part says more than its box."""

    def box(self) -> Corners:
        """Return the box around all parts."""
        points = np.concatenate(self.parts)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    def shape(self) -> LabelledShape | None:
        """Return the outlines, where every part has one."""
        if not self.has_outline:
            return None
        return LabelledShape(tuple(tuple(float(value) for value in part.ravel()) for part in self.parts))


class _Reader:
    """Reads the files of a data set."""

    def __init__(self, folder: Path, lookup: PictureLookup, collector: Collector, shapes: bool) -> None:
        self._folder = folder
        self._lookup = lookup
        self._pictures = set(lookup.pictures)
        self._collector = collector
        self._shapes = shapes

    def read(self, path: Path) -> None:
        """Take in one picture."""
        try:
            document = read_json(path)
        except UnreadableError as error:
            self._collector.note(path, "broken_labels", f"{error}; left out")
            return
        if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
            self._collector.note(path, "broken_labels", "has no list of shapes, so it is not labelme's; left out")
            return
        place = self._picture_of(path, document)
        if place is None:
            return
        split = split_of_path(path, self._folder) or split_of_path(place, self._folder)
        if self._collector.taken_before(place, split):
            self._collector.note(path, "broken_labels", f"is a second file for {place.name}; left out")
        elif (picture := self._collector.open(place, labels=path)) is not None:
            self._add(picture, split, path, document)

    def _add(self, picture: PictureFile, split: Split | None, path: Path, document: dict[str, Any]) -> None:
        objects = self._objects(path, document["shapes"])
        width, height = finite(document.get("imageWidth")), finite(document.get("imageHeight"))
        self._collector.add(
            picture,
            [
                MarkedBox(one.label, one.box(), one.ignore, one.shape() if self._shapes else None)
                for one in objects
                if one.label != IGNORE_LABEL
            ],
            split=split,
            labels=path,
            declared_size_px=(int(width), int(height)) if width and height else None,
            ignored=[one.box() for one in objects if one.label == IGNORE_LABEL],
        )

    def _picture_of(self, path: Path, document: dict[str, Any]) -> Path | None:
        """Return the picture that a file is about; one that is not there is returned as named."""
        given = document.get("imagePath")
        name = given.replace("\\", "/") if isinstance(given, str) else ""
        named = Path(os.path.normpath(path.parent / name)) if name else None
        if named in self._pictures:
            return named
        beside = [path.with_suffix(suffix) for suffix in sorted(PICTURE_SUFFIXES)]
        if name:
            beside.insert(0, path.parent / PurePosixPath(name).name)
        if (found := next((one for one in beside if one in self._pictures), None)) is not None:
            return found
        if (data := document.get("imageData")) is not None:
            return self._unpacked(path, name, data)
        if not name:
            self._collector.note(path, "missing_picture", "names no picture, and none lies beside it; left out")
            return None
        return self._lookup.find(name.rsplit("/", 1)[-1], labels=path, split=split_of_path(path, self._folder))

    def _unpacked(self, path: Path, name: str, data: Any) -> Path | None:
        try:
            content = base64.b64decode(data, validate=True)
        except (TypeError, ValueError, binascii.Error):
            self._collector.note(path, "broken_picture", "has an imageData that is not base64; left out")
            return None
        return put_picture(_CACHE, name or path.stem, content)

    def _objects(self, path: Path, shapes: list[Any]) -> list[_Object]:
        grouped: dict[tuple[str, Any], _Object] = {}
        skipped: Counter[str] = Counter()
        for at, shape in enumerate(shapes):
            if not isinstance(shape, dict) or not isinstance(shape.get("label"), str) or not shape["label"].strip():
                self._collector.note(path, "bad_class", f"shape {at} has no label; left out")
                continue
            kind = shape.get("shape_type") or "polygon"
            if isinstance(kind, str) and kind in _NO_AREA:
                skipped[kind] += 1
                continue
            label, group = shape["label"].strip(), shape.get("group_id")
            points = _points(kind, shape.get("points"))
            if isinstance(points, str):
                self._collector.note(path, "bad_box", f"shape {at} ({label}) {points}; left out")
                continue
            key = (label, group) if isinstance(group, (int, str)) else (label, (at,))
            one = grouped.setdefault(key, _Object(label, False))
            one.parts.append(points)
            one.ignore |= _is_difficult(shape)
            one.has_outline &= kind in ("polygon", "rotation", "circle")
        for kind, count in skipped.items():
            self._collector.note(path, "other", f"has {count} shapes of type {kind}, which mark no area; left out")
        return list(grouped.values())


def _points(kind: Any, given: Any) -> NDArray[np.float64] | str:
    """Return (N, 2) the points that a shape spans; or in a clause why it spans none."""
    if not isinstance(kind, str) or kind not in _POINTS_NEEDED:
        return f"is of type {kind!r:.40}, which is not one of labelme's"
    pairs = given if isinstance(given, list) else []
    values = [[finite(value) for value in pair] if isinstance(pair, list) else [] for pair in pairs]
    if any(len(pair) != 2 or None in pair for pair in values):
        return "has points that are no pairs of numbers"
    if len(values) < _POINTS_NEEDED[kind]:
        return f"has {len(values)} points, where a {kind} has {_POINTS_NEEDED[kind]}"
    points = np.array(values, np.float64)
    if kind == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        points = points[0] + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points


def _is_difficult(shape: dict[str, Any]) -> bool:
    flags = shape.get("flags")
    return shape.get("difficult") is True or (isinstance(flags, dict) and flags.get("difficult") is True)
