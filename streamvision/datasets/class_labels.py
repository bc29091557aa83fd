"""Pictures labelled without boxes: a class for each picture, or a class for each pixel.

- A folder for each class, as torchvision's ImageFolder and ultralytics have them: ``CLASS/picture``, or
  ``train/CLASS/picture``, ``val/CLASS/picture`` and so on. Classes are sorted by name.
- Maps of classes: ``images/`` beside ``masks/``, a PNG for each picture whose levels are class ids. Palette PNGs
  (Pascal VOC, https://host.robots.ox.ac.uk/pascal/VOC/voc2012/) are read by their indices. The level 255 means that
  the class is not known. Splits are folders below either of the two. ``classes.txt`` names the classes, one a line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, SourceError
from streamvision.datasets.dataset import MappedPicture, MappedPictures, NamedPicture, NamedPictures, Problem, Split
from streamvision.datasets.files import (
    class_name,
    files_below,
    find_class_list,
    find_pictures,
    split_named,
    split_of_path,
)
from streamvision.datasets.picture_files import BrokenPictureError, decode, open_image
from streamvision.datasets.problems import Problems

MAP_FOLDERS = ("masks", "labels", "annotations", "SegmentationClass")
PICTURE_FOLDERS = ("images", "JPEGImages")
UNKNOWN = 255
"""Level of pixels whose class the map does not say; they count neither way."""


def read_class_folders(folder: Path) -> NamedPictures:
    """Read pictures whose folder is their class; those outside of such a folder become problems.

    Raises:
        ConfigError: when there is no such folder, or no picture in a folder of a class.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder at {folder}; give one with a folder of pictures for each class")
    found: list[tuple[Path, str, Split | None]] = []
    problems = Problems()
    for path in find_pictures(folder):
        parts = path.relative_to(folder).parts[:-1]
        split = split_named(parts[0]) if parts else None
        inner = parts[1:] if split else parts
        if inner:
            found.append((path, class_name(inner[0]), split))
        else:
            problems.append(Problem(path, "lies in no folder of a class; left out", "unlabelled_picture"))
    if not found:
        raise ConfigError(f"{folder} has no pictures in folders of classes; give CLASS/picture or val/CLASS/picture")
    names = tuple(sorted({name for _, name, _ in found}))
    ids = {name: class_id for class_id, name in enumerate(names)}
    images = tuple(NamedPicture(path, ids[name], split) for path, name, split in found)
    return NamedPictures(names, images, tuple(problems))


def read_class_maps(folder: Path) -> MappedPictures:
    """Read pictures and where their maps are; what has no partner becomes a problem.

    Raises:
        ConfigError: when the two folders are not there, no picture has a map, or two levels have one name.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder at {folder}; give one with {PICTURE_FOLDERS[0]}/ and {MAP_FOLDERS[0]}/")
    maps_in = next((folder / name for name in MAP_FOLDERS if (folder / name).is_dir()), None)
    pictures_in = next((folder / name for name in PICTURE_FOLDERS if (folder / name).is_dir()), None)
    if maps_in is None or pictures_in is None:
        raise ConfigError(
            f"{folder} has no maps of classes; give a folder with {PICTURE_FOLDERS[0]}/ and {MAP_FOLDERS[0]}/, a PNG "
            "with class ids as levels for each picture"
        )
    maps = {_key(path, maps_in): path for path in files_below(maps_in, {".png"})}
    images, problems = [], Problems()
    for path in find_pictures(pictures_in):
        if (map_path := maps.pop(_key(path, pictures_in), None)) is None:
            problems.append(Problem(path, "has no map of its classes; left out", "unlabelled_picture"))
        else:
            images.append(MappedPicture(path, map_path, split_of_path(path, folder)))
    problems.extend(Problem(path, "has no picture; left out", "missing_picture") for path in maps.values())
    if not images:
        raise ConfigError(f"no picture in {pictures_in} has a map of the same name in {maps_in}; give both")
    if (listed := find_class_list(folder)) is None:
        return MappedPictures((), tuple(images), tuple(problems))
    if same := next(listed.repeated(), None):
        levels = " and ".join(map(str, same[1][:2]))
        raise ConfigError(f"{listed.path} calls the levels {levels} both {same[0]}; give each level a name of its own")
    problems.extend(Problem(listed.path, remark) for remark in listed.remarks())
    return MappedPictures(tuple(listed.names), tuple(images), tuple(problems))


def read_class_map(path: Path) -> NDArray[np.uint8]:
    """Return (H, W) the class id of each pixel, :data:`UNKNOWN` where the map does not say it.

    Raises:
        SourceError: when the file cannot be read, or holds colours instead of class ids.
    """
    try:
        with open_image(path) as image:
            decode(image)
            if image.mode not in ("L", "P", "1"):
                raise SourceError(
                    f"{path} holds colours ({image.mode}); give a PNG whose grey levels or indices are class ids"
                )
            return np.array(image, np.uint8)
    except (BrokenPictureError, OSError) as error:
        raise SourceError(f"{path} {error}; give a PNG whose levels are class ids") from error


def has_palette(path: Path) -> bool:
    """Say whether a map that :func:`read_class_map` reads holds indices of colours, or bits.

    Raises:
        SourceError: when the file cannot be read.
    """
    try:
        with open_image(path) as image:
            return bool(image.mode != "L")
    except (BrokenPictureError, OSError) as error:
        raise SourceError(f"{path} {error}; give a PNG whose levels are class ids") from error


def _key(path: Path, below: Path) -> Path:
    return path.relative_to(below).with_suffix("")
