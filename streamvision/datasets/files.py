"""Files of a data set: found by their endings, sorted into splits by their names, and the pictures among them read.

Sizes of pictures are those that viewers show, the EXIF orientation applied, since that is how OpenCV and the training
libraries load them; they are read without decoding the pixels.
"""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamvision.core.errors import MissingDependencyError
from streamvision.datasets.dataset import Split

if TYPE_CHECKING:
    from PIL.Image import Image

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
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

_EXIF_ORIENTATION = 0x0112
_JPEG_END = b"\xff\xd9"
_FOLDERS = ("", "images", "JPEGImages", "data", "imgs", "img")


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


def files_marked(path: Path, suffixes: Collection[str], is_marked: Callable[[Path], bool]) -> list[Path]:
    """Return the file given, or the files of a folder with such endings and the mark of a format.

    Where none has the mark, all of these endings are returned, so that the reader can say what is wrong with them.
    """
    if path.is_file():
        return [path]
    found = files_below(path, suffixes)
    return [file for file in found if is_marked(file)] or found


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
    """Return the class names that a text file beside the labels lists, one a line; without such a file none."""
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


class BrokenPictureError(ValueError):
    """A file is not a picture, or an incomplete one; the message is a clause that follows the file's name."""


@dataclass(frozen=True)
class PictureFile:
    """A picture that can be read."""

    path: Path
    """Where it lies."""
    width_px: int
    """Width as shown, EXIF orientation applied."""
    height_px: int
    """Height as shown, EXIF orientation applied."""
    orientation: int
    """EXIF orientation, 1 (upright) to 8; 5 and above swap width and height."""

    @property
    def stored_size_px(self) -> tuple[int, int]:
        """Width and height of the pixels in the file, before the EXIF orientation is applied."""
        size = (self.width_px, self.height_px)
        return size if self.orientation < 5 else (size[1], size[0])


def open_image(file: Path | bytes) -> Image:
    """Open a picture with Pillow, lazily.

    Raises:
        BrokenPictureError: when it is not one.
        MissingDependencyError: when Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingDependencyError(
            "reading data sets needs Pillow, which is not installed; install it with pip install '.[eval]'"
        ) from error
    try:
        return Image.open(io.BytesIO(file) if isinstance(file, bytes) else file)
    except (UnidentifiedImageError, ImportError):
        # Once ultralytics is loaded, Pillow's opener asks for another package where it does not know a file.
        raise BrokenPictureError("is not a picture") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BrokenPictureError(f"cannot be opened ({_clause(error)})") from None


def read_picture(path: Path) -> PictureFile:
    """Read a picture's size and orientation from its header, and see that its end is there.

    Raises:
        BrokenPictureError: when the file is empty, no picture or cut short.
    """
    if not path.stat().st_size:
        raise BrokenPictureError("is empty")
    with open_image(path) as image:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        orientation = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
        width, height = image.size
        if image.format == "JPEG" and not _ends_like_jpeg(path):
            decode(image)
    return PictureFile(path, *((width, height) if orientation < 5 else (height, width)), orientation)


def decode(image: Image) -> None:
    """Decode all pixels.

    Raises:
        BrokenPictureError: when they are damaged or cut short.
    """
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, IndexError) as error:
        raise BrokenPictureError(f"cannot be decoded ({_clause(error)})") from None


def find_pictures(folder: Path) -> list[Path]:
    """Return all pictures in a folder and those below, sorted."""
    return files_below(folder, PICTURE_SUFFIXES)


def _ends_like_jpeg(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, 64), io.SEEK_END)
        return _JPEG_END in file.read()


def _clause(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


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
