"""KITTI's object detection: one text file a picture, each line a class and 14 numbers.

Follows the devkit of https://www.cvlibs.net/datasets/kitti/eval_object.php: ``type truncated occluded alpha left top
right bottom height width length x y z rotation_y``, and perhaps a score. Corners are pixels from 0, taken as
continuous. The labels of ``.../image_2/000000.png`` are ``.../label_2/000000.txt``; ``images`` and ``labels`` (NVIDIA
TAO), and both in one folder, are found as well. ``DontCare`` marks a region in which nothing counts, whatever its
class. Splits are the lists ``ImageSets/train.txt`` and so on, or else the folders ``train`` and ``val``: KITTI's own
``training`` is all that has labels, so that it is no split. Classes are those of ``classes.txt`` where there is one,
and sorted by name otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamvision.core.reading import UnreadableError, read_text
from streamvision.datasets.collector import Collector, Corners, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, Split
from streamvision.datasets.files import (
    files_below,
    find_pictures,
    head_of,
    read_class_list,
    root_of,
    split_named,
    split_of_path,
)

DONT_CARE = "DontCare"
_FIELDS = (15, 16)
_BOX = slice(4, 8)
_HEAD_BYTES = 4096
LABEL_FOLDERS = {"label_2": "image_2", "label_3": "image_3", "labels": "images", "label": "image"}
"""Folders of labels, and what that of their pictures is called."""
_LISTS = "ImageSets"


def find_kitti(path: Path) -> list[Path]:
    """Return the text files of a folder that begin as KITTI's labels do or are empty beside them; or the file given."""
    if path.is_file():
        return [path]
    texts = [file for file in files_below(path, {".txt"}) if file.parent.name != _LISTS]
    folders = {file.parent for file in texts if is_kitti(file)}
    return [file for file in texts if is_kitti(file) or (file.parent in folders and not head_of(file, 1).strip())]


def is_kitti(path: Path) -> bool:
    """Whether the first line of a text file is a class and 14 or 15 numbers."""
    line = head_of(path, _HEAD_BYTES).partition(b"\n")[0].decode().split()
    return (
        path.suffix.lower() == ".txt"
        and len(line) in _FIELDS
        and not numbers_of(line[:1])
        and bool(numbers_of(line[1:]))
    )


def read_kitti(path: Path, *, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder; what is wrong with files becomes problems of the result."""
    collector = Collector(progress)
    folder = root_of(path, labels_in=tuple(LABEL_FOLDERS))
    pictures = {picture.with_suffix(""): picture for picture in find_pictures(folder)}
    splits = dict(read_splits(folder, collector))
    files = find_kitti(path)
    for done, file in enumerate(files):
        collector.progress(done, len(files))
        split = splits.get(file.stem) if splits else split_of(file, folder)
        _read_file(file, picture_of(file, pictures), split, collector)
    for picture in pictures.values() if path.is_dir() else ():
        if not collector.known(picture):
            collector.note(picture, "unlabelled_picture", "has no text file; left out")
    return collector.dataset(read_class_list(folder))


@dataclass(frozen=True)
class _Line:
    """One line of a label file."""

    name: str
    box_xyxy_px: Corners


def _read_file(path: Path, place: Path, split: Split | None, collector: Collector) -> None:
    try:
        text = read_text(path)
    except UnreadableError as error:
        collector.note(path, "broken_labels", f"{error}; left out")
        return
    if collector.taken_before(place, split) or (picture := collector.open(place, labels=path)) is None:
        return
    lines = list(_read_lines(text, path, collector))
    boxes = [MarkedBox(line.name, line.box_xyxy_px) for line in lines if line.name != DONT_CARE]
    ignored = [line.box_xyxy_px for line in lines if line.name == DONT_CARE]
    collector.add(picture, boxes, split=split, labels=path, ignored=ignored)


def _read_lines(text: str, path: Path, collector: Collector) -> Iterator[_Line]:
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if not fields:
            continue
        values = numbers_of(fields[1:])
        if len(fields) not in _FIELDS or not values:
            reason = f"line {number} is not a class and 14 numbers ({line!r:.80}); left out"
            collector.note(path, "bad_box", reason)
            continue
        left, top, right, bottom = ([0.0, *values])[_BOX]
        yield _Line(fields[0], (left, top, right, bottom))


def picture_of(labels: Path, pictures: dict[Path, Path]) -> Path:
    """Return the picture of a label file; one that is not there is returned as the likeliest place."""
    at = next((at for at, part in enumerate(reversed(labels.parts[:-1]), 2) if part in LABEL_FOLDERS), None)
    stems = [labels.with_suffix("")]
    if at is not None:
        parts = list(labels.with_suffix("").parts)
        parts[-at] = LABEL_FOLDERS[parts[-at]]
        stems.insert(0, Path(*parts))
    return next((pictures[stem] for stem in stems if stem in pictures), stems[0].with_suffix(".png"))


def split_of(labels: Path, folder: Path) -> Split | None:
    """Return the part of the data that the folders of a label file name."""
    above = labels.relative_to(folder).parts[:-1] if labels.is_relative_to(folder) else ()
    return None if "training" in above else split_of_path(labels, folder)


def read_splits(folder: Path, collector: Collector) -> Iterator[tuple[str, Split]]:
    """Yield the stem of each picture that the lists in ``ImageSets`` name, with its part."""
    for path in files_below(folder, {".txt"}):
        if path.parent.name == _LISTS and (split := split_named(path.stem)):
            try:
                lines = read_text(path).split("\n")
            except UnreadableError as error:
                collector.note(path, "broken_labels", f"{error}; left out")
                continue
            yield from ((Path(line.strip()).stem, split) for line in lines if line.strip())


def numbers_of(fields: list[str]) -> list[float]:
    """Return fields as numbers; nothing where one of them is none."""
    try:
        values = [float(field) for field in fields]
    except ValueError:
        return []
    return values if all(map(math.isfinite, values)) else []
