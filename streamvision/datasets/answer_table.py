"""Pictures with several answers each, a class and numbers, in a CSV table with a row for each picture.

The first line names the columns, in any order: the picture and the part that it belongs to as in
:mod:`.class_csv`, and the answers under names of their own. In brackets behind a name stands the unit of a number, or
``class``: ``distance [m]``, ``gender [class]``; without them a column whose cells are all numbers is one of numbers.
A cell that is empty is an answer that is not known. Numbers are written with a point.

A column such as ``own_speed [known to 20 m/s]`` is no answer: its number is given to the network beside the picture,
from 0 to the one in the brackets (:mod:`streamvision.inference.known_numbers`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.core.reading import UnreadableError
from streamvision.core.redaction import short
from streamvision.datasets.class_csv import CLASS_COLUMNS, PICTURE_COLUMNS, SPLIT_COLUMNS
from streamvision.datasets.csv_table import column_names, table_rows
from streamvision.datasets.dataset import AnsweredPicture, PictureSet, Problem, Split
from streamvision.datasets.files import PictureLookup, class_name, is_there, split_named, split_of_path
from streamvision.datasets.problems import Problems
from streamvision.datasets.tf_csv import is_tf_csv
from streamvision.inference.model_card import MOST_KNOWN, KnownCard, NumberCard

MOST_NUMBERS = 32
"""Columns of numbers that are read."""
LARGEST_NUMBER = 1e30
"""Numbers farther from zero are not read: float32, in which networks compute, ends at 3e38."""
NOT_KNOWN = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
"""What cells of numbers hold where the number is not known, in small letters."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_KNOWN = re.compile(r"known to (?P<largest>\d+\.?\d*)(\s+(?P<unit>\S.*))?", re.ASCII)
_HEADER = re.compile(r"(?P<name>[^\[\]]*?)\s*(\[(?P<said>[^\[\]]*)\])?")


@dataclass(frozen=True)
class AnsweredPictures(PictureSet[AnsweredPicture]):
    """Pictures with a class, whose names are those of the set, and numbers."""

    class_column: str | None = field(default=None, kw_only=True)
    """What the class is of, such as ``weather``; ``None`` where there are numbers alone."""
    numbers: tuple[NumberCard, ...] = field(default=(), kw_only=True)
    """The numbers of each picture."""
    known: tuple[KnownCard, ...] = field(default=(), kw_only=True)
    """Numbers that a network is given beside each picture."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The answers by name, the class first."""
        return (*filter(None, (self.class_column,)), *(number.name for number in self.numbers))


@dataclass(frozen=True)
class _Column:
    """A column of answers."""

    header: str
    """As the first line has it."""
    name: str
    """What the answer is called."""
    unit: str | None
    """What numbers are counted in."""
    is_class: bool
    """Whether it names a class."""
    largest: float | None = None
    """For a number that the network is given: the largest."""


def is_answer_table(path: Path) -> bool:
    """Whether the first line of a file names a column for pictures, none for classes or boxes, and others."""
    if path.suffix.lower() != ".csv" or is_tf_csv(path):
        return False
    columns = column_names(path)
    others = columns - {*PICTURE_COLUMNS, *SPLIT_COLUMNS}
    return bool(columns & {*PICTURE_COLUMNS}) and bool(others) and not others & {*CLASS_COLUMNS}


def read_answers(path: Path, *, only: Sequence[str] = ()) -> AnsweredPictures:
    """Read a table; what is wrong with its rows becomes problems.

    Args:
        path: the CSV file.
        only: names of the columns that are answers; empty for all but the picture's and the part's.

    Raises:
        ConfigError: when it is no such table, its columns are not what one network can learn, or no picture is there.
    """
    try:
        headers, numbered = table_rows(path)
        rows = [row for _, row in numbered]
    except UnreadableError as error:
        raise ConfigError(f"{path} {error}; give a CSV table with a row for each picture") from error
    picture = _own_column(headers, PICTURE_COLUMNS)
    if picture is None:
        raise ConfigError(f"{path} has no column for pictures; its first line names them, such as filename,age,gender")
    part = _own_column(headers, SPLIT_COLUMNS)
    problems = Problems()
    columns = _columns(path, [one for one in headers if one and one not in (picture, part)], rows, only)
    lookup = PictureLookup(path.parent, lambda place, reason: problems.append(Problem(place, reason)))
    found: dict[Path, tuple[dict[str, str], Split | None]] = {}
    for number, row in enumerate(rows, 2):
        name, split = _cell(row, picture), split_named(_cell(row, part)) if part else None
        place = lookup.find(name, labels=path, split=split) if name else path
        if not name or not is_there(place):
            what = f"names {short(name)}, which is not there" if name else "names no picture"
            problems.append(Problem(path, f"row {number} {what}; left out", "missing_picture"))
        elif place in found:
            problems.append(Problem(place, f"has several rows in {path.name}; read as the first", "contradiction"))
        else:
            found[place] = row, split or split_of_path(place, path.parent)
    if not found:
        first = f" ({problems.first.reason})" if problems.first else ""
        raise ConfigError(f"{path} names no picture that is there{first}; give names counted from its folder")
    return _set_of(path, found, columns, problems)


def _set_of(
    table: Path,
    found: dict[Path, tuple[dict[str, str], Split | None]],
    columns: Sequence[_Column],
    problems: Problems,
) -> AnsweredPictures:
    kind = next((column for column in columns if column.is_class), None)
    given = [(one.header, _known_card(one, one.largest)) for one in columns if one.largest is not None]
    numbers = [column for column in columns if not column.is_class and column.largest is None]
    said = {place: class_name(_cell(row, kind.header)) if kind else "" for place, (row, _) in found.items()}
    names = tuple(sorted({*said.values()} - {""}))
    if kind is not None and len(names) < 2:
        raise ConfigError(
            f"{table} has one class only in the column {kind.name} ({', '.join(names) or 'none'}), which leaves "
            "nothing to tell apart; name the columns to learn with --answers"
        )
    ids = {name: class_id for class_id, name in enumerate(names)}
    images = tuple(
        AnsweredPicture(
            place,
            ids.get(said[place]),
            tuple(_number(_cell(row, one.header), _note(problems, place, one.name)) for one in numbers),
            split,
            {
                card.name: number
                for header, card in given
                if (number := _number(_cell(row, header), _note(problems, place, card.name))) is not None
            },
        )
        for place, (row, split) in sorted(found.items())
    )
    known = [sum(image.numbers[at] is not None for image in images) for at in range(len(numbers))]
    if 0 in known:
        raise ConfigError(
            f"{table} has no number in the column {numbers[known.index(0)].name}; write some, or name the columns to "
            "learn with --answers"
        )
    cards = tuple(NumberCard(name=one.name, unit=one.unit) for one in numbers)
    return AnsweredPictures(
        names,
        images,
        tuple(problems),
        class_column=kind.name if kind else None,
        numbers=cards,
        known=tuple(card for _, card in given),
    )


def _columns(table: Path, headers: Sequence[str], rows: Sequence[dict[str, str]], only: Sequence[str]) -> list[_Column]:
    read = [_column(header, rows) for header in headers]
    columns, known = ([one for one in read if (one.largest is not None) == is_known] for is_known in (False, True))
    if len(known) > MOST_KNOWN:
        raise ConfigError(
            f"{table} has {len(known)} known numbers, of which at most {MOST_KNOWN} are given; leave some out"
        )
    if only:
        by_name = {column.name.casefold(): column for column in columns}
        if unknown := [name for name in only if name.casefold() not in by_name]:
            raise ConfigError(
                f"{table} has no column {unknown[0]!r} of answers; it has {_listed(column.name for column in columns)}"
            )
        columns = list({name.casefold(): by_name[name.casefold()] for name in only}.values())
    classes = [column for column in columns if column.is_class]
    numbers = len(columns) - len(classes)
    odd = [found for one in classes if (found := _odd_cell(one, rows))]
    if odd and (len(classes) > 1 or not numbers):
        column, cell = odd[0]
        raise ConfigError(
            f"{table} has {short(cell)} among the numbers of the column {column.name}; write numbers with a point and "
            f"nothing else, leave unknown ones empty, or call it '{column.name} [class]'"
        )
    if len(classes) > 1:
        chosen = [classes[0].name, *(column.name for column in columns if not column.is_class)]
        raise ConfigError(
            f"{table} has the columns of classes {_listed(column.name for column in classes)}, and a network learns "
            f"one of them with the numbers; name what to learn: {' '.join(f'--answers {name!r}' for name in chosen)}"
        )
    if not numbers:
        has = f"of classes alone ({classes[0].name})" if classes else "of no answers"
        raise ConfigError(
            f"{table} has columns {has}; give one of numbers too, or call the only one class (filename,class), which "
            "classifiers learn"
        )
    if numbers > MOST_NUMBERS or len({column.name.casefold() for column in columns}) < len(columns):
        raise ConfigError(
            f"{table} has {numbers} columns of numbers, of which at most {MOST_NUMBERS} with different names are "
            "learnt; name these with --answers"
        )
    return [*columns, *known]


def _column(header: str, rows: Sequence[dict[str, str]]) -> _Column:
    match = _HEADER.fullmatch(header)
    name = class_name((match["name"] if match else header) or header)
    said = (match["said"] or "").strip() if match else ""
    if said.lower() == "class":
        return _Column(header, name, None, True)
    if known := _KNOWN.fullmatch(said):
        return _Column(header, name, known["unit"], False, float(known["largest"]))
    cells = {_cell(row, header) for row in rows}
    are_numbers = all(cell.lower() in NOT_KNOWN or _NUMBER.fullmatch(cell) for cell in cells)
    return _Column(header, name, class_name(said) if said else None, not said and not are_numbers)


def _known_card(column: _Column, largest: float) -> KnownCard:
    if not 0 < largest <= LARGEST_NUMBER:
        raise ConfigError(
            f"the column {column.header!r} is known to no number above 0; write such as [known to 20 m/s]"
        )
    return KnownCard(name=column.name, unit=column.unit, largest=largest)


def _odd_cell(column: _Column, rows: Sequence[dict[str, str]]) -> tuple[_Column, str] | None:
    """Return what is no number in a column of which most is, unless it is said to be one of classes."""
    if "[" in column.header:
        return None
    cells = [cell for row in rows if (cell := _cell(row, column.header)).lower() not in NOT_KNOWN]
    odd = [cell for cell in cells if not _NUMBER.fullmatch(cell)]
    return (column, odd[0]) if odd and 2 * len(odd) <= len(cells) else None


def _number(cell: str, complain: Callable[[str], None]) -> float | None:
    if cell.lower() in NOT_KNOWN:
        return None
    value = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    if abs(value) <= LARGEST_NUMBER:
        return value
    complain(cell)
    return None


def _note(problems: Problems, place: Path, name: str) -> Callable[[str], None]:
    def complain(cell: str) -> None:
        problems.append(
            Problem(
                place,
                f"has {short(cell)} for {name}, which is no number up to {LARGEST_NUMBER:g}; left out",
                "broken_labels",
            )
        )

    return complain


def _own_column(headers: Sequence[str], known: Sequence[str]) -> str | None:
    """Return the header of the first of these columns that is there."""
    by_name = {header.lower(): header for header in reversed(headers)}
    return next((by_name[name] for name in known if name in by_name), None)


def _cell(row: dict[str, str], header: str) -> str:
    return (row.get(header) or "").strip()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
