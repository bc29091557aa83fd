"""Folders of pictures for each class and with maps of classes: told from the formats with boxes, and written."""

from __future__ import annotations

from pathlib import Path

from streamvision.datasets.class_csv import is_class_table
from streamvision.datasets.class_labels import MAP_FOLDERS, PICTURE_FOLDERS
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import (
    DatasetFormat,
    MappedPictures,
    NamedPicture,
    NamedPictures,
    Problem,
)
from streamvision.datasets.files import PICTURE_SUFFIXES, files_below, find_pictures, split_named
from streamvision.datasets.formats import find_marks, the_one_format
from streamvision.datasets.writing import CopyOrLink, OutputFolder, check_sources_outside, images_folder

CLASSES, MASKS = "classes", "masks"
LABEL_TITLES = {CLASSES: "a folder for each class", MASKS: "maps of classes"}
"""Their names for people, by the name that ``--format`` takes."""

_NO_CLASSES = frozenset({*MAP_FOLDERS, *PICTURE_FOLDERS, "data", "imgs", "img", "image", "pictures", "photos"})
"""Folders that are named after what is in them, not after a class."""
_TEXTS = (".txt", ".md", ".names", ".rst", ".yaml", ".yml")
"""Endings of files that may lie beside folders of classes."""


def detect_labels(folder: Path) -> DatasetFormat:
    """Return the format of a data set with boxes, or :data:`CLASSES` or :data:`MASKS`.

    Raises:
        ConfigError: when there is no such folder, or its files have the mark of no format or of several.
    """
    marks = find_marks(folder)
    if (map_path := _first_map(folder)) is not None:
        marks[MASKS] = map_path
    if not marks and (found := folder if is_class_table(folder) else _first_of_a_class(folder)) is not None:
        marks[CLASSES] = found
    more = f", {CLASSES} (CLASS/picture), {MASKS} (images/ and masks/*.png)"
    return the_one_format(folder, marks, option="--format", more=more)


def write_class_folders(
    pictures: NamedPictures,
    folder: Path,
    *,
    placing: CopyOrLink = "copy",
    force: bool = False,
    progress: Progress = no_progress,
) -> tuple[Problem, ...]:
    """Write ``SPLIT/CLASS/picture`` and return what could not be written as it was.

    Raises:
        ConfigError: when the folder holds the pictures that are to be written.
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    check_sources_outside(pictures, folder)
    output = OutputFolder(folder, pictures=placing, force=force, progress=progress)

    def folder_of(image: NamedPicture) -> str:
        return "/".join(filter(None, (image.split, pictures.names[image.class_id])))

    for _ in output.place(pictures, folder_of):
        pass
    return tuple(output.problems)


def write_class_maps(
    pictures: MappedPictures,
    folder: Path,
    *,
    placing: CopyOrLink = "copy",
    force: bool = False,
    progress: Progress = no_progress,
) -> tuple[Problem, ...]:
    """Write ``images/SPLIT/``, ``masks/SPLIT/`` and, where classes have names, ``classes.txt``.

    Raises:
        ConfigError: when the folder holds the pictures that are to be written.
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    check_sources_outside(pictures, folder)
    output = OutputFolder(folder, pictures=placing, force=force, progress=progress)
    for image, place in output.place(pictures, images_folder, unique_stems=True):
        output.put(image.map_path, _map_place(place))
    if pictures.names:
        output.write_classes(pictures.names)
    return tuple(output.problems)


def _map_place(place: Path) -> Path:
    return Path(MAP_FOLDERS[0], *place.parts[1:]).with_suffix(".png")


def _first_map(folder: Path) -> Path | None:
    """Return the first PNG that has the name of a picture and lies where maps do."""
    maps_in, pictures_in = (
        next((folder / name for name in names if (folder / name).is_dir()), None)
        for names in (MAP_FOLDERS, PICTURE_FOLDERS)
    )
    if maps_in is None or pictures_in is None:
        return None
    keys = {path.relative_to(pictures_in).with_suffix("") for path in find_pictures(pictures_in)}
    maps = files_below(maps_in, {".png"})
    return next((path for path in maps if path.relative_to(maps_in).with_suffix("") in keys), None)


def _first_of_a_class(folder: Path) -> Path | None:
    """Return a picture of a folder that has pictures in two folders of classes or more, and nothing else but texts."""
    if not folder.is_dir():
        return None
    classes: dict[str, Path] = {}
    for path in files_below(folder, {""}):
        parts = path.relative_to(folder).parts[:-1]
        inner = parts[1:] if parts and split_named(parts[0]) else parts
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            if path.suffix.lower() not in _TEXTS:
                return None
        elif inner:
            classes.setdefault(inner[0], path)
    if len(classes) < 2 or _NO_CLASSES & {name.lower() for name in classes}:
        return None
    return next(iter(classes.values()))
