"""The table of formats: which of them a data set is in, and reading and writing any of them.

Each format is known by a mark that no other has: the outermost element of an XML file, the shape of a JSON file, a
``data.yaml`` or the first line of a text file, the header of a CSV file, a TFRecord file. A folder with the marks of
several, or of none, is refused by naming what is in it. An empty text file, which is a YOLO label of a picture that
shows nothing, is a mark only where there is no other.

The readers are our own; docs/datasets.md says what datumaro was found to do on the same sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.core.redaction import redact_outside
from streamvision.core.words import counted
from streamvision.datasets.coco_json import find_tables, is_coco, read_coco, write_coco
from streamvision.datasets.collection_files import is_collection
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.createml_json import find_createml, is_createml, read_createml
from streamvision.datasets.cvat_xml import find_cvat, is_cvat, read_cvat
from streamvision.datasets.dataset import Dataset, DatasetFormat, Problem
from streamvision.datasets.files import PICTURE_SUFFIXES, files_below, head_of, links_passed_over
from streamvision.datasets.kitti_txt import find_kitti, is_kitti, read_kitti
from streamvision.datasets.labelme_json import find_labelme, is_labelme, read_labelme
from streamvision.datasets.open_images_csv import COLUMNS as ID_COLUMNS
from streamvision.datasets.open_images_csv import find_open_images, is_open_images, read_open_images
from streamvision.datasets.pascal_voc import find_annotations, is_annotation, read_voc, write_voc
from streamvision.datasets.problems import EVERY_PICTURE, Problems, number_of
from streamvision.datasets.record_file import is_record_file
from streamvision.datasets.skipped import skipped_links, skipped_pictures
from streamvision.datasets.tf_csv import COLUMNS, find_csv_tables, is_tf_csv, read_tf_csv, write_tf_csv
from streamvision.datasets.tf_record import find_record_files, read_tf_record, write_tf_record
from streamvision.datasets.writing import CopyOrLink, OutputFolder, check_sources_outside
from streamvision.datasets.yolo_txt import find_yolo, is_yolo, read_yolo, write_yolo


@dataclass(frozen=True)
class Format:
    """A format of labelled pictures."""

    title: str
    """Its name for people."""
    looks_like: str
    """What its files are, for messages."""
    find: Callable[[Path], list[Path]]
    """Returns the files of a folder, or the one file given, that may hold its labels."""
    matches: Callable[[Path], bool]
    """Says whether the beginning of such a file has the format's mark."""
    read: Callable[..., Dataset]
    """Reads a folder or its one file; takes ``progress``, and ``shapes`` where the format has them."""
    write: Callable[[Dataset, OutputFolder], None] | None = None
    """Writes a data set; ``None`` where a format is only read."""
    has_shapes: bool = False
    """Whether it can say outlines and keypoints."""
    has_crowds: bool = False
    """Whether it can be written with objects that are ignored."""


FORMATS: dict[DatasetFormat, Format] = {
    "voc": Format(
        "Pascal VOC", "XML annotations", find_annotations, is_annotation, read_voc, write_voc, has_crowds=True
    ),
    "coco": Format("COCO JSON", "JSON", find_tables, is_coco, read_coco, write_coco, has_shapes=True, has_crowds=True),
    "yolo": Format("YOLO", "data.yaml or labels/*.txt", find_yolo, is_yolo, read_yolo, write_yolo, has_shapes=True),
    "tfcsv": Format(
        "TensorFlow CSV", f"CSV with {','.join(COLUMNS)}", find_csv_tables, is_tf_csv, read_tf_csv, write_tf_csv
    ),
    "tfrecord": Format(
        "TFRecord",
        "*.tfrecord, *.record",
        find_record_files,
        is_record_file,
        read_tf_record,
        write_tf_record,
        has_crowds=True,
    ),
    "cvat": Format("CVAT XML", "XML of images or tracks", find_cvat, is_cvat, read_cvat, has_shapes=True),
    "labelme": Format("labelme", "JSON of shapes", find_labelme, is_labelme, read_labelme, has_shapes=True),
    "createml": Format("Create ML", "JSON list of coordinates", find_createml, is_createml, read_createml),
    "kitti": Format("KITTI", "label_2/*.txt", find_kitti, is_kitti, read_kitti),
    "openimages": Format(
        "Open Images", f"CSV with {','.join(ID_COLUMNS)}", find_open_images, is_open_images, read_open_images
    ),
}
"""By the name that ``--format`` takes; a new format is a file and a line here."""

WRITABLE: tuple[DatasetFormat, ...] = tuple(name for name, format in FORMATS.items() if format.write)
"""Formats that are written, too."""

_BLANK_BYTES = 4096
"""A file is blank where so many of its first bytes are."""
_PATH_SHOWN = 500
_SNIFFED = 5
"""Files of a kind that are looked into; one of the right shape is enough."""


def read_dataset(
    folder: Path,
    *,
    format: DatasetFormat | None = None,
    option: str = "--format",
    shapes: bool = False,
    progress: Progress = no_progress,
) -> Dataset:
    """Read labelled pictures.

    Args:
        folder: the data set's folder, or its one file (``data.yaml``, ``.json``, ``.csv``, ``.tfrecord``).
        format: its format; recognised by the files by default.
        option: what ``format`` is given with, for the message where the files leave it open.
        shapes: read outlines and keypoints too, where the format has them.
        progress: called with how far reading has come.

    Raises:
        ConfigError: when there is no such folder, when its format is unknown or not clear, or when no picture in it
            can be read.
        MissingDependencyError: when Pillow is not installed.
    """
    chosen = format or detect_format(folder, option=option)
    if not folder.exists():
        raise ConfigError(f"there is no data set at {folder}; give an existing folder")
    if shapes and not _known(chosen).has_shapes:
        shaped = " or ".join(name for name, one in FORMATS.items() if one.has_shapes)
        raise ConfigError(f"{folder} is {chosen}, which marks boxes alone; give outlines or keypoints as {shaped}")
    dataset = _known(chosen).read(folder, progress=progress, **({"shapes": True} if shapes else {}))
    if folder.is_dir():
        skipped = skipped_pictures(folder, (image.path for image in dataset.images))
        problems = Problems(chain(skipped_links(folder), skipped, dataset.problems), whole=EVERY_PICTURE)
        dataset = Dataset(dataset.names, dataset.images, tuple(problems))
    if not dataset.images:
        count = number_of(dataset.problems)
        problem = next(iter(dataset.problems), None)
        first = f": {_in_words(problem.path)} {problem.reason}" if problem else ""
        more = f"; and {count - 1:,} problems more" if count > 1 else ""
        what = "mend these, or give a folder that has both pictures and labels in this format"
        raise ConfigError(f"no labelled picture could be read from {folder} as {chosen}{first}{more}; {what}")
    return dataset


def write_dataset(
    dataset: Dataset,
    folder: Path,
    *,
    format: DatasetFormat,
    pictures: CopyOrLink = "copy",
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
        progress: called for every picture.

    Raises:
        ConfigError: when the folder holds the pictures that are to be written, or the format is only read.
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    chosen = _known(format)
    if chosen.write is None:
        raise ConfigError(f"{chosen.title} is read and not written; write one of {', '.join(WRITABLE)}")
    check_sources_outside(dataset, folder)
    output = OutputFolder(folder, pictures=pictures, force=force, progress=progress)
    chosen.write(_with_ignored(dataset, chosen, output), output)
    return tuple(output.problems)


def _in_words(path: Path) -> str:
    """Return a path for a message, however long and on however many lines a list of pictures writes it."""
    text = " ".join(redact_outside(str(path)).split())
    return text if len(text) <= _PATH_SHOWN else f"{text[:_PATH_SHOWN]}..."


def detect_format(folder: Path, *, option: str = "--format") -> DatasetFormat:
    """Return the format of a data set.

    Raises:
        ConfigError: when there is no such folder, or its files have the mark of no format or of several.
    """
    return the_one_format(folder, find_marks(folder), option=option)


def find_marks(folder: Path) -> dict[DatasetFormat, Path]:
    """Return the formats that a folder has the mark of, each with the file that shows it.

    Raises:
        ConfigError: when there is no such folder.
    """
    if not folder.exists():
        raise ConfigError(f"there is no data set at {folder}; give an existing folder")
    if is_collection(folder):  # its COCO says the same
        return {"yolo": folder / "data.yaml"}
    marks = {
        name: path
        for name, format in FORMATS.items()
        if (path := next((path for path in format.find(folder)[:_SNIFFED] if format.matches(path)), None))
    }
    return {name: path for name, path in marks.items() if head_of(path, _BLANK_BYTES).strip()} or marks


def the_one_format(folder: Path, marks: Mapping[DatasetFormat, Path], *, option: str, more: str = "") -> DatasetFormat:
    """Return the format of a folder with these marks; ``more`` names what is accepted beside the formats.

    Raises:
        ConfigError: when there are marks of no format or of several.
    """
    if len(marks) == 1:
        return next(iter(marks))
    if marks:
        seen = " and ".join(f"{name} ({mark.relative_to(folder)})" for name, mark in marks.items())
        raise ConfigError(f"{folder} looks like {seen}; say which with {option}")
    if folder.suffix.lower() in PICTURE_SUFFIXES and folder.is_file():
        raise ConfigError(f"{folder} is one picture, and a data set is asked for; give the folder of its labels")
    accepted = f"{_accepted()}{more}"
    raise ConfigError(f"{folder} holds {_contents(folder)}, which is no known data set; accepted are {accepted}")


def _with_ignored(dataset: Dataset, format: Format, output: OutputFolder) -> Dataset:
    """Return a data set without ignored regions: as crowds of each class, or noted where a format knows no crowds."""
    for image in () if format.has_crowds else dataset.images:
        if regions := len(image.ignored_xyxy_px):
            reason = f"has {counted(regions, 'ignored regions')}, which {format.title} cannot say; left out"
            output.problems.append(Problem(image.path, reason, "other"))
    class_ids = range(len(dataset.names) if format.has_crowds else 0)
    images = tuple(image.with_ignored_boxes(class_ids) for image in dataset.images)
    return Dataset(dataset.names, images, dataset.problems)


def _known(name: DatasetFormat) -> Format:
    if name not in FORMATS:
        raise ConfigError(f"{name!r} is not a format of data sets; give {', '.join(FORMATS)}")
    return FORMATS[name]


def _accepted() -> str:
    return ", ".join(f"{name} ({format.looks_like})" for name, format in FORMATS.items())


def _contents(folder: Path) -> str:
    if folder.is_file():
        return "neither labels nor a table of them"
    kinds = Counter(path.suffix.lower() or "no ending" for path in files_below(folder, {""}))
    links = len(links_passed_over(folder))
    passed_over = f" ({counted(links, 'links')} out of it not followed)" if links else ""
    if not kinds:
        return f"no files{passed_over}"
    shown = ", ".join(
        f"{count} files with {kind}" if kind == "no ending" else f"{count} {kind}"
        for kind, count in kinds.most_common(5)
    )
    return f"{shown}{'' if kinds.keys() - PICTURE_SUFFIXES else ' and no labels'}{passed_over}"
