"""COCO: one JSON file a split, with images, annotations and categories (https://cocodataset.org/#format-data).

Boxes are ``[x, y, width, height]``, continuous, from 0. Class ids are the place of a category when sorted by its id;
the ids themselves may have gaps. ``iscrowd`` boxes are kept, with ``ignore``. Written category and image ids begin
with 1. The split is that of the file's name (``instances_val2017.json``) or of its folder
(``valid/_annotations.coco.json``).

The reader is our own: supervision's reads one file with one folder of pictures, and stops at the first annotation
that is broken, where we list every bad one with its reason and go on.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Set
from pathlib import Path
from typing import Any

from streamvision.core.reading import UnreadableError, finite, read_json, shown
from streamvision.core.redaction import short
from streamvision.core.words import counted
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledShape, Split
from streamvision.datasets.files import SPLITS, PictureLookup, files_below, head_of, root_of, split_in, split_of_path
from streamvision.datasets.writing import OutputFolder, images_folder

_SNIFFED_BYTES = 1 << 16
_KEYS = re.compile(rb'"(images|annotations|categories|info|licenses)"\s*:')
_BEGIN = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"(images|annotations|categories)"\s*:\s*\[')
_IMAGES = re.compile(rb'"images"\s*:')
_NO_PARENT = frozenset({"", "none", "None"})
_OTHER_TASKS = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")


def find_tables(path: Path) -> list[Path]:
    """Return the JSON files of COCO's shape in a folder, without those of COCO's other tasks; or the file given."""
    if path.is_file():
        return [path]
    found = [file for file in files_below(path, {".json"}) if not file.name.startswith(_OTHER_TASKS)]
    return [file for file in found if is_coco(file)]


def is_coco(path: Path) -> bool:
    """Whether the head of a JSON file has two of COCO's keys, or begins with one of its lists.

    Of a small file all is seen: without images it is a list of classes, such as Label Studio's ``notes.json``.
    """
    if path.suffix.lower() != ".json":
        return False
    head = head_of(path, _SNIFFED_BYTES)
    if len(head) < _SNIFFED_BYTES and not _IMAGES.search(head):
        return False
    return len(set(_KEYS.findall(head))) > 1 or _BEGIN.match(head) is not None


def read_coco(path: Path, *, shapes: bool = False, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or its one JSON file; what is wrong becomes problems of the result.

    With ``shapes``, outlines and keypoints are read, too.
    """
    collector = Collector(progress)
    folder = root_of(path, labels_in=("annotations",))
    lookup = PictureLookup(folder, collector.doubt)
    classes = _Classes()
    for table in find_tables(path):
        try:
            document = read_json(table)
        except UnreadableError as error:
            collector.note(table, "broken_labels", f"{error}; left out")
            continue
        if not isinstance(document, dict) or not isinstance(document.get("images"), list):
            collector.note(table, "broken_labels", "has no list of images, so it is not COCO; left out")
            continue
        split = split_in(table.stem) or split_of_path(table, folder)
        _TableReader(table, split, lookup, collector, classes, shapes).read(document)
    if path.is_dir():
        for picture in lookup.pictures:
            if not collector.known(picture):
                collector.note(picture, "unlabelled_picture", "is named in no JSON file; left out")
    return collector.dataset(classes.names(collector))


def write_coco(dataset: Dataset, output: OutputFolder) -> None:
    """Write a data set with the pictures that ``output`` places."""
    documents: dict[Split | None, dict[str, Any]] = {}
    annotations = output.make_folder("annotations")
    categories = [{"id": index, "name": name, "supercategory": ""} for index, name in enumerate(dataset.names, 1)]
    boxes = 0
    for index, (image, place) in enumerate(output.place(dataset, images_folder), 1):
        document = documents.setdefault(image.split, {"images": [], "annotations": [], "categories": categories})
        entry = {"id": index, "file_name": place.name, "width": image.width_px, "height": image.height_px}
        document["images"].append(entry)
        for box in image.boxes:
            boxes += 1
            document["annotations"].append({"id": boxes, "image_id": index, **box_entry(box)})
    for split in (None, *SPLITS):
        if split in documents:
            file = annotations / (f"instances_{split}.json" if split else "instances.json")
            file.write_text(json.dumps(documents[split], ensure_ascii=False), encoding="utf-8")


class _Classes:
    """The classes of all JSON files of a set."""

    def __init__(self) -> None:
        self._parents: dict[str, set[str]] = {}
        """By class name in the order of the ids, its supercategories."""
        self._path_of: dict[str, Path] = {}
        self._marked: set[str] = set()

    def add(self, path: Path, named: Iterable[tuple[str, str]], marked: Set[str]) -> None:
        """Take in the classes of a file with their supercategories, and which of them have boxes."""
        self._marked |= marked
        for name, parent in named:
            self._path_of.setdefault(name, path)
            self._parents.setdefault(name, set()).add(parent)

    def names(self, collector: Collector) -> tuple[str, ...]:
        """Return the names of the classes.

        Roboflow lists the supercategory of all classes as one of them, ahead of the others, which has no box and no
        supercategory of its own; it is left out, with a problem.
        """
        above = set().union(*(parents - {name} for name, parents in self._parents.items()))
        groups = {name for name in above if self._parents.get(name, {"-"}) <= _NO_PARENT | {name}} - self._marked
        for name in sorted(groups):
            reason = f"lists {name} as a class, which is the supercategory of others and has no box; left out"
            collector.note(self._path_of[name], "other", reason)
        return tuple(name for name in self._parents if name not in groups)


class _TableReader:
    """Reads one JSON file."""

    def __init__(
        self,
        path: Path,
        split: Split | None,
        lookup: PictureLookup,
        collector: Collector,
        classes: _Classes,
        shapes: bool,
    ) -> None:
        self._shapes = shapes
        self._classes = classes
        self._parent_of: dict[int, str] = {}
        self._path = path
        self._split = split
        self._lookup = lookup
        self._collector = collector

    def read(self, document: dict[str, Any]) -> None:
        """Take in all pictures and classes."""
        names = self._names(document)
        boxes = self._boxes(document, names)
        named = [(names[category_id], self._parent_of[category_id]) for category_id in sorted(names)]
        self._classes.add(self._path, named, {box.name for marked in boxes.values() for box in marked})
        images = document["images"]
        for done, entry in enumerate(images):
            self._collector.progress(done, len(images))
            self._image(entry, boxes)
        for image_id, left in boxes.items():
            boxes_of = f"{counted(len(left), 'boxes')} for image_id {shown(image_id)}"
            reason = f"has {boxes_of}, which is not among its images; left out"
            self._collector.note(self._path, "missing_picture", reason)

    def _image(self, entry: Any, boxes: dict[Any, list[MarkedBox]]) -> None:
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name or not _is_id(entry.get("id")):
            self._collector.note(
                self._path, "broken_labels", f"has an image without file_name or id ({shown(entry)}); left out"
            )
            return
        mine = boxes.pop(entry["id"], [])
        path = self._lookup.find(name, labels=self._path, split=self._split)
        if self._collector.taken_before(path, self._split):
            if mine:
                reason = f"names {short(name)} again, with {counted(len(mine), 'boxes')}; left out"
                self._collector.note(self._path, "broken_labels", reason)
            return
        if (picture := self._collector.open(path, labels=self._path)) is not None:
            declared = self._declared_size(entry)
            self._collector.add(picture, mine, split=self._split, labels=self._path, declared_size_px=declared)

    def _declared_size(self, entry: dict[str, Any]) -> tuple[int, int] | None:
        sides = entry.get("width"), entry.get("height")
        width, height = map(finite, sides)
        if width is not None and height is not None:
            return int(width), int(height)
        if sides != (None, None):
            said = f"says {shown(sides[0])}x{shown(sides[1])} for {short(entry['file_name'])}, which is no size"
            self._collector.note(self._path, "wrong_size", f"{said}; the boxes were kept as written")
        return None

    def _names(self, document: dict[str, Any]) -> dict[int, str]:
        names: dict[int, str] = {}
        for category in self._listed(document, "categories"):
            if isinstance(category, dict) and type(category.get("id")) is int and _is_name(category.get("name")):
                names[category["id"]] = str(category["name"])
                self._parent_of[category["id"]] = str(category.get("supercategory") or "")
            else:
                self._collector.note(
                    self._path, "bad_class", f"has a category without id or name ({shown(category)}); left out"
                )
        return names

    def _boxes(self, document: dict[str, Any], names: dict[int, str]) -> dict[Any, list[MarkedBox]]:
        boxes: defaultdict[Any, list[MarkedBox]] = defaultdict(list)
        for entry in self._listed(document, "annotations"):
            try:
                image_id, category_id = entry["image_id"], entry["category_id"]
                x, y, width, height = (float(value) for value in entry["bbox"])
                if not _is_id(image_id) or not _is_id(category_id):
                    raise ValueError
            except (KeyError, TypeError, ValueError, OverflowError):
                reason = f"has an annotation without image_id, category_id or bbox ({shown(entry)}); left out"
                self._collector.note(self._path, "bad_box", reason)
                continue
            if category_id not in names:
                which = f"annotation {shown(entry.get('id'))} has category_id {shown(category_id)}"
                reason = f"{which}, which is no category; left out"
                self._collector.note(self._path, "bad_class", reason)
                continue
            corners = (x, y, x + width, y + height)
            shape = _shape(entry) if self._shapes else None
            boxes[image_id].append(MarkedBox(names[category_id], corners, bool(entry.get("iscrowd")), shape))
        return dict(boxes)

    def _listed(self, document: dict[str, Any], key: str) -> list[Any]:
        """Return a list of the document, or note that it is none."""
        given = document.get(key)
        if given is not None and not isinstance(given, list):
            self._collector.note(self._path, "broken_labels", f"has no list under {key} ({shown(given)}); left out")
        return given if isinstance(given, list) else []


def _is_id(value: Any) -> bool:
    """Whether a value may be an id: a text or a whole number of 64 bits, since longer ones may be made to collide."""
    return isinstance(value, str) or (type(value) is int and abs(value) < 1 << 63)


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and bool(value)


def box_entry(box: LabelledBox) -> dict[str, Any]:
    """Return an object as an annotation without ids of its own and of its picture."""
    left, top, right, bottom = box.box_xyxy_px
    width, height = right - left, bottom - top
    return {
        "category_id": box.class_id + 1,
        "bbox": [round(value, 3) for value in (left, top, width, height)],
        "area": round(width * height, 3),
        "iscrowd": int(box.ignore),
        "segmentation": [],
    }


def _shape(entry: dict[str, Any]) -> LabelledShape | None:
    """Return what a COCO annotation marks beyond the box; ``None`` where it marks nothing that can be used."""
    polygons: list[tuple[float, ...]] = []
    counts: tuple[int, ...] | str | None = None
    outline = entry.get("segmentation")
    if isinstance(outline, dict) and isinstance(outline.get("counts"), (list, str)):
        given = outline["counts"]
        counts = given if isinstance(given, str) else _runs(given)
    elif isinstance(outline, list):
        polygons = [tuple(map(float, one)) for one in outline if _is_polygon(one)]
    flat = entry.get("keypoints")
    keypoints: list[tuple[float, float, int]] = []
    if isinstance(flat, list) and len(flat) % 3 == 0 and all(finite(value) is not None for value in flat):
        keypoints = [(float(x), float(y), int(v)) for x, y, v in zip(flat[::3], flat[1::3], flat[2::3], strict=True)]
    if not polygons and counts is None and not keypoints:
        return None
    area = finite(entry.get("area"))
    return LabelledShape(tuple(polygons), counts, tuple(keypoints), area if area and area > 0 else None)


def _runs(given: list[Any]) -> tuple[int, ...] | None:
    """Return run lengths; ``None`` where one of them is none."""
    runs = [finite(run) for run in given]
    return (
        tuple(int(run) for run in runs if run is not None)
        if all(run is not None and run >= 0 for run in runs)
        else None
    )


def _is_polygon(given: Any) -> bool:
    if not isinstance(given, list) or len(given) < 2 * 3 or len(given) % 2:
        return False
    return all(finite(value) is not None for value in given)
