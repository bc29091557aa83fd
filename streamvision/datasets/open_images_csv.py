"""Open Images: CSV tables of boxes by the picture's id, and a table of class descriptions.

Follows https://storage.googleapis.com/openimages/web/download_v7.html:
``ImageID,Source,LabelName,Confidence,XMin,XMax, YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,...``, corners 0..1 of the
picture, continuous; a picture is called by its id. Classes are machine ids (``/m/0k4j``), which
``class-descriptions*.csv`` names; without it they keep their ids. Only classes that have boxes are classes of the
set, in the order of the descriptions, since these list all 601. ``IsGroupOf`` makes a box ignored, as a crowd. The
split is that of the table's name (``validation-annotations-bbox.csv``) or of its folder.

The tables name all pictures of Open Images and a set holds some of them: rows of others are counted and passed over, in
memory that does not grow with them. Pictures without a row are left out, since what was not looked for is not marked.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from streamvision.core.reading import UnreadableError, open_text, read_text
from streamvision.core.words import counted
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, Split
from streamvision.datasets.files import (
    files_below,
    files_marked,
    find_pictures,
    head_of,
    root_of,
    split_in,
    split_of_path,
)

COLUMNS = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax")
_HEAD_BYTES = 4096
_LONGEST_LINE = 1 << 16
_DESCRIPTIONS = "class-descriptions"
_DESCRIBES = (b"/m/", b"LabelName,DisplayName")
"""Beginnings of such a table under another name: FiftyOne calls it classes.csv."""
_Row = dict[str, str]


def find_open_images(path: Path) -> list[Path]:
    """Return the CSV files with this header in a folder, sorted; or the file given."""
    return files_marked(path, {".csv"}, is_open_images)


def is_open_images(path: Path) -> bool:
    """Whether a file's first line names the columns, in any order."""
    first = head_of(path, _HEAD_BYTES).decode().partition("\n")[0]
    header = {cell.strip().strip('"') for cell in first.split(",")}
    return path.suffix.lower() == ".csv" and set(COLUMNS) <= header


def read_open_images(path: Path, *, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or its one table; what is wrong becomes problems of the result."""
    collector = Collector(progress)
    folder = root_of(path, labels_in=("annotations", "labels", "csv_folder", "metadata"))
    pictures: defaultdict[str, list[Path]] = defaultdict(list)
    for picture in find_pictures(folder):
        pictures[picture.stem].append(picture)
    names = _read_descriptions(folder, collector)
    tables = find_open_images(path)
    used: set[str] = set()
    for done, table in enumerate(tables):
        collector.progress(done, len(tables))
        reader = _TableReader(table, split_in(table.stem) or split_of_path(table, folder), folder, pictures, collector)
        used |= reader.read(names)
    if path.is_dir():
        for picture in (one for places in pictures.values() for one in places):
            if not collector.known(picture):
                collector.note(picture, "unlabelled_picture", "is named in no row; left out")
    return collector.dataset([name for name in dict.fromkeys(names.values()) if name in used])


class _TableReader:
    """Reads one table."""

    def __init__(
        self, path: Path, split: Split | None, folder: Path, pictures: dict[str, list[Path]], collector: Collector
    ) -> None:
        self._path = path
        self._split = split
        self._folder = folder
        self._pictures = pictures
        self._collector = collector
        self._elsewhere = 0
        """Rows of pictures that are not there."""
        self._ambiguous: dict[str, list[Path]] = {}
        """By id, pictures that cannot be told apart."""
        self._unnamed: dict[str, None] = {}
        """Classes without a description."""

    def read(self, names: dict[str, str]) -> set[str]:
        """Take in the pictures that are there and return the names of the classes that were seen."""
        rows: defaultdict[Path, list[tuple[str, _Row]]] = defaultdict(list)
        for where, row in self._rows():
            path = self._picture_of((row.get("ImageID") or "").strip())
            if path is None:
                self._elsewhere += (row.get("ImageID") or "").strip() not in self._ambiguous
            else:
                rows[path].append((where, row))
        used: set[str] = set()
        for path, mine in rows.items():
            split = self._split or split_of_path(path, self._folder)
            if self._collector.taken_before(path, split):
                reason = f"names {path.stem} again, in {counted(len(mine), 'rows')}; left out"
                self._collector.note(self._path, "broken_labels", reason)
                continue
            if (picture := self._collector.open(path)) is None:
                continue
            size = picture.width_px, picture.height_px
            boxes = [box for where, row in mine if (box := self._box(where, row, size, names))]
            used.update(box.name for box in boxes)
            self._collector.add(picture, boxes, split=split, labels=self._path)
        self._tell(names)
        return used

    def _rows(self) -> Iterator[tuple[str, _Row]]:
        try:
            with open_text(self._path) as file:
                reader = csv.DictReader(_lines(file))
                reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
                if missing := set(COLUMNS).difference(reader.fieldnames):
                    reason = f"has no column {', '.join(sorted(missing))}, so it is not Open Images'; left out"
                    self._collector.note(self._path, "broken_labels", reason)
                    return
                for row in reader:
                    yield f"row {reader.line_num}", row
        except OSError as error:
            self._collector.note(self._path, "broken_labels", f"cannot be read ({error.strerror}); left out")
        except UnreadableError as error:
            self._collector.note(self._path, "broken_labels", f"{error}; left out")
        except (csv.Error, UnicodeDecodeError) as error:
            reason = f"is not valid CSV ({error}); the rows after that were left out"
            self._collector.note(self._path, "broken_labels", reason)

    def _picture_of(self, image_id: str) -> Path | None:
        """Return the picture of an id, of several the one in a folder of the table's split."""
        places = self._pictures.get(image_id, [])
        if self._split and len(places) > 1:
            places = [one for one in places if split_of_path(one, self._folder) == self._split]
        if len(places) > 1:
            self._ambiguous[image_id] = places
        return places[0] if len(places) == 1 else None

    def _box(self, where: str, row: _Row, size_px: tuple[int, int], names: dict[str, str]) -> MarkedBox | None:
        image_id, label = row["ImageID"], (row.get("LabelName") or "").strip()
        if not label:
            self._collector.note(self._path, "bad_class", f"{where} ({image_id}) has no LabelName; left out")
            return None
        try:
            left, right, top, bottom = (float(row[key] or "") for key in ("XMin", "XMax", "YMin", "YMax"))
        except (TypeError, ValueError):
            left = right = top = bottom = -1.0
        if not all(0 <= value <= 1 for value in (left, right, top, bottom)):
            reason = f"{where} ({image_id}) has no four shares of the picture from 0 to 1 for its box; left out"
            self._collector.note(self._path, "bad_box", reason)
            return None
        if label not in names and names:
            self._unnamed[label] = None
        width, height = size_px
        corners = (left * width, top * height, right * width, bottom * height)
        return MarkedBox(names.get(label, label), corners, (row.get("IsGroupOf") or "").strip() == "1")

    def _tell(self, names: dict[str, str]) -> None:
        if self._elsewhere:
            reason = f"has {counted(self._elsewhere, 'rows')} of pictures that are not in {self._folder}; passed over"
            self._collector.note(self._path, "missing_picture", reason)
        for image_id, places in self._ambiguous.items():
            shown = " or ".join(str(place.relative_to(self._folder)) for place in places[:2])
            reason = f"names the picture {image_id}, which may be {shown}; left out"
            self._collector.note(self._path, "missing_picture", reason)
        if self._unnamed:
            shown = ", ".join(list(self._unnamed)[:5])
            reason = f"has classes that no {_DESCRIPTIONS}*.csv names ({shown}); they keep their ids"
            self._collector.note(self._path, "bad_class", reason)


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a table, which may be larger than the memory, as that of all training pictures is (2.3 GB)."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error(f"a line is longer than {_LONGEST_LINE:,} characters")
        yield line


def _read_descriptions(folder: Path, collector: Collector) -> dict[str, str]:
    """Return class names by machine id, in the order of the file."""
    names: dict[str, str] = {}
    for path in files_below(folder, {".csv"}):
        if not (_DESCRIPTIONS in path.name or head_of(path, _HEAD_BYTES).startswith(_DESCRIBES)):
            continue
        try:
            rows = list(csv.reader(io.StringIO(read_text(path))))
        except (UnreadableError, csv.Error) as error:
            collector.note(path, "broken_labels", f"{error}; left out")
            continue
        names |= {row[0].strip(): row[1].strip() for row in rows if len(row) > 1 and row[1].strip()}
    names.pop("LabelName", None)  # the header that newer editions have
    return names
