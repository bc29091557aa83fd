"""YOLO: one text file a picture (``class x_center y_center width height``, 0..1 of the picture), and ``data.yaml``.

Follows https://docs.ultralytics.com/datasets/detect/ (and segment/, pose/, obb/ there): ``train``, ``val`` and ``test``
are folders or text files that list pictures, and the labels of ``.../images/a.jpg`` are ``.../labels/a.txt``; labels
that lie beside the picture, as darknet has them, are found as well. Lines with more than five fields are polygons, read
as the box around them; where ``data.yaml`` has ``kpt_shape`` they are boxes with keypoints.
A picture without a text file shows nothing, by YOLO's custom, but is reported, since a lost file looks just the same.

Where ``train`` and ``val`` are the same, the set is not split; that is also how a set without splits is written, so
that trainers which ask for both keys take it. YOLO has no word for crowds and difficult objects: they are written as
ordinary ones, with a problem for each picture.

The reader is our own: supervision's needs ``data.yaml``, reads one split at a time, and stops at the first bad line,
where we list every bad file with its reason and go on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from streamvision.core.errors import ConfigError
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage, LabelledShape, Split
from streamvision.datasets.files import (
    SPLITS,
    PictureFile,
    files_below,
    find_pictures,
    head_of,
    read_class_list,
    root_of,
    split_of_path,
)
from streamvision.datasets.writing import OutputFolder

_SPLIT_KEYS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
_VISIBLE = 2
"""COCO's word for a keypoint that is seen."""
_NO_LABELS = frozenset({"classes.txt", "labels.txt", "obj.names", "names.txt", "train.txt", "val.txt", "test.txt"})


def find_yaml(folder: Path) -> Path | None:
    """Return the YAML file that describes a YOLO data set, ``data.yaml`` before others; or the file given."""
    if folder.is_file():
        return folder if is_data_yaml(folder) else None
    found = [path for pattern in ("*.yaml", "*.yml") for path in folder.glob(pattern) if is_data_yaml(path)]
    return min(found, key=lambda path: (path.stem != "data", path.name), default=None)


def is_data_yaml(path: Path) -> bool:
    """Whether a YAML file says where a YOLO data set's pictures are and what its classes are called."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return False
    return isinstance(document, dict) and "names" in document and bool({"train", "val", "test"} & set(document))


def find_labels(folder: Path) -> list[Path]:
    """Return the text files that may be labels, sorted: those in ``labels`` folders, or those beside pictures."""
    texts = [path for path in files_below(folder, {".txt"}) if path.name not in _NO_LABELS]
    inside = [path for path in texts if "labels" in path.relative_to(folder).parts[:-1]]
    if inside:
        return inside
    stems = {(picture.parent, picture.stem) for picture in find_pictures(folder)} if texts else set()
    return [path for path in texts if (path.parent, path.stem) in stems]


def is_label(path: Path) -> bool:
    """Whether the first line of a text file is a class and numbers; an empty file is as good."""
    fields = head_of(path, 65536).partition(b"\n")[0].split()
    try:
        values = [float(field) for field in fields]
    except ValueError:
        return False
    return not values or (len(values) >= 5 and values[0] >= 0)


def find_yolo(path: Path) -> list[Path]:
    """Return the YAML file that describes a data set, or else the text files that may be labels."""
    description = find_yaml(path)
    return [description] if description else find_labels(path)


def is_yolo(path: Path) -> bool:
    """Whether a file describes a YOLO data set, or begins as its labels do."""
    return is_data_yaml(path) if path.suffix in {".yaml", ".yml"} else is_label(path)


def read_yolo(path: Path, *, shapes: bool = False, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or its ``data.yaml``; what is wrong with files becomes problems of the result.

    With ``shapes``, outlines and keypoints are read, too.

    Raises:
        ConfigError: when ``data.yaml`` names no classes that can be understood.
    """
    collector = Collector(progress)
    folder = root_of(path)
    description = find_yaml(path)
    keypoints: tuple[int, int] | None = None
    if description is None:
        names = read_class_list(folder)
        if not names:
            collector.note(folder, "other", "has no data.yaml and no classes.txt; classes are called by their numbers")
        groups = {path: split_of_path(path, folder) for path in find_pictures(folder)}
    else:
        document = yaml.safe_load(description.read_text(encoding="utf-8"))
        names = _class_names(document["names"], description)
        keypoints = _keypoint_count(document, description)
        groups = dict(_pictures_by_split(document, description, collector))
    used = set()
    highest = -1
    for done, (file, split) in enumerate(groups.items()):
        collector.progress(done, len(groups))
        labels = next((place for place in (labels_of(file), file.with_suffix(".txt")) if place.is_file()), None)
        if labels:
            used.add(labels)
        if (picture := collector.open(file)) is None:
            continue
        boxes: list[MarkedBox] = []
        if labels:
            reader = _LabelReader(labels, picture, names or None, collector, shapes, keypoints)
            boxes = list(reader)
            highest = max(highest, reader.highest)
        else:
            collector.note(file, "unlabelled_picture", "has no text file; read as a picture without objects")
        collector.add(picture, boxes, split=split, labels=labels or file)
    for labels in find_labels(folder):
        if labels not in used:
            collector.note(labels, "missing_picture", "has no picture; left out")
    return collector.dataset(names or [str(index) for index in range(highest + 1)])


def labels_of(picture: Path) -> Path:
    """Return where the labels of a picture belong: the last ``images`` of its path becomes ``labels``."""
    parts = list(picture.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def write_yolo(dataset: Dataset, output: OutputFolder) -> None:
    """Write a data set with the pictures that ``output`` places; unsplit pictures of a split set count as train."""
    splits = [split for split in SPLITS if any(image.split == split for image in dataset.images)]

    def folder_of(image: LabelledImage) -> str:
        return f"images/{image.split or 'train'}" if splits else "images"

    for image, picture in output.place(dataset, folder_of, unique_stems=True):
        output.note_ignored(image, "YOLO")
        labels = labels_of(output.folder / picture)
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(label_line(box, image) for box in image.boxes), encoding="utf-8")
    places = {split: f"images/{split}" for split in splits} or {"train": "images", "val": "images"}
    names = dict(enumerate(dataset.names))
    text = yaml.safe_dump(places | {"names": names}, sort_keys=False, allow_unicode=True)
    output.write_text("data.yaml", text)


@dataclass
class _LabelReader:
    """Reads the boxes of one text file, noting bad lines."""

    path: Path
    picture: PictureFile
    names: Sequence[str] | None
    collector: Collector
    shapes: bool = False
    keypoints: tuple[int, int] | None = None
    highest: int = -1

    def __iter__(self) -> Iterator[MarkedBox]:
        try:
            lines = self.path.read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            reason = f"cannot be read ({error.strerror}); its picture was read as one without objects"
            self.collector.note(self.path, "broken_labels", reason)
            return
        except UnicodeDecodeError:
            self.collector.note(self.path, "broken_labels", "is not text; its picture was read as one without objects")
            return
        for number, line in enumerate(lines, 1):
            if fields := line.split():
                yield from self._box(number, fields)

    def _box(self, line: int, fields: list[str]) -> Iterator[MarkedBox]:
        try:
            values = [float(field) for field in fields]
        except ValueError:
            values = []
        with_keypoints = self.keypoints is not None and len(values) == 5 + self.keypoints[0] * self.keypoints[1]
        polygon = len(values) > 5 and not with_keypoints
        if len(values) < 5 or (polygon and len(values) % 2 == 0) or not all(map(math.isfinite, values)):
            wanted = "a class and four numbers, or a class and a polygon"
            self.collector.note(
                self.path, "bad_box", f"line {line} is {' '.join(fields)[:60]!r}, not {wanted}; left out"
            )
            return
        class_id = int(values[0])
        if class_id != values[0] or class_id < 0 or (self.names is not None and class_id >= len(self.names)):
            known = f"0 to {len(self.names) - 1}" if self.names else "0, 1, 2, ..."
            self.collector.note(
                self.path, "bad_class", f"line {line} has class {fields[0]}, known are {known}; left out"
            )
            return
        self.highest = max(self.highest, class_id)
        width, height = self.picture.width_px, self.picture.height_px
        if not polygon:
            x, y, w, h = values[1] * width, values[2] * height, values[3] * width, values[4] * height
            corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        else:
            xs, ys = values[1::2], values[2::2]
            corners = (min(xs) * width, min(ys) * height, max(xs) * width, max(ys) * height)
        shape = None
        if self.shapes and polygon:
            shape = _polygon(values[1:], width, height)
        elif self.shapes and with_keypoints and self.keypoints is not None:
            shape = _keypoints(values[5:], self.keypoints[1], width, height)
        yield MarkedBox(self.names[class_id] if self.names is not None else str(class_id), corners, shape=shape)


def label_line(box: LabelledBox, image: LabelledImage) -> str:
    """Return an object as a line of a label file."""
    left, top, right, bottom = box.box_xyxy_px
    width, height = image.width_px, image.height_px
    values = ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height)
    return f"{box.class_id} {' '.join(f'{value:.8g}' for value in values)}\n"


def _class_names(names: Any, path: Path) -> list[str]:
    if isinstance(names, list):
        return [str(name) for name in names]
    if isinstance(names, dict) and all(isinstance(key, int) and key >= 0 for key in names):
        return [str(names.get(index, index)) for index in range(max(names, default=-1) + 1)]
    raise ConfigError(f"{path}: names is {names!r}; give a list of class names or a mapping of numbers to names")


def _pictures_by_split(
    document: dict[str, Any], path: Path, collector: Collector
) -> Iterator[tuple[Path, Split | None]]:
    entries = {split: next((document[k] for k in keys if document.get(k)), None) for split, keys in _SPLIT_KEYS.items()}
    unsplit = entries["train"] is not None and entries["train"] == entries["val"]
    seen: dict[Path, Split | None] = {}
    for split, given in entries.items():
        for entry in given if isinstance(given, list) else [given] if given else []:
            place = _resolve(str(entry), str(document.get("path") or "."), path)
            if place is None:
                collector.note(path, "missing_picture", f"{split} is {entry!r}, which is not there; left out")
                continue
            for picture in find_pictures(place) if place.is_dir() else _listed(place):
                if picture in seen and not unsplit:
                    reason = f"stands in {seen[picture]} and in {split}; counted once, in the first"
                    collector.note(picture, "leak", reason)
                elif picture not in seen:
                    seen[picture] = None if unsplit else split
                    yield picture, seen[picture]


def _resolve(entry: str, root: str, path: Path) -> Path | None:
    """Return where an entry of data.yaml is: below ``path``, or else beside the file, as moved sets have it."""
    beside = path.parent
    stripped = PurePosixPath(*[part for part in PurePosixPath(entry).parts if part not in ("..", ".")])
    places = (Path(root) / entry, beside / root / entry, beside / entry, beside / str(stripped).lstrip("/"))
    relative = places if Path(root).is_absolute() or Path(entry).is_absolute() else places[1:]
    return next((place for place in relative if place.exists()), None)


def _listed(path: Path) -> Iterator[Path]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if name := line.strip():
            yield Path(name) if Path(name).is_absolute() else path.parent / name.removeprefix("./")


def _polygon(values: Sequence[float], width_px: int, height_px: int) -> LabelledShape | None:
    """Return an outline from x, y, x, y, ... in shares of the picture; ``None`` with fewer than three corners."""
    if len(values) < 6:
        return None
    size = (width_px, height_px)
    return LabelledShape((tuple(value * size[at % 2] for at, value in enumerate(values)),))


def _keypoints(values: Sequence[float], each: int, width_px: int, height_px: int) -> LabelledShape:
    """Return keypoints from their values in shares of the picture.

    Args:
        values: x, y and, where ``each`` is 3, the visibility of each keypoint; without it (0, 0) is one not marked.
        each: values of a keypoint, 2 or 3.
        width_px: the picture's.
        height_px: the picture's.
    """
    points = [values[at : at + each] for at in range(0, len(values), each)]
    return LabelledShape(
        keypoints=tuple(
            (
                point[0] * width_px,
                point[1] * height_px,
                int(point[2]) if each > 2 else _VISIBLE * int(any(point)),
            )
            for point in points
        )
    )


def _keypoint_count(document: dict[str, Any], path: Path) -> tuple[int, int] | None:
    """Return how many keypoints ``data.yaml`` says that an object has, and how many values each; ``None`` without.

    Raises:
        ConfigError: when ``kpt_shape`` is not two such numbers.
    """
    given = document.get("kpt_shape")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2 or not all(isinstance(n, int) and n > 0 for n in given):
        raise ConfigError(f"{path}: kpt_shape is {given!r}; give the number of keypoints and 2 or 3 values, as [17, 3]")
    if given[1] not in (2, 3):
        raise ConfigError(f"{path}: kpt_shape gives a keypoint {given[1]} values; it has 2 (x, y) or 3 (visibility)")
    return given[0], given[1]
