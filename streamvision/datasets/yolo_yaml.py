"""``data.yaml`` of YOLO data sets: the classes, and where the pictures of each split are.

Follows https://docs.ultralytics.com/datasets/detect/#ultralytics-yolo-format. Every value is taken as it is written:
YAML 1.1 would read the classes ``no``, ``on``, ``null``, ``007`` and ``2024-01-01`` as something else than names.

Sets that were moved, or come from Windows, from a notebook or out of a labelling tool, seldom have their pictures where
the file says. An entry that is not there is looked for beside the file, without its first folders one by one; a folder
called ``train``, ``val`` or ``test`` is never dropped, so that no split is taken for another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.core.reading import MAX_TEXT_BYTES, UnreadableError, lenient_text, read_bytes, read_yaml
from streamvision.core.redaction import short
from streamvision.datasets.collector import Collector
from streamvision.datasets.dataset import Split
from streamvision.datasets.files import (
    ClassList,
    files_below,
    find_pictures,
    is_there,
    leads_out,
    place_inside,
    real_place,
    split_named,
)

_SPLIT_KEYS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
"""How YAML writes that there is no value."""
OUTSIDE = "outside of the data set"
_USUAL_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_MAX_CLASSES = 100_000
_MAX_PARTS = 100
"""Most folders of a path that are left out one by one, each of which costs a look at the disk."""


@dataclass(frozen=True)
class DataYaml:
    """What a ``data.yaml`` says."""

    path: Path
    """Where it lies."""
    classes: ClassList
    """What the classes are called."""
    keypoints: tuple[int, int] | None
    """Keypoints of an object and values of each, 2 or 3; ``None`` for boxes and outlines."""
    mirrored: tuple[int, ...] | None
    """For each keypoint the one that it is in a mirror (``flip_idx``); ``None`` where that is not said."""
    keypoint_names: tuple[str, ...] | None
    """What the keypoints are called (``kpt_names``), those of the first class that has as many as there are."""
    root: str
    """Folder that the entries count from, as written."""
    entries: dict[Split, list[str]]
    """Folders, and text files that list pictures, as written."""


def find_yamls(folder: Path) -> list[Path]:
    """Return the YAML files that describe YOLO data sets: the one of a folder, or else all those below; or the file.

    In one folder, ``data.yaml`` and ``dataset.yaml`` come before others.
    """
    if folder.is_file():
        return [folder] if is_data_yaml(folder) else []
    own = (path for pattern in ("*.yaml", "*.yml") for path in folder.glob(pattern) if not leads_out(path, folder))
    here = [path for path in own if is_data_yaml(path)]
    if usual := [path for path in here if path.name in _USUAL_NAMES]:
        return [min(usual, key=lambda path: _USUAL_NAMES.index(path.name))]
    return sorted(here) or [path for path in files_below(folder, {".yaml", ".yml"}) if is_data_yaml(path)]


def is_data_yaml(path: Path) -> bool:
    """Whether a YAML file says where a YOLO data set's pictures are and what its classes are called."""
    try:
        return _describes(_document(path))
    except ConfigError:
        return False


def choose_yaml(path: Path) -> Path | None:
    """Return the YAML file that describes the data set in a folder or is given; ``None`` where there is none.

    Raises:
        ConfigError: when there are several of the same rank, or the one that should be it cannot be understood.
    """
    found = find_yamls(path)
    if len(found) > 1:
        shown = ", ".join(str(one.relative_to(path)) for one in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise ConfigError(f"{path} holds several YOLO data sets ({shown}{more}); give one of these files")
    if found:
        return found[0]
    asked = [path] if path.is_file() else [path / name for name in _USUAL_NAMES if not leads_out(path / name, path)]
    for one in asked:
        if one.suffix in {".yaml", ".yml"} and one.is_file() and not _describes(_document(one)):
            raise ConfigError(
                f"{one} does not describe a YOLO data set; it needs `names` (a list of classes) and `train`, `val` or "
                "`test` (folders of pictures)"
            )
    return None


def read_data_yaml(path: Path) -> DataYaml:
    """Read a ``data.yaml``.

    Raises:
        ConfigError: when it is not YAML, or its classes or keypoints cannot be understood.
    """
    document = _document(path)
    entries: dict[Split, list[str]] = {}
    for split, keys in _SPLIT_KEYS.items():
        given: Any = next((document[key] for key in keys if _is_given(document.get(key))), [])
        entries[split] = [entry for entry in (given if isinstance(given, list) else [given]) if _is_given(entry)]
        if not all(isinstance(entry, str) for entry in entries[split]):
            raise ConfigError(f"{path}: {split} is {_in_words(given)}; give a folder, a text file or a list of these")
    root = document.get("path")
    root = root if isinstance(root, str) and _is_given(root) else "."
    classes, keypoints = ClassList(path, _class_names(document, path)), _keypoint_count(document, path)
    mirrored = _mirrored(document, keypoints, path)
    return DataYaml(path, classes, keypoints, mirrored, _keypoint_names(document, keypoints), root, entries)


def pictures_by_split(description: DataYaml, collector: Collector) -> Iterator[tuple[Path, Split | None]]:
    """Yield the pictures with their splits, each once; what is not there is noted.

    Where ``train`` and ``val`` are the same places, the set is not split.
    """
    path = description.path
    places: dict[Split, list[Path]] = {split: [] for split in description.entries}
    for split, entry, place in entry_places(description):
        if place is None:
            reason = f"{split} is {short(entry)!r}, which {missing_reason(entry, path.parent)}; left out"
            collector.note(path, "missing_picture", reason)
        else:
            places[split].append(place)
    unsplit = bool(places["train"]) and places["train"] == places["val"]
    seen: dict[Path, Split | None] = {}
    for split, found in places.items():
        for place in found:
            again = 0
            bases = (place.parent, path.parent, path.parent / description.root.replace("\\", "/"))
            for picture in find_pictures(place) if place.is_dir() else listed_pictures(place, bases, collector):
                key = collector.key(picture)
                if key not in seen:
                    seen[key] = None if unsplit else split
                    yield picture, seen[key]
                elif seen[key] in (split, None):
                    again += not unsplit
                else:
                    reason = f"stands in {seen[key]} and in {split}; counted once, in the first"
                    collector.note(picture, "leak", reason)
            if again:
                collector.note(place, "other", f"has {again} pictures of {split} that were there before; counted once")


def entry_places(description: DataYaml) -> Iterator[tuple[Split, str, Path | None]]:
    """Yield each entry with its split and where it is, ``None`` where that is nowhere in the data set."""
    for split, entries in description.entries.items():
        for entry in entries:
            yield split, entry, _place_of(entry, description.root, description.path.parent)


def missing_reason(entry: str, beside: Path) -> str:
    """Say why an entry of a file in ``beside`` has no place, in a clause."""
    try:
        elsewhere = (beside / entry).exists()
    except (OSError, ValueError):
        elsewhere = False
    return f"is {OUTSIDE}; give its folder as path:" if elsewhere else "is not there"


def listed_pictures(path: Path, folders: tuple[Path, ...], collector: Collector) -> Iterator[Path]:
    """Yield the pictures that a text file lists, one a line.

    Args:
        path: the text file.
        folders: that names count from. Where a picture is in none of them, its first folders are left out one by one,
            as ``data/`` of CVAT and darknet; one outside of them all is not taken.
        collector: takes what is wrong with the file.
    """
    bases = tuple(dict.fromkeys(folders))
    if all(leads_out(path, base) for base in bases):
        collector.note(path, "broken_labels", f"is a link that leads {OUTSIDE}; its pictures were left out")
        return
    try:
        lines = lenient_text(read_bytes(path, limit=MAX_TEXT_BYTES)).splitlines()
    except UnreadableError as error:
        collector.note(path, "broken_labels", f"{error}; its pictures were left out")
        return
    for name in (line.strip() for line in lines):
        if name:
            yield next((place for place in _places(name, bases) if is_there(place)), None) or _absent(
                name, path.parent, bases, collector
            )


def _absent(name: str, base: Path, folders: tuple[Path, ...], collector: Collector) -> Path:
    """Return the likeliest place of a picture that is not there."""
    if (place := _inside(base, name, folders)) is not None:
        return place
    place = base / name.replace("\\", "/").rpartition("/")[2]
    collector.doubt(place, f"would be {OUTSIDE}")
    return place


def _places(name: str, bases: tuple[Path, ...]) -> Iterator[Path]:
    """Yield where a file may be, its name taken at its word first."""
    slashed = name.replace("\\", "/")
    for text in dict.fromkeys((name, slashed)):
        yield from filter(None, (_inside(base, text, bases) for base in bases))
    parts = _plain_parts(slashed)
    for at in range(len(parts)):
        yield from (base.joinpath(*parts[at:]) for base in bases)


def _inside(base: Path, name: str, folders: tuple[Path, ...]) -> Path | None:
    return next((place for folder in folders if (place := place_inside(base, name, folder)) is not None), None)


def _place_of(entry: str, root: str, beside: Path) -> Path | None:
    """Return where an entry of data.yaml is: below ``root``, or else beside the file, as moved sets have it."""
    slashed_entry, slashed_root = entry.replace("\\", "/"), root.replace("\\", "/")
    folders = (beside, beside / root, beside / slashed_root)
    places = [
        _inside(base, text, folders)
        for base, text in (
            (beside / root, entry),
            (beside / slashed_root, slashed_entry),
            (beside, entry),
            (beside, slashed_entry),
        )
    ]
    for text in (slashed_entry, f"{slashed_root}/{slashed_entry}"):
        parts = _plain_parts(text)
        for at in range(len(parts)):
            places.append(beside.joinpath(*parts[at:]))
            if split_named(parts[at]):
                break
    return next((place for place in places if place is not None and _is_place(place, beside)), None)


def _is_place(path: Path, beside: Path) -> bool:
    """Whether a path is a folder, but none that the set lies in, or a text that may list pictures."""
    try:
        if path.is_dir():
            return real_place(path) not in real_place(beside).parents
        return path.suffix.lower() == ".txt" and path.is_file()
    except (OSError, ValueError):
        return False


def _plain_parts(text: str) -> list[str]:
    """Return the folders and the name in a path, the last :data:`_MAX_PARTS` of them."""
    return [part for part in PurePosixPath(text).parts if part not in ("..", ".", "/")][-_MAX_PARTS:]


def _document(path: Path) -> dict[Any, Any]:
    """Return a YAML file's mapping with all values as they are written."""
    try:
        document = read_yaml(path, as_written=True)
    except UnreadableError as error:
        raise ConfigError(f"{path} {error}; give a data.yaml as ultralytics reads it") from error
    return document if isinstance(document, dict) else {}


def _describes(document: dict[Any, Any]) -> bool:
    return bool({"names", "nc"} & document.keys()) and bool({"train", "val", "test"} & document.keys())


def _is_given(value: Any) -> bool:
    return value is not None and value != [] and not (isinstance(value, str) and value in _NOTHING)


def _class_names(document: dict[Any, Any], path: Path) -> tuple[str, ...]:
    names = document.get("names")
    if "names" not in document:
        return tuple(f"class_{index}" for index in range(_number(document.get("nc", "0")) or 0))
    if isinstance(names, dict):
        numbered = {_number(key): name for key, name in names.items()}
        if None in numbered:
            numbered = {_number(number): name for name, number in names.items() if isinstance(number, str)}
        if None not in numbered and len(numbered) == len(names):
            names = [numbered.get(index, "") for index in range(max(map(int, numbered), default=-1) + 1)]  # type: ignore[arg-type]
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return tuple(name if name.strip() else "" for name in names)
    raise ConfigError(
        f"{path}: names is {_in_words(names)}; give a list of class names, or a mapping of numbers to names"
    )


def _number(text: Any) -> int | None:
    """Return the number that a text is, where it may be that of a class."""
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > len(str(_MAX_CLASSES)):
        return None
    return int(text) if int(text) < _MAX_CLASSES else None


def _keypoint_count(document: dict[Any, Any], path: Path) -> tuple[int, int] | None:
    """Return how many keypoints an object has, and how many values each; ``None`` without.

    Raises:
        ConfigError: when ``kpt_shape`` is not two such numbers.
    """
    given = document.get("kpt_shape")
    if not _is_given(given):
        return None
    shape = [_number(value) for value in given] if isinstance(given, list) else []
    if len(shape) != 2 or not shape[0] or not shape[1]:
        raise ConfigError(
            f"{path}: kpt_shape is {_in_words(given)}; give the number of keypoints and 2 or 3 values, as [17, 3]"
        )
    if shape[1] not in (2, 3):
        raise ConfigError(f"{path}: kpt_shape gives a keypoint {shape[1]} values; it has 2 (x, y) or 3 (visibility)")
    return shape[0], shape[1]


def _mirrored(document: dict[Any, Any], keypoints: tuple[int, int] | None, path: Path) -> tuple[int, ...] | None:
    """Return which keypoint each becomes in a mirror; ``None`` without.

    Raises:
        ConfigError: when ``flip_idx`` does not name each keypoint once.
    """
    given = document.get("flip_idx")
    if keypoints is None or not _is_given(given):
        return None
    indices = [_number(value) for value in given] if isinstance(given, list) else []
    numbers = tuple(index for index in indices if index is not None)
    if sorted(numbers) != list(range(keypoints[0])) or len(numbers) != len(indices):
        raise ConfigError(
            f"{path}: flip_idx is {_in_words(given)}; name each of the {keypoints[0]} keypoints once, by the one that "
            "it is in a mirror"
        )
    return numbers


def _keypoint_names(document: dict[Any, Any], keypoints: tuple[int, int] | None) -> tuple[str, ...] | None:
    given = document.get("kpt_names")
    lists = list(given.values()) if isinstance(given, dict) else [given]
    for names in lists if keypoints else ():
        if isinstance(names, list) and len(names) == (keypoints or (0,))[0] and all(isinstance(n, str) for n in names):
            return tuple(names)
    return None


def _in_words(value: Any) -> str:
    """Return a value of the file for a message, however much its aliases repeat."""
    if isinstance(value, str):
        return f"{value!r:.80}"
    if isinstance(value, list):
        flat = all(isinstance(one, str) for one in value)
        return f"{', '.join(value):.80}" if flat and value else f"a list of {len(value)} values, not all of them words"
    return f"a mapping of {len(value)} values" if isinstance(value, dict) else "nothing"
