"""Tells the formats apart and reads and writes any of them.

Each format is known by a mark that no other has: an ``<annotation>`` in an XML file, a JSON file of COCO's shape, a
``data.yaml`` or text files of classes and numbers, a CSV file with TensorFlow's header, a TFRecord file. A folder
with marks of more than one, or of none, is refused with what was seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from streamvision.core.errors import ConfigError
from streamvision.datasets.coco_json import find_tables, is_coco, read_coco, write_coco
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import Dataset, DatasetFormat, Problem
from streamvision.datasets.folders import files_below
from streamvision.datasets.pascal_voc import find_annotations, is_annotation, read_voc, write_voc
from streamvision.datasets.placing import Placer, Placing, check_sources_outside
from streamvision.datasets.record_file import is_record_file
from streamvision.datasets.tf_csv import find_csv_tables, is_tf_csv, read_tf_csv, write_tf_csv
from streamvision.datasets.tf_record import find_record_files, read_tf_record, write_tf_record
from streamvision.datasets.yolo_txt import find_labels, find_yaml, is_label, read_yolo, write_yolo

FORMATS: tuple[DatasetFormat, ...] = get_args(DatasetFormat)

SHAPED: tuple[DatasetFormat, ...] = ("coco", "yolo")
"""Formats that can say outlines and keypoints."""

ACCEPTED = (
    "voc (XML annotations), coco (JSON), yolo (data.yaml or labels/*.txt), "
    "tfcsv (CSV with filename,width,height,class,xmin,ymin,xmax,ymax) or tfrecord (*.tfrecord, *.record)"
)

_READERS: dict[DatasetFormat, Callable[..., Dataset]] = {
    "voc": read_voc,
    "coco": read_coco,
    "yolo": read_yolo,
    "tfcsv": read_tf_csv,
    "tfrecord": read_tf_record,
}
_WRITERS: dict[DatasetFormat, Callable[[Dataset, Placer], None]] = {
    "voc": write_voc,
    "coco": write_coco,
    "yolo": write_yolo,
    "tfcsv": write_tf_csv,
    "tfrecord": write_tf_record,
}

_SNIFFED = 5
"""Files of a kind that are looked into; one of the right shape is enough."""


def read_dataset(
    folder: Path,
    *,
    format: DatasetFormat | None = None,
    shapes: bool = False,
    progress: Progress = no_progress,
) -> Dataset:
    """Read labelled pictures.

    Args:
        folder: the data set's folder, or its one file (``data.yaml``, ``.json``, ``.csv``, ``.tfrecord``).
        format: its format; told from the files by default.
        shapes: read outlines and keypoints too, where the format has them (YOLO, COCO).
        progress: told how far reading has come.

    Raises:
        ConfigError: when there is no such folder, when its format is unknown or not clear, or when no picture in it
            can be read.
        MissingDependencyError: when Pillow is not installed.
    """
    chosen = format or detect_format(folder)
    if not folder.exists():
        raise ConfigError(f"there is no data set at {folder}; give an existing folder")
    if shapes and chosen not in SHAPED:
        raise ConfigError(
            f"{folder} is {chosen}, which marks boxes alone; give outlines or keypoints as {' or '.join(SHAPED)}"
        )
    dataset = _READERS[chosen](folder, progress=progress, **({"shapes": True} if shapes else {}))
    if not dataset.images:
        first = f": {dataset.problems[0].path} {dataset.problems[0].reason}" if dataset.problems else ""
        raise ConfigError(f"no labelled picture could be read from {folder} as {chosen}{first}")
    return dataset


def write_dataset(
    dataset: Dataset,
    folder: Path,
    *,
    format: DatasetFormat,
    pictures: Placing = "copy",
    force: bool = False,
    progress: Progress = no_progress,
) -> tuple[Problem, ...]:
    """Write labelled pictures with their splits, and return what could not be written as it was.

    Args:
        dataset: what to write.
        folder: where to; must be empty or absent.
        format: how.
        pictures: copy them, or make symbolic links to where they lie (TFRecord embeds them either way).
        force: replace the folder when there is something in it.
        progress: told about every picture.

    Raises:
        ConfigError: when the folder holds the pictures that are to be written.
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    check_sources_outside(dataset, folder)
    placer = Placer(folder, pictures=pictures, force=force, progress=progress)
    _WRITERS[format](dataset, placer)
    return tuple(placer.problems)


def detect_format(folder: Path) -> DatasetFormat:
    """Return the format of a data set.

    Raises:
        ConfigError: when there is no such folder, or its files speak for no format or for more than one.
    """
    if not folder.exists():
        raise ConfigError(f"there is no data set at {folder}; give an existing folder")
    marks = dict(_marks(folder))
    if len(marks) == 1:
        return next(iter(marks))
    if marks:
        seen = " and ".join(f"{name} ({mark.relative_to(folder)})" for name, mark in marks.items())
        raise ConfigError(f"{folder} looks like {seen}; say which with --format")
    raise ConfigError(f"{folder} holds {_contents(folder)}, which is no known data set; accepted are {ACCEPTED}")


def _marks(path: Path) -> Iterator[tuple[DatasetFormat, Path]]:
    if found := next((p for p in find_annotations(path)[:_SNIFFED] if is_annotation(p)), None):
        yield "voc", found
    if found := next((p for p in find_tables(path)[:_SNIFFED] if is_coco(p)), None):
        yield "coco", found
    if found := find_yaml(path) or next((p for p in find_labels(path)[:_SNIFFED] if is_label(p)), None):
        yield "yolo", found
    if found := next((p for p in find_csv_tables(path)[:_SNIFFED] if is_tf_csv(p)), None):
        yield "tfcsv", found
    if found := next((p for p in find_record_files(path)[:_SNIFFED] if is_record_file(p)), None):
        yield "tfrecord", found


def _contents(folder: Path) -> str:
    if folder.is_file():
        return "neither labels nor a table of them"
    kinds = Counter(path.suffix.lower() or "no ending" for path in files_below(folder, {""}))
    if not kinds:
        return "no files"
    return ", ".join(
        f"{count} files with {kind}" if kind == "no ending" else f"{count} {kind}"
        for kind, count in kinds.most_common(5)
    )
