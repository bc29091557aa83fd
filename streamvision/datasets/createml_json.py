"""Create ML: JSON files that list pictures, each with its boxes by their centres.

Follows https://developer.apple.com/documentation/createml/building-an-object-detector-data-source: ``[{"image":
"a.jpg", "annotations": [{"label": "car", "coordinates": {"x": 60, "y": 40, "width": 20, "height": 10}}]}]``, ``x``
and ``y`` the centre of the box, all in pixels of the picture; or the older words ``imagefilename`` and
``annotation``. One file for all pictures or one for each folder of them. Names may be written as in addresses
(``a%20b.jpg``). The split is that of the file's name or folder. Classes are those of ``classes.txt`` where there is
one, and sorted by name otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from streamvision.core.reading import UnreadableError, finite, read_json
from streamvision.core.words import counted
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, Split
from streamvision.datasets.files import (
    PictureLookup,
    files_marked,
    head_of,
    is_there,
    read_class_list,
    root_of,
    split_in,
    split_of_path,
)

_HEAD_BYTES = 1 << 16
_LIST = re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*\{")
_PICTURE = re.compile(rb'"(?:image|imagefilename)"\s*:\s*"')
_BOXES = re.compile(rb'"(?:coordinates"\s*:\s*\{|annotations?"\s*:\s*\[\s*\])')
_DATA = re.compile(rb'"data"\s*:\s*\{')
_PICTURE_KEYS, _BOX_KEYS = ("image", "imagefilename"), ("annotations", "annotation")


def find_createml(path: Path) -> list[Path]:
    """Return the JSON files of a folder that have Create ML's shape; or the file given."""
    return files_marked(path, {".json"}, is_createml)


def is_createml(path: Path) -> bool:
    """Whether the head of a JSON file lists pictures with coordinates; Label Studio's has its pictures in ``data``."""
    if path.suffix.lower() != ".json":
        return False
    head = head_of(path, _HEAD_BYTES)
    return all(mark.search(head) for mark in (_PICTURE, _BOXES)) and bool(_LIST.match(head)) and not _DATA.search(head)


def read_createml(path: Path, *, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or its one JSON file; what is wrong becomes problems of the result."""
    collector = Collector(progress)
    folder = root_of(path, labels_in=("annotations",))
    lookup = PictureLookup(folder, collector.doubt)
    for table in find_createml(path):
        try:
            document = read_json(table)
        except UnreadableError as error:
            collector.note(table, "broken_labels", f"{error}; left out")
            continue
        if not isinstance(document, list):
            collector.note(table, "broken_labels", "is no list of pictures, so it is not Create ML's; left out")
            continue
        _TableReader(table, split_in(table.stem) or split_of_path(table, folder), folder, lookup, collector).read(
            document
        )
    if path.is_dir():
        for picture in lookup.pictures:
            if not collector.known(picture):
                collector.note(picture, "unlabelled_picture", "is named in no JSON file; left out")
    return collector.dataset(read_class_list(folder))


class _TableReader:
    """Reads one JSON file."""

    def __init__(
        self, path: Path, split: Split | None, folder: Path, lookup: PictureLookup, collector: Collector
    ) -> None:
        self._path = path
        self._split = split
        self._folder = folder
        self._lookup = lookup
        self._collector = collector

    def read(self, document: list[Any]) -> None:
        """Take in all pictures."""
        if self._is_relative(document):
            self._collector.note(
                self._path,
                "broken_labels",
                "has no coordinate above 1, so they seem to be shares of the picture; write them in pixels; left out",
            )
            return
        for done, entry in enumerate(document):
            self._collector.progress(done, len(document))
            self._picture(entry)

    def _picture(self, entry: Any) -> None:
        name, marked = (_first(entry, keys) for keys in (_PICTURE_KEYS, _BOX_KEYS))
        if not isinstance(name, str) or not name.strip() or not isinstance(marked, list):
            reason = f"has an entry without image or annotations ({entry!r:.80}); left out"
            self._collector.note(self._path, "broken_labels", reason)
            return
        path = self._find(name.strip())
        split = self._split or split_of_path(path, self._folder)
        if self._collector.taken_before(path, split):
            if marked:
                reason = f"names {name} again, with {counted(len(marked), 'boxes')}; left out"
                self._collector.note(self._path, "broken_labels", reason)
        elif (picture := self._collector.open(path, labels=self._path)) is not None:
            self._collector.add(picture, self._boxes(name, marked), split=split, labels=self._path)

    def _find(self, name: str) -> Path:
        """Return where a picture is; a file that has the name as it is written goes before the one it may stand for."""
        path = self._lookup.find(name, labels=self._path, split=self._split)
        if "%" not in name or is_there(path):
            return path
        return self._lookup.find(unquote(name), labels=self._path, split=self._split)

    def _boxes(self, name: str, marked: list[Any]) -> Iterator[MarkedBox]:
        for at, one in enumerate(marked):
            label = one.get("label") if isinstance(one, dict) else None
            if not isinstance(label, str) or not label.strip():
                self._collector.note(self._path, "bad_class", f"annotation {at} of {name} has no label; left out")
                continue
            x, y, width, height = _coordinates(one)
            if x is None or y is None or width is None or height is None:
                reason = f"annotation {at} of {name} ({label}) has no coordinates x, y, width and height; left out"
                self._collector.note(self._path, "bad_box", reason)
                continue
            yield MarkedBox(label.strip(), (x - width / 2, y - height / 2, x + width / 2, y + height / 2))

    @staticmethod
    def _is_relative(document: list[Any]) -> bool:
        """Whether all coordinates are 1 at most, as shares of a picture are and boxes in pixels hardly ever."""
        marked = (one for entry in document for one in _list(_first(entry, _BOX_KEYS)))
        numbers = [value for one in marked for value in _coordinates(one) if value is not None]
        return bool(numbers) and max(numbers) <= 1


def _coordinates(one: Any) -> list[float | None]:
    place = one.get("coordinates") if isinstance(one, dict) else None
    values = place if isinstance(place, dict) else {}
    return [finite(values.get(key)) for key in ("x", "y", "width", "height")]


def _first(entry: Any, keys: tuple[str, ...]) -> Any:
    return next((entry[key] for key in keys if key in entry), None) if isinstance(entry, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
