"""Names that data sets use for their parts, folders and class lists."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from streamvision.datasets.dataset import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")

_SPLIT_WORDS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
_CLASS_LISTS = ("classes.txt", "labels.txt", "obj.names", "names.txt")


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return all files in a folder and those below whose names end so, in lower case; sorted.

    Links to folders are followed, each folder once; hidden files and folders are passed over.
    """
    found, visited = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        visited.add(Path(place).resolve())
        folders[:] = [name for name in folders if name[0] != "." and Path(place, name).resolve() not in visited]
        found += [Path(place, name) for name in files if name[0] != "." and name.lower().endswith(tuple(suffixes))]
    return sorted(found)


def head_of(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, to see what it is; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def split_named(name: str) -> Split | None:
    """Return the split that a word means, such as ``valid``."""
    return _SPLIT_WORDS.get(name.lower())


def split_in(text: str) -> Split | None:
    """Return the split that a file or folder name speaks of, such as ``instances_val2017``."""
    letters = "".join(letter if letter.isalpha() else " " for letter in text)
    return next((split for word in letters.split() if (split := split_named(word))), None)


def split_of_path(path: Path, below: Path) -> Split | None:
    """Return the split that the folders between ``below`` and a file speak of, the innermost first."""
    if not path.is_relative_to(below):
        return None
    folders = path.relative_to(below).parts[:-1]
    return next((split for part in reversed(folders) if (split := split_in(part))), None)


def read_class_list(folder: Path, *, below: Sequence[str] = ("", "labels", "annotations", "Annotations")) -> list[str]:
    """Return the class names that a text file beside the labels lists, one a line; none where there is none."""
    for place in below:
        for name in _CLASS_LISTS:
            path = folder / place / name
            if path.is_file():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    return []


def root_of(path: Path, *, labels_in: Sequence[str] = ()) -> Path:
    """Return a data set's folder: the path itself, or for a file the folder that it lies in.

    Where that folder is named as in ``labels_in``, it holds labels only and the set is one level up.
    """
    if path.is_dir():
        return path
    return path.parent.parent if path.parent.name in labels_in else path.parent
