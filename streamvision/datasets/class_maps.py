"""Pictures with maps of classes: ``images/`` beside ``masks/``, a PNG for each picture whose levels are class ids.

Palette PNGs (Pascal VOC, https://host.robots.ox.ac.uk/pascal/VOC/voc2012/) are read by their indices. The level 255
means that nobody says what is there. Splits are folders below either of the two. Class names come from a text file
(``classes.txt``), a line each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, SourceError
from streamvision.datasets.dataset import Problem
from streamvision.datasets.folders import files_below, read_class_list, split_of_path
from streamvision.datasets.picture_file import BrokenPictureError, decode, find_pictures, open_image
from streamvision.datasets.picture_sets import MappedPicture, MappedPictures

MAP_FOLDERS = ("masks", "labels", "annotations", "SegmentationClass")
PICTURE_FOLDERS = ("images", "JPEGImages")
UNKNOWN = 255
"""Level of pixels that count neither way."""


def read_class_maps(folder: Path) -> MappedPictures:
    """Read pictures and where their maps are; what has no partner becomes a problem.

    Raises:
        ConfigError: when the two folders are not there, or no picture has a map.
    """
    maps_in = next((folder / name for name in MAP_FOLDERS if (folder / name).is_dir()), None)
    pictures_in = next((folder / name for name in PICTURE_FOLDERS if (folder / name).is_dir()), None)
    if maps_in is None or pictures_in is None:
        raise ConfigError(
            f"{folder} has no maps of classes; give a folder with {PICTURE_FOLDERS[0]}/ and {MAP_FOLDERS[0]}/, a PNG "
            "with class ids as levels for each picture"
        )
    maps = {_key(path, maps_in): path for path in files_below(maps_in, {".png"})}
    images, problems = [], []
    for path in find_pictures(pictures_in):
        if (map_path := maps.pop(_key(path, pictures_in), None)) is None:
            problems.append(Problem(path, "has no map of its classes; left out", "unlabelled_picture"))
        else:
            images.append(MappedPicture(path, map_path, split_of_path(path, folder)))
    problems += [Problem(path, "has no picture; left out", "missing_picture") for path in maps.values()]
    if not images:
        raise ConfigError(f"no picture in {pictures_in} has a map of the same name in {maps_in}; give both")
    return MappedPictures(tuple(read_class_list(folder)) or None, tuple(images), tuple(problems))


def read_class_map(path: Path) -> NDArray[np.uint8]:
    """Return (H, W) the class id of each pixel, :data:`UNKNOWN` where nobody says.

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


def _key(path: Path, below: Path) -> Path:
    return path.relative_to(below).with_suffix("")
