"""Pictures with a class each: in a folder for each class, or in a CSV table with a row for each picture.

A table's first line names its columns, in any order: the picture (``filename``, ``file``, ``image``, ``path``), its
class (``class``, ``label``, ``category``), and where it says so the part that it belongs to (``split``). Pictures are
looked for in the folder of the table and below. Classes are called as folders can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.core.reading import UnreadableError
from streamvision.core.redaction import short
from streamvision.datasets.class_labels import read_class_folders
from streamvision.datasets.csv_table import column_names, table_rows
from streamvision.datasets.dataset import NamedPicture, NamedPictures, Problem, Split
from streamvision.datasets.files import PictureLookup, folder_name, is_there, split_named, split_of_path
from streamvision.datasets.problems import Problems
from streamvision.datasets.tf_csv import is_tf_csv

PICTURE_COLUMNS = ("filename", "file", "image", "path", "image_path", "image_id")
CLASS_COLUMNS = ("class", "label", "category", "class_name")
SPLIT_COLUMNS = ("split", "set", "subset")


def read_classes(path: Path) -> NamedPictures:
    """Read a folder with a folder of pictures for each class, or a CSV table; what is wrong becomes problems.

    Raises:
        ConfigError: when it is neither, or names no picture that is there.
    """
    if path.suffix.lower() != ".csv" or not path.is_file():
        return read_class_folders(path)
    if not is_class_table(path):
        raise ConfigError(
            f"{path} has no columns for pictures and their classes; its first line names them, such as filename,class"
        )
    problems = Problems()
    found = dict(_rows(path, problems))
    if not found:
        first = f" ({problems.first.reason})" if problems.first else ""
        raise ConfigError(f"{path} names no picture that is there{first}; give names counted from its folder")
    names = tuple(sorted({name for name, _ in found.values()}))
    ids = {name: class_id for class_id, name in enumerate(names)}
    images = (NamedPicture(place, ids[name], split) for place, (name, split) in sorted(found.items()))
    return NamedPictures(names, tuple(images), tuple(problems))


def is_class_table(path: Path) -> bool:
    """Whether the first line of a file names a column for pictures and one for classes, and none for boxes."""
    if path.suffix.lower() != ".csv" or is_tf_csv(path):
        return False
    columns = column_names(path)
    return bool(columns & {*PICTURE_COLUMNS}) and bool(columns & {*CLASS_COLUMNS})


def _rows(table: Path, problems: Problems) -> Iterator[tuple[Path, tuple[str, Split | None]]]:
    """Yield each picture once, with its class and part."""
    lookup = PictureLookup(table.parent, lambda place, reason: problems.append(Problem(place, reason, "other")))
    classes: dict[Path, str] = {}
    spelled: dict[str, str] = {}
    try:
        for line, row in table_rows(table, str.lower)[1]:
            name, written = _cell(row, PICTURE_COLUMNS), _cell(row, CLASS_COLUMNS)
            said = folder_name(written)
            if not name or not said:
                reason = f"row {line} names no {'class' if name else 'picture'}; left out"
                problems.append(Problem(table, reason, "bad_class" if name else "missing_picture"))
                continue
            if spelled.setdefault(said, written) != written:
                reason = f"has the classes {short(spelled[said])} and {short(written)}, both read as {short(said)}"
                problems.append(Problem(table, f"{reason} (row {line})", "bad_class"))
            part = split_named(_cell(row, SPLIT_COLUMNS))
            place = lookup.find(name, labels=table, split=part)
            if not is_there(place):
                reason = f"row {line} names {short(name)}, which is not there; left out"
                problems.append(Problem(table, reason, "missing_picture"))
            elif place not in classes:
                classes[place] = said
                yield place, (said, part or split_of_path(place, table.parent))
            elif classes[place] != said:
                reason = f"is {short(classes[place])} and {short(said)} in {table.name}; read as the first"
                problems.append(Problem(place, reason, "contradiction"))
    except UnreadableError as error:
        problems.append(Problem(table, f"{error}; the rows after that were left out", "broken_labels"))


def _cell(row: dict[str, str], columns: Iterable[str]) -> str:
    """Return the text in the first of these columns that the table has."""
    text = next((row[column] for column in columns if column in row), None)
    return (text or "").strip()
