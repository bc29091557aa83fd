"""What is remembered of a card between two runs: its clips, what was found on them, and the numbers of objects.

A SQLite file and a folder of files beside it. Everything else is made anew from these, so that a run that was killed
and one that was not come to the same.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from streamvision.core.errors import StateError
from streamvision.dashcam.clip import Clip
from streamvision.dashcam.clip_key import is_continued
from streamvision.state.folder import FILE_MODE, prepare_folder
from streamvision.trip.clip_detections import ClipDetections
from streamvision.trip.clip_record import clip_from, clip_row

INDEX_FILE = "trip.db"
LOCK_WAIT_S = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS clips (key TEXT PRIMARY KEY, path TEXT NOT NULL, clip TEXT);
CREATE INDEX IF NOT EXISTS clips_by_path ON clips (path);
CREATE TABLE IF NOT EXISTS texts (view TEXT PRIMARY KEY, text TEXT NOT NULL, score REAL NOT NULL);
CREATE TABLE IF NOT EXISTS objects (first_seen TEXT PRIMARY KEY, id INTEGER NOT NULL);
"""


class TripIndex:
    """The clips that are known, and what was found on them.

    Args:
        folder: where it is kept; made where it is not there.
        settings: a short name of all that decides what is found on a clip: the model, its thresholds, the pace.

    Raises:
        StateError: when the folder cannot be used.
    """

    def __init__(self, folder: Path, *, settings: str) -> None:
        self.folder = prepare_folder(folder)
        """Where it is kept."""
        self._settings = settings
        for name in ("clips", "drives"):
            prepare_folder(folder / name)
        with self._errors():
            self._database = sqlite3.connect(folder / INDEX_FILE, timeout=LOCK_WAIT_S)
            (folder / INDEX_FILE).chmod(FILE_MODE)
            self._database.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def __enter__(self) -> TripIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, clips: Iterable[Clip]) -> dict[str, Clip]:
        """Take note of clips that are there, and return them by key; the first one of several copies counts."""
        added: dict[str, Clip] = {}
        with self._errors(), self._database:
            for clip in clips:
                if clip.key not in added:
                    added[clip.key] = clip
                    self._displace(clip)
                    self._database.execute(
                        "INSERT OR REPLACE INTO clips (key, path, clip) VALUES (?, ?, ?)", _row(clip.key, clip)
                    )
        return added

    def known(self) -> dict[str, Clip]:
        """Return all clips that were ever seen and worked on, by key; those that a card has overwritten, too.

        Each has a path of its own.
        """
        with self._errors():
            rows = self._database.execute("SELECT key, clip FROM clips ORDER BY key").fetchall()
        known = {}
        for key, text in rows:
            if self.is_done(key):
                with suppress(ValueError, KeyError, TypeError):  # of another version: read again where it is there
                    known[key] = clip_from(json.loads(text))
        return known

    def _displace(self, clip: Clip) -> None:
        """Give what lay in a clip's place before a path of its own, or forget it where the clip is more of it."""
        rows = self._database.execute(
            "SELECT key, clip FROM clips WHERE path = ? AND key != ?", (_path_text(clip.path), clip.key)
        ).fetchall()
        for key, text in rows:
            try:
                before = clip_from(json.loads(text))
            except (ValueError, KeyError, TypeError):
                before = None
            if before is None or is_continued(key, before.size_bytes, clip.path):
                self._database.execute("DELETE FROM clips WHERE key = ?", (key,))
            else:
                gone = replace(before, path=before.path.with_name(f"{before.path.name}~{key}"))
                self._database.execute(
                    "INSERT OR REPLACE INTO clips (key, path, clip) VALUES (?, ?, ?)", _row(key, gone)
                )

    def detections(self, key: str) -> ClipDetections | None:
        """Return what was found on a clip; ``None`` where it has not been worked on with these settings."""
        return ClipDetections.load(self._file(key))

    def is_done(self, key: str) -> bool:
        """Say whether a clip has been worked on with these settings."""
        return zipfile.is_zipfile(self._file(key))  # not what a power cut left of it

    def keep(self, key: str, found: ClipDetections) -> None:
        """Keep what was found on a clip.

        Raises:
            OutputError: when the disk takes nothing.
        """
        found.save(self._file(key))

    def texts(self, views: Iterable[str]) -> dict[str, tuple[str, float]]:
        """Return what was read on views of objects, and how sure that was, by their names."""
        read = {}
        with self._errors():
            for view in views:
                row = self._database.execute("SELECT text, score FROM texts WHERE view = ?", (view,)).fetchone()
                if row is not None:
                    read[view] = row[0], row[1]
        return read

    def keep_texts(self, read: Mapping[str, tuple[str, float]]) -> None:
        """Keep what was read on views of objects."""
        with self._errors(), self._database:
            rows = [(view, text, score) for view, (text, score) in read.items()]
            self._database.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", rows)

    def numbers(self, objects: Iterable[Sequence[str]]) -> list[int]:
        """Return the numbers of objects; new ones get the next ones, from 1.

        Args:
            objects: where each identity of an object was seen first, in their order: an earlier drive, or one more clip
                before the others, gives it no other number.
        """
        with self._errors(), self._database:
            known = dict(self._database.execute("SELECT first_seen, id FROM objects"))
            highest = max(known.values(), default=0)
            numbers: list[int] = []
            given: set[int] = set()
            for names in objects:
                number = next((known[name] for name in names if known.get(name, 0) not in {0, *given}), highest + 1)
                highest = max(highest, number)
                given.add(number)
                numbers.append(number)
                rows = [(name, number) for name in names if name not in known]
                self._database.executemany("INSERT OR IGNORE INTO objects VALUES (?, ?)", rows)
        return numbers

    def _file(self, key: str) -> Path:
        return self.folder / "clips" / f"{key}-{self._settings}.npz"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StateError(
                f"the index {self.folder / INDEX_FILE} cannot be used: {error}; give another folder with --state DIR, "
                "or remove it to begin anew"
            ) from error


def _row(key: str, clip: Clip) -> tuple[str, str, str]:
    return key, _path_text(clip.path), json.dumps(clip_row(clip))


def _path_text(path: Path) -> str:
    """Return a path as the database takes it, whatever bytes it is made of."""
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")
