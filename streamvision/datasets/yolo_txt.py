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

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from streamvision.core.reading import UnreadableError, read_text
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage, LabelledShape, Split
from streamvision.datasets.files import (
    SPLITS,
    files_below,
    find_class_list,
    find_pictures,
    head_of,
    is_there,
    leads_out,
    root_of,
    split_named,
    split_of_path,
)
from streamvision.datasets.picture_files import PictureFile
from streamvision.datasets.writing import OutputFolder
from streamvision.datasets.yolo_yaml import (
    choose_yaml,
    find_yamls,
    is_data_yaml,
    listed_pictures,
    pictures_by_split,
    read_data_yaml,
)

_VISIBLE = 2
"""COCO's word for a keypoint that is seen."""
_NO_LABELS = frozenset({"classes.txt", "labels.txt", "obj.names", "names.txt", "train.txt", "val.txt", "test.txt"})


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
    """Return the YAML files that describe data sets, or else the text files that may be labels."""
    return find_yamls(path) or find_labels(path)


def is_yolo(path: Path) -> bool:
    """Whether a file describes a YOLO data set, or begins as its labels do."""
    return is_data_yaml(path) if path.suffix in {".yaml", ".yml"} else is_label(path)


def read_yolo(path: Path, *, shapes: bool = False, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or its ``data.yaml``; what is wrong with files becomes problems of the result.

    With ``shapes``, outlines and keypoints are read, too.

    Raises:
        ConfigError: when ``data.yaml`` cannot be understood, or there are several.
    """
    collector = Collector(progress)
    description = choose_yaml(path)
    folder = description.parent if description else root_of(path)
    folders = {folder}
    keypoints: tuple[int, int] | None = None
    if description is None:
        names = _listed_classes(folder, collector)
        groups = _listed_splits(folder, collector)
    else:
        said = read_data_yaml(description)
        names, keypoints = said.classes.names, said.keypoints
        folders.add(folder / said.root)
        for remark in said.classes.remarks():
            collector.note(description, "other", remark)
        groups = dict(pictures_by_split(said, collector))
    used = set()
    highest = -1
    for done, (file, split) in enumerate(groups.items()):
        collector.progress(done, len(groups))
        labels = next((place for place in (labels_of(file), file.with_suffix(".txt")) if is_there(place)), None)
        if labels:
            used.add(collector.key(labels))
        if labels and all(leads_out(labels, folder) for folder in folders):
            continue  # the link is told of, and what the picture shows is not known
        if (picture := collector.open(file)) is None:
            continue
        boxes: list[MarkedBox] = []
        if labels:
            reader = _LabelReader(labels, picture, names or None, collector, shapes, keypoints)
            try:
                boxes = list(reader)
            except UnreadableError as error:
                collector.note(labels, "broken_labels", f"{error}; left out")
                continue
            highest = max(highest, reader.highest)
        else:
            collector.note(file, "unlabelled_picture", "has no text file; read as a picture without objects")
        collector.add(picture, boxes, split=split, labels=labels or file)
    for labels in find_labels(folder):
        if collector.key(labels) not in used:
            collector.note(labels, "missing_picture", "has no picture; left out")
    return collector.dataset(names or [str(index) for index in range(highest + 1)])


def _listed_classes(folder: Path, collector: Collector) -> list[str]:
    listed = find_class_list(folder)
    if listed is None or not listed.names:
        collector.note(folder, "other", "has no data.yaml and no classes.txt; classes are called by their numbers")
        return []
    for remark in listed.remarks():
        collector.note(listed.path, "other", remark)
    return listed.names


def _listed_splits(folder: Path, collector: Collector) -> dict[Path, Split | None]:
    """Return the pictures of a set without ``data.yaml``; lists of pictures, as darknet has them, say the splits."""
    pictures = find_pictures(folder)
    split_of: dict[Path, Split] = {}
    for table in (path for path in folder.glob("*.txt") if split_named(path.stem)):
        for picture in listed_pictures(table, (table.parent, folder), collector):
            split_of.setdefault(collector.key(picture), split_named(table.stem) or "train")
    return {path: split_of.get(collector.key(path)) or split_of_path(path, folder) for path in pictures}


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


def read_labels(path: Path, names: Sequence[str], width_px: int, height_px: int) -> list[LabelledBox]:
    """Return the boxes of one label file; what is no box of these classes is left out, all where it cannot be read.

    Args:
        path: the file.
        names: the classes by their ids.
        width_px: the picture's.
        height_px: the picture's.
    """
    reader = _LabelReader(path, PictureFile(path, width_px, height_px, 1), names, Collector(no_progress))
    ids = {name: index for index, name in enumerate(names)}
    with contextlib.suppress(UnreadableError):
        return [LabelledBox(ids[marked.name], marked.box_xyxy_px) for marked in reader]
    return []


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
        for number, line in enumerate(read_text(self.path).splitlines(), 1):
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


def keypoints_line(box: LabelledBox, image: LabelledImage, *, values: int, count: int) -> str:
    """Return an object as a line with its box and keypoints; those outside of the picture are not marked."""
    written = []
    points = (box.shape or LabelledShape()).keypoints or ((0.0, 0.0, 0),) * count
    for x, y, visible in points:
        inside = visible > 0 and 0 <= x <= image.width_px and 0 <= y <= image.height_px
        point = (x / image.width_px, y / image.height_px, float(visible)) if inside else (0.0, 0.0, 0.0)
        written += [f"{value:.8g}" for value in point[:values]]
    return f"{label_line(box, image).rstrip()} {' '.join(written)}\n"


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
