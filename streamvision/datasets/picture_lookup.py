"""Finds the picture that a table of labels names, wherever its set keeps pictures."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from streamvision.datasets.dataset import Split
from streamvision.datasets.picture_file import find_pictures

_FOLDERS = ("", "images", "JPEGImages", "data", "imgs", "img")


class PictureLookup:
    """Finds pictures by the names that COCO and CSV files give them.

    Args:
        folder: the data set.
    """

    def __init__(self, folder: Path) -> None:
        self.pictures = find_pictures(folder)
        """All pictures of the set, sorted."""
        self._folder = folder
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for path in self.pictures:
            self._by_name[path.name].append(path)

    def find(self, name: str, *, labels: Path, split: Split | None) -> Path:
        """Return the picture of that name; one that is not there is returned as the likeliest place.

        A name with folders is taken at its word first. Among several pictures of one name, the one nearest to the
        label file, in a folder named like its split, wins.
        """
        name = name.replace("\\", "/")
        for base in (labels.parent, self._folder, *(self._folder / place for place in _FOLDERS)):
            if (path := base / name).is_file():
                return path
        candidates = self._by_name.get(name.rsplit("/", 1)[-1], [])
        if not candidates:
            return labels.parent / name
        words = {word for word in (split, _last_word(labels.stem), labels.stem) if word}
        return max(candidates, key=lambda path: (bool(words & set(path.parts)), -len(path.parts)))


def _last_word(stem: str) -> str:
    """Return ``val2017`` of ``instances_val2017``, which is how COCO calls its folder."""
    return stem.rsplit("_", 1)[-1]
