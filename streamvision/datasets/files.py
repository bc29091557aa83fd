"""Files of a data set: found by their endings, and sorted into splits by their names."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from streamvision.core.errors import ConfigError
from streamvision.core.reading import MAX_TEXT_BYTES, UnreadableError, lenient_text, read_bytes, read_head
from streamvision.core.redaction import short
from streamvision.datasets.dataset import Split

if TYPE_CHECKING:
    pass

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
MAX_NAME = 200
_CLASS_LISTS = ("classes.txt", "labels.txt", "obj.names", "names.txt", "_darknet.labels")
_CLASS_LIST_FOLDERS = ("", "labels", "annotations", "Annotations")
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

_LOCAL_FILE = "?d="
"""What Label Studio has before the name of a picture that it read from a folder."""
_FOLDERS = ("", "images", "JPEGImages", "data", "imgs", "img")


def files_below(folder: Path, suffixes: Collection[str], *, most: int | None = None) -> list[Path]:
    """Return all files in a folder and those below whose names end so, in lower case; sorted.

    Links to folders are followed, each folder once, but not to those that the folder lies in. Hidden files and folders
    are passed over, and so are links to files elsewhere, unless they are pictures: sets of linked pictures are made
    here, links to other labels are a trap.

    Args:
        folder: where it is looked.
        suffixes: what their names end with.
        most: how many files and folders may be there, of whatever name; ``None``: any number.

    Raises:
        ConfigError: when there are more.
    """
    return sorted(path for path in _walk(folder, suffixes, most) if not _passed_over(path, folder))


def links_passed_over(folder: Path) -> list[Path]:
    """Return the links of a data set to files elsewhere that are no pictures, which no reader follows; sorted."""
    return sorted(path for path in _walk(folder, {""}, None) if _passed_over(path, folder))


def _walk(folder: Path, suffixes: Collection[str], most: int | None) -> list[Path]:
    found, visited, seen = [], set(real_place(folder).parents), 0
    for place, folders, files in os.walk(folder, followlinks=True):
        seen += len(folders) + len(files)
        if most is not None and seen > most:
            raise ConfigError(f"there are more than {most:,} files below {folder}; give a folder with pictures alone")
        visited.add(Path(place).resolve())
        folders[:] = [name for name in folders if name[0] != "." and Path(place, name).resolve() not in visited]
        found += [Path(place, name) for name in files if name[0] != "." and name.lower().endswith(tuple(suffixes))]
    return found


def _passed_over(path: Path, folder: Path) -> bool:
    return path.suffix.lower() not in PICTURE_SUFFIXES and leads_out(path, folder)


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a file is a link to one that is there, but not in the folder."""
    return path.is_symlink() and path.exists() and not real_place(path).is_relative_to(real_place(folder))


def place_inside(base: Path, name: str, folder: Path) -> Path | None:
    """Return where a name in a label file leads, counted from ``base``; ``None`` where that is not in the folder."""
    path = base / name
    if ".." in name and ".." in path.parts:
        return path if real_place(path).is_relative_to(real_place(folder)) else None
    if not Path(name).is_absolute():
        return path
    inside = path.is_relative_to(folder.absolute()) or real_place(path).is_relative_to(real_place(folder))
    return path if inside else None


def is_there(path: Path) -> bool:
    """Whether a file is there, whatever characters its name has and however many."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def real_place(path: Path) -> Path:
    """Return where a path leads through all links; itself where no file can be called so."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):  # no file has such a name
        return path


def files_marked(path: Path, suffixes: Collection[str], is_marked: Callable[[Path], bool]) -> list[Path]:
    """Return the file given, or the files of a folder with such endings and the mark of a format.

    Where none has the mark, all of these endings are returned, so that the reader can say what is wrong with them.
    """
    if path.is_file():
        return [path]
    found = files_below(path, suffixes)
    return [file for file in found if is_marked(file)] or found


def head_of(path: Path, size: int) -> bytes:
    """Return the first bytes of a text, to see what it is, as UTF-8 in whatever encoding it is, without its byte order
    mark; nothing where it cannot be read."""
    head = read_head(path, size)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = read_head(path, 2 * size)
    return lenient_text(head).encode(errors="replace")


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


@dataclass(frozen=True)
class ClassList:
    """What a file says the classes are called; in a text file the first line is class 0."""

    path: Path
    """The file."""
    lines: tuple[str, ...]
    """The names by number, up to the last; where there is none, nothing."""

    @property
    def names(self) -> list[str]:
        """The name of each class; one without a name is called by its number."""
        return [line or str(number) for number, line in enumerate(self.lines)]

    @property
    def distinct(self) -> list[str]:
        """The names alone, each once, for labels that say classes by name."""
        return list(dict.fromkeys(filter(None, self.lines)))

    def repeated(self) -> Iterator[tuple[str, list[int]]]:
        """Yield the names that several classes have, and the numbers of these."""
        numbers: defaultdict[str, list[int]] = defaultdict(list)
        for number, line in enumerate(self.lines):
            numbers[line].append(number)
        return ((name, same) for name, same in numbers.items() if name and len(same) > 1)

    def remarks(self) -> Iterator[str]:
        """Yield what is odd about it, in clauses that go on from the file's name."""
        for name, numbers in self.repeated():
            yield f"calls the classes {_shown(numbers)} {name}; they were read as one"
        if nameless := [number for number, line in enumerate(self.lines) if not line]:
            one = len(nameless) == 1
            called = "it is called by its number" if one else "they are called by their numbers"
            yield f"has no name for {'class' if one else 'the classes'} {_shown(nameless)}; {called}"


def find_class_list(folder: Path) -> ClassList | None:
    """Return the text file that names the classes, beside the pictures or the labels; ``None`` without one.

    Raises:
        ConfigError: when there are several below the folder that say different things.
    """
    usual = (folder / place / name for place in _CLASS_LIST_FOLDERS for name in _CLASS_LISTS)
    if (path := next((path for path in usual if is_there(path) and not leads_out(path, folder)), None)) is not None:
        return _read_class_list(path)
    found = [_read_class_list(path) for path in files_below(folder, _CLASS_LISTS) if path.name in _CLASS_LISTS]
    if len({one.lines for one in found}) > 1:
        shown = " and ".join(str(one.path.relative_to(folder)) for one in found[:2])
        raise ConfigError(
            f"{shown} in {folder} name different classes; write the right ones, a line each, into "
            f"{folder / _CLASS_LISTS[0]}"
        )
    return found[0] if found else None


def read_class_list(folder: Path) -> list[str]:
    """Return the class names that a text file lists, each once, for labels that say classes by name."""
    listed = find_class_list(folder)
    return listed.distinct if listed else []


def _shown(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - 5} more" if len(numbers) > 6 else ""
    shown = numbers[:5] if more else numbers
    first = ", ".join(map(str, shown[:-1]))
    return f"{first}, {shown[-1]}{more}" if more else f"{first} and {shown[-1]}" if first else f"{shown[-1]}"


def _read_class_list(path: Path) -> ClassList:
    try:
        content = read_bytes(path, limit=MAX_TEXT_BYTES)
    except UnreadableError as error:
        raise ConfigError(f"{path} {error}; give a text with the name of a class on each line") from None
    text = lenient_text(content).replace("\r\r\n", "\n").replace("\r\n", "\n")
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return ClassList(path, tuple(map(class_name, lines)))


def class_name(text: str) -> str:
    """Return what a class is called: a name that can be printed and seen, of :data:`MAX_NAME` characters at most."""
    if text.isspace():
        return repr(text[:MAX_NAME])
    if len(text) <= MAX_NAME and text.isprintable():
        return text
    escaped = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:MAX_NAME])
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]
    return escaped if len(text) <= MAX_NAME else f"{escaped}...{digest}"


def folder_name(text: str) -> str:
    """Return a class's name as that of a folder: it leads nowhere else, is not hidden and not too long for one."""
    plain = re.sub(r"[/\\]|^\.+", "_", class_name(text))
    return plain.encode()[:MAX_NAME].decode(errors="ignore").strip()


def root_of(path: Path, *, labels_in: Sequence[str] = ()) -> Path:
    """Return a data set's folder: the path itself, or for a file the folder that it lies in.

    Where that folder is named as in ``labels_in``, it holds labels only and the set is one level up.
    """
    if path.is_dir():
        return path
    return path.parent.parent if path.parent.name in labels_in else path.parent


def find_pictures(folder: Path, *, most: int | None = None) -> list[Path]:
    """Return all pictures in a folder and those below, sorted; see :func:`files_below`."""
    return files_below(folder, PICTURE_SUFFIXES, most=most)


class PictureLookup:
    """Finds pictures by the names that COCO, CSV and other files give them.

    Args:
        folder: the data set.
        doubt: called with the place that is returned for a picture that cannot be told from others, and the reason.
    """

    def __init__(self, folder: Path, doubt: Callable[[Path, str], None] = lambda _place, _reason: None) -> None:
        self.pictures = find_pictures(folder)
        """All pictures of the set, sorted."""
        self._folder = folder
        self._doubt = doubt
        self._by_ending: defaultdict[tuple[str, ...], list[Path]] = defaultdict(list)
        for path in self.pictures:
            for ending in ((path.name,), path.parts[-2:]):
                self._by_ending[ending].append(path)
        self._one_folder = len({path.parent for path in self.pictures}) == 1

    def find(self, name: str, *, labels: Path, split: Split | None) -> Path:
        """Return the picture of that name; one that is not there is returned as the likeliest place.

        A name with folders is taken at its word first. Of several pictures of one name, that with most of the name's
        folders is taken, then that in a folder named like the split or the label file, then that in most of the folders
        of that file. A picture in a folder of another name (another camera's) is not, nor one of several as good.
        """
        name = name.replace("\\", "/")
        if _LOCAL_FILE in name:
            name = unquote(name.rpartition(_LOCAL_FILE)[2])
        for base in (labels.parent, self._folder, *(self._folder / place for place in _FOLDERS)):
            if (path := place_inside(base, name, self._folder)) is not None and is_there(path):
                return path
        parts = tuple(part for part in name.split("/") if part not in ("", ".", ".."))
        candidates = self._by_ending.get(parts[-2:]) or self._by_ending.get(parts[-1:], [])
        allowed = (path for path in candidates if self._may_be(path, parts))
        likeness = {path: self._likeness(path, parts, labels, split) for path in allowed}
        most = max(likeness.values(), default=None)
        best = [path for path, value in likeness.items() if value == most]
        if len(best) == 1:
            return best[0]
        if (inside := place_inside(labels.parent, name, self._folder)) is None:
            place = labels.parent / name.rpartition("/")[2]
            self._doubt(place, f"{short(name)} would be outside of {self._folder}")
            return place
        place = inside
        if candidates:
            shown = [str(path.relative_to(self._folder)) for path in (best or candidates)[:2]]
            reason = f"may be {' or '.join(shown)}, which only its folder would tell"
            self._doubt(place, reason if best else f"is not {shown[0]}, since the folder has another name")
        return place

    def _may_be(self, path: Path, parts: Sequence[str]) -> bool:
        """Whether a picture may be the one that a name means: no folder of the one speaks against the other."""
        if len(parts) == 1 or self._one_folder or _common_ending(path.parts, parts) > 1:
            return True
        return all(part in _FOLDERS or split_in(part) for part in path.relative_to(self._folder).parts[:-1])

    def _likeness(self, path: Path, parts: Sequence[str], labels: Path, split: Split | None) -> tuple[int, bool, int]:
        folders = path.relative_to(self._folder).parts[:-1]
        words = {word for word in (split, _last_word(labels.stem), labels.stem) if word}
        fits = bool(words & set(folders)) or (split is not None and split_of_path(path, self._folder) == split)
        near = labels.parent.relative_to(self._folder).parts if labels.is_relative_to(self._folder) else ()
        return _common_ending(path.parts, parts), fits, len(set(folders).intersection(near))


def _common_ending(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many parts two paths have in common from the end."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


def _last_word(stem: str) -> str:
    """Return ``val2017`` of ``instances_val2017``, which is how COCO calls its folder."""
    return stem.rsplit("_", 1)[-1]
