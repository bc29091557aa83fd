"""CSV tables with a row for each picture or sentence, whose first line names the columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from streamvision.core.reading import MAX_TABLE_BYTES, UnreadableError, read_text
from streamvision.datasets.files import head_of

_HEAD_BYTES = 65536
_SEPARATORS = ",;\t"


def column_names(path: Path) -> set[str]:
    """Return the names of a table's columns in small letters, whatever separates them; none of what is no table."""
    first = head_of(path, _HEAD_BYTES).decode().partition("\n")[0]
    return {cell.strip().strip('"').strip().lower() for cell in re.split(f"[{_SEPARATORS}]", first)} - {""}


def table_rows(path: Path, named: Callable[[str], str] = str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Return the names of the columns, and the rows with the lines on which they end.

    Args:
        path: the table.
        named: what becomes of a column's name; spaces around it are gone.

    Raises:
        UnreadableError: when it is no text in UTF-8 or UTF-16, too large, or no table whose columns commas
            separate; that may show as late as at a row.
    """
    text = read_text(path, limit=MAX_TABLE_BYTES)
    first = text.partition("\n")[0]
    other = max(_SEPARATORS, key=first.count)
    if other != "," and "," not in first:
        raise UnreadableError(f"separates its columns by {other!r}; write it with commas, and numbers with points")
    reader = csv.DictReader(io.StringIO(text), strict=True)  # else one quotation mark too many hides all that follows
    reader.fieldnames = [named(name.strip()) for name in _checked(reader, lambda: reader.fieldnames) or ()]
    return [*reader.fieldnames], _rows(reader)


def _rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    while (row := _checked(reader, lambda: next(reader, None))) is not None:
        yield reader.line_num, row


def _checked(reader: csv.DictReader[str], read: Callable[[], Any]) -> Any:
    line = reader.line_num + 1
    try:
        return read()
    except csv.Error as error:
        raise UnreadableError(
            f"is not valid CSV from line {line} on ({error}); look for a quotation mark there that is not closed, or "
            "not doubled within a cell"
        ) from None
