"""Pictures in a folder for each class, as torchvision's ImageFolder and ultralytics have them.

Either ``CLASS/picture`` or ``train/CLASS/picture``, ``val/CLASS/picture`` and so on. Classes are sorted by name.
"""

from __future__ import annotations

from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Problem, Split
from streamvision.datasets.folders import split_named
from streamvision.datasets.picture_file import find_pictures
from streamvision.datasets.picture_sets import NamedPicture, NamedPictures


def read_class_folders(folder: Path) -> NamedPictures:
    """Read pictures whose folder is their class; those outside of such a folder become problems.

    Raises:
        ConfigError: when there is no such folder, or no picture in a folder of a class.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder at {folder}; give one with a folder of pictures for each class")
    found: list[tuple[Path, str, Split | None]] = []
    problems: list[Problem] = []
    for path in find_pictures(folder):
        parts = path.relative_to(folder).parts[:-1]
        split = split_named(parts[0]) if parts else None
        inner = parts[1:] if split else parts
        if inner:
            found.append((path, inner[0], split))
        else:
            problems.append(Problem(path, "lies in no folder of a class; left out", "unlabelled_picture"))
    if not found:
        raise ConfigError(f"{folder} has no pictures in folders of classes; give CLASS/picture or val/CLASS/picture")
    names = tuple(sorted({name for _, name, _ in found}))
    ids = {name: class_id for class_id, name in enumerate(names)}
    images = tuple(NamedPicture(path, ids[name], split) for path, name, split in found)
    return NamedPictures(names, images, tuple(problems))
