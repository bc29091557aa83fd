"""Pictures with sentences that describe them: a CSV or JSONL table, or COCO's captions.

- CSV: the first line names the columns, in any order: the picture (``filename``, ``file``, ``image``, ``path``), the
  sentence (``caption``, ``sentence``, ``text``), and where it says so the part (``split``). A picture with several
  sentences has a row for each.
- JSONL: an object a line with the same keys; ``captions`` may hold a list of sentences.
- COCO (``captions_val2017.json``): ``images`` with ``file_name``, ``annotations`` with ``image_id`` and ``caption``
  (https://cocodataset.org/#format-data); the split is that of the file's name.

Pictures are looked for in the folder of the table and below.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from streamvision.core.errors import ConfigError
from streamvision.core.reading import MAX_TABLE_BYTES, UnreadableError, parse_json, read_json, read_text
from streamvision.core.redaction import short
from streamvision.datasets.class_csv import PICTURE_COLUMNS, SPLIT_COLUMNS
from streamvision.datasets.csv_table import column_names, table_rows
from streamvision.datasets.dataset import CaptionedPicture, CaptionedPictures, Problem, ProblemKind, Split
from streamvision.datasets.files import (
    PictureLookup,
    files_below,
    head_of,
    is_there,
    root_of,
    split_in,
    split_named,
    split_of_path,
)
from streamvision.datasets.problems import Problems

CAPTION_COLUMNS = ("caption", "captions", "sentence", "text")
MAX_CAPTION_CHARACTERS = 1000
"""Longer sentences are cut there."""
MAX_CAPTIONS = 20
"""Most sentences of one picture that are read; COCO has five to seven."""
_HEAD_BYTES = 4096
_TABLES = (".csv", ".jsonl", ".json")


class _Row(NamedTuple):
    """One sentence as a table gives it."""

    place: str
    """Where it stands in the table, for messages."""
    name: str
    """The picture's name, as written."""
    captions: tuple[str, ...]
    """Its sentences."""
    split: Split | None
    """The part that it belongs to, where that is said."""


def read_captions(path: Path) -> CaptionedPictures:
    """Read a table of captions, or all tables of captions in a folder; what is wrong becomes problems.

    Raises:
        ConfigError: when there is no such table, or it names no picture that is there.
    """
    tables = find_caption_tables(path)
    if not tables:
        raise ConfigError(
            f"{path} has no table of captions; give a CSV with the columns filename and caption, a JSONL with these "
            "keys, or COCO's captions_*.json"
        )
    problems = Problems()
    folder = root_of(path, labels_in=("annotations",))
    lookup = PictureLookup(folder, lambda place, reason: problems.append(Problem(place, reason, "other")))
    captions: dict[Path, list[str]] = {}
    splits: dict[Path, Split | None] = {}
    for table in tables:
        for row in _rows(table, folder, problems):
            place = lookup.find(row.name, labels=table, split=row.split)
            if not is_there(place):
                reason = f"{row.place} names {short(row.name)}, which is not there; left out"
                problems.append(Problem(table, reason, "missing_picture"))
                continue
            known = captions.setdefault(place, [])
            known += [one for one in row.captions if one not in known][: MAX_CAPTIONS - len(known)]
            splits.setdefault(place, row.split or split_of_path(place, folder))
    if not captions:
        first = f" ({problems.first.reason})" if problems.first else ""
        raise ConfigError(f"{path} describes no picture that is there{first}; give names counted from its folder")
    images = (CaptionedPicture(place, tuple(said), splits[place]) for place, said in sorted(captions.items()))
    return CaptionedPictures((), tuple(images), tuple(problems))


def find_caption_tables(path: Path) -> list[Path]:
    """Return the tables of captions in a folder, or the file given; none where there are none."""
    if path.is_file():
        return [path] if is_caption_table(path) else []
    if not path.is_dir():
        return []
    return [file for file in files_below(path, _TABLES) if is_caption_table(file)]


def is_caption_table(path: Path) -> bool:
    """Whether a file is a table of captions, by the beginning of what is in it."""
    suffix = path.suffix.lower()
    head = head_of(path, _HEAD_BYTES).decode()
    first = head.partition("\n")[0]
    if suffix == ".csv":
        columns = column_names(path)
        return bool(columns & {*PICTURE_COLUMNS}) and bool(columns & {*CAPTION_COLUMNS})
    if suffix == ".jsonl":
        return any(f'"{name}"' in first for name in CAPTION_COLUMNS) and any(
            f'"{one}"' in first for one in PICTURE_COLUMNS
        )
    return suffix == ".json" and (path.name.startswith("captions_") or '"caption"' in head)


def _rows(table: Path, folder: Path, problems: Problems) -> Iterator[_Row]:
    def note(kind: ProblemKind, reason: str) -> None:
        problems.append(Problem(table, reason, kind))

    try:
        if table.suffix.lower() == ".json":
            rows = _coco_rows(read_json(table), split_in(table.stem) or split_of_path(table, folder))
        else:
            rows = _table_rows(_csv_lines(table) if table.suffix.lower() == ".csv" else _json_lines(table))
        for row in rows:
            if row.name and row.captions:
                yield row
            else:
                missing = "sentence" if row.name else "picture"
                note("broken_labels" if row.name else "missing_picture", f"{row.place} names no {missing}; left out")
    except UnreadableError as error:
        note("broken_labels", f"{error}; the rows after that were left out")


def _csv_lines(table: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for line, row in table_rows(table, str.lower)[1]:
        yield f"row {line}", row


def _json_lines(table: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(io.StringIO(read_text(table, limit=MAX_TABLE_BYTES)), 1):
        if not line.strip():
            continue
        try:
            document = parse_json(line.strip())
        except UnreadableError as error:
            why = str(error).replace("(line 1, ", "(")
            raise UnreadableError(f"has a line {number} that {why}; mend or remove that line") from None
        yield f"line {number}", document if isinstance(document, dict) else {}


def _table_rows(lines: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[_Row]:
    for place, row in lines:
        written = _cell(row, CAPTION_COLUMNS)
        yield _Row(
            place,
            _text(_cell(row, PICTURE_COLUMNS)),
            _sentences(written if isinstance(written, list) else [written]),
            split_named(_text(_cell(row, SPLIT_COLUMNS))),
        )


def _coco_rows(document: Any, split: Split | None) -> Iterator[_Row]:
    if not isinstance(document, dict) or not all(isinstance(document.get(k), list) for k in ("images", "annotations")):
        raise UnreadableError("has no lists of images and annotations, so it is not COCO")
    names = {
        one["id"]: _text(one.get("file_name"))
        for one in document["images"]
        if isinstance(one, dict) and isinstance(one.get("id"), int | str)
    }
    for number, one in enumerate(document["annotations"], 1):
        said = one if isinstance(one, dict) else {}
        image_id = said.get("image_id")
        name = names.get(image_id, "") if isinstance(image_id, int | str) else ""
        yield _Row(f"annotation {number}", name, _sentences([said.get("caption")]), split)


def _cell(row: Mapping[str, Any], columns: Iterable[str]) -> Any:
    """Return what stands in the first of these columns that the table has."""
    return next((row[column] for column in columns if column in row), None)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)


def _sentences(values: Iterable[Any]) -> tuple[str, ...]:
    """Return the texts among some values, each on one line and without characters that steer a terminal."""
    lines = (" ".join(_printable(_text(value)).split())[:MAX_CAPTION_CHARACTERS] for value in values)
    return tuple(line for line in lines if line)
