"""TensorFlow detection CSV: one row a box, ``filename,width,height,class,xmin,ymin,xmax,ymax``.

The table that TensorFlow's object-detection tutorials make out of Pascal VOC files. Corners are taken as written, as
continuous pixels from 0. One file a split, known by its name (``train_labels.csv``) or its folder. The format has no
row for a picture without objects: pictures that no row names are read as such, with a problem each, since a lost row
looks just the same. It has no word for crowds and difficult objects either.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path

from streamvision.core.reading import MAX_TABLE_BYTES, UnreadableError, read_text
from streamvision.core.redaction import short
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, Split
from streamvision.datasets.files import (
    SPLITS,
    PictureLookup,
    files_below,
    head_of,
    read_class_list,
    root_of,
    split_in,
    split_of_path,
)
from streamvision.datasets.writing import OutputFolder, images_folder, number

COLUMNS = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")


def find_csv_tables(path: Path) -> list[Path]:
    """Return the CSV files with this header in a folder, sorted; or the file given."""
    if path.is_file():
        return [path]
    return [file for file in files_below(path, {".csv"}) if is_tf_csv(file)]


def is_tf_csv(path: Path) -> bool:
    """Whether a file's first line names the columns, in any order."""
    first = head_of(path, 4096).decode().partition("\n")[0]
    header = {cell.strip().strip('"').lower() for cell in first.split(",")}
    return path.suffix.lower() == ".csv" and set(COLUMNS) <= header


def read_tf_csv(path: Path, *, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or its one CSV file; what is wrong becomes problems of the result."""
    collector = Collector(progress)
    folder = root_of(path, labels_in=("annotations", "labels", "data"))
    lookup = PictureLookup(folder, collector.doubt)
    for table in find_csv_tables(path):
        _read_table(table, split_in(table.stem) or split_of_path(table, folder), lookup, collector)
    if path.is_dir():
        for picture in lookup.pictures:
            if not collector.known(picture) and (opened := collector.open(picture)):
                collector.note(picture, "unlabelled_picture", "is named in no row; read as a picture without objects")
                collector.add(opened, (), split=split_of_path(picture, folder), labels=picture)
    return collector.dataset(read_class_list(folder))


def write_tf_csv(dataset: Dataset, output: OutputFolder) -> None:
    """Write a data set with the pictures that ``output`` places."""
    rows: dict[Split | None, list[tuple[str, ...]]] = {}
    for image, place in output.place(dataset, images_folder):
        output.note_ignored(image, "CSV")
        part = rows.setdefault(image.split, [])
        for box in image.boxes:
            corners = (number(value) for value in box.box_xyxy_px)
            part.append((place.name, str(image.width_px), str(image.height_px), dataset.names[box.class_id], *corners))
    for split in (None, *SPLITS):
        if split in rows:
            target = output.folder / (f"{split}_labels.csv" if split else "labels.csv")
            with target.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows((COLUMNS, *rows[split]))
    output.write_classes(dataset.names)


def _read_table(table: Path, split: Split | None, lookup: PictureLookup, collector: Collector) -> None:
    boxes: defaultdict[str, list[MarkedBox]] = defaultdict(list)
    sizes: dict[str, tuple[int, int]] = {}
    try:
        reader = csv.DictReader(io.StringIO(read_text(table, limit=MAX_TABLE_BYTES)))
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        for row in reader:
            _read_row(row, f"row {reader.line_num}", table, boxes, sizes, collector)
    except UnreadableError as error:
        collector.note(table, "broken_labels", f"{error}; left out")
    except csv.Error as error:
        collector.note(table, "broken_labels", f"is not valid CSV ({error}); the rows after that were left out")
    for done, (name, marked) in enumerate(boxes.items()):
        collector.progress(done, len(boxes))
        path = lookup.find(name, labels=table, split=split)
        if collector.taken_before(path, split):
            continue
        if (picture := collector.open(path, labels=table)) is not None:
            collector.add(picture, marked, split=split, labels=table, declared_size_px=sizes.get(name))


def _read_row(
    row: dict[str, str],
    where: str,
    table: Path,
    boxes: dict[str, list[MarkedBox]],
    sizes: dict[str, tuple[int, int]],
    collector: Collector,
) -> None:
    name, class_name = (row.get("filename") or "").strip(), (row.get("class") or "").strip()
    if not name:
        collector.note(table, "missing_picture", f"{where} names no picture; left out")
        return
    marked = boxes.setdefault(name, [])
    if not class_name:
        collector.note(table, "bad_class", f"{where} ({short(name)}) has no class; left out")
        return
    try:
        left, top, right, bottom = (float(row[key] or "") for key in ("xmin", "ymin", "xmax", "ymax"))
    except (TypeError, ValueError, KeyError):
        collector.note(table, "bad_box", f"{where} ({short(name)}) has no four numbers for its box; left out")
        return
    width, height = (row.get("width") or "").strip(), (row.get("height") or "").strip()
    if all(side.isascii() and side.isdigit() and len(side) < 9 for side in (width, height)):
        sizes[name] = (int(width), int(height))
    marked.append(MarkedBox(class_name, (left, top, right, bottom)))
