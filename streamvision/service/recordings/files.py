"""Recorded files: their names, and how they are found, renamed and removed.

A file is ``STREAM/YYYY-MM-DD/HH/MM-SS.mmmZ.KIND.mp4``, named for the moment of its first picture in UTC; its boxes
stand beside it as ``MM-SS.mmmZ.boxes.jsonl``. Its place is that without the ends of the names. Whatever else lies
there, under other names or behind links, is none of ours: it is neither followed nor counted nor removed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Container, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import get_args

from pipelines.recording.segment_store import boxes_path
from streamvision.core.config.section import ID
from streamvision.core.errors import OutputError
from streamvision.core.files import writing
from streamvision.core.recordings import RecordingKind
from streamvision.state.folder import FOLDER_MODE

KINDS: tuple[RecordingKind, ...] = get_args(RecordingKind)
_STREAM = re.compile(ID.strip("^$"))
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_HOUR = re.compile(r"\d\d")
_FILE = re.compile(rf"(?P<time>\d\d-\d\d\.\d{{3}}Z)\.(?:(?P<kind>{'|'.join(KINDS)})\.mp4|boxes\.jsonl)", re.ASCII)
_ABSENT = (FileNotFoundError, NotADirectoryError)
"""What the system says of a file that is not there, and of one behind a link in place of a folder."""
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class FoundFile:
    """A recorded file on the disk."""

    place: str
    """Its place below the folder of recordings."""
    kind: RecordingKind
    """Why it is kept, as its name says."""
    size_bytes: int
    """Size of it and of its boxes."""

    @property
    def start_unix_s(self) -> float:
        """When its first picture arrived, to a millisecond, as its name says."""
        return start_of(self.place)


def place_of(stream: str, start_unix_s: float) -> str:
    """Return the place of a file.

    >>> place_of("door", 1777638600.25)
    'door/2026-05-01/12/30-00.250Z'
    """
    milliseconds = round(start_unix_s * 1000)
    moment = datetime.fromtimestamp(milliseconds // 1000, tz=timezone.utc)
    return f"{stream}/{moment:%Y-%m-%d/%H/%M-%S}.{milliseconds % 1000:03d}Z"


def start_of(place: str) -> float:
    """Return the moment that a place is named for.

    >>> start_of("door/2026-05-01/12/30-00.250Z")
    1777638600.25

    Raises:
        ValueError: when there is no such moment.
    """
    _, moment = place.split("/", 1)
    return datetime.strptime(f"{moment[:-1]}000+0000", "%Y-%m-%d/%H/%M-%S.%f%z").timestamp()


class RecordingFiles:
    """The recorded files below one folder; what is raised and caught here is the system's, per file.

    Args:
        folder: the folder, which may be a link itself.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        """The folder."""

    def path(self, place: str, kind: RecordingKind) -> Path:
        """Return where a file is."""
        return self.folder / f"{place}.{kind}.mp4"

    def find(self, place: str, kind: RecordingKind) -> Path | None:
        """Return where a file is, if of another kind than was thought; ``None`` where it is not."""
        for one in (kind, *KINDS):
            if self.size(place, one) is not None:
                return self.path(place, one)
        return None

    def prepare(self, place: str) -> None:
        """Make the folders of a place, for their owner alone.

        Raises:
            OutputError: when they cannot be made, or one of them is a link.
        """
        with writing(self.folder / place, instead="give another recording.folder, or free that one"):
            self.folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for name in place.split("/")[:-1]:
                    with suppress(FileExistsError):
                        os.mkdir(name, FOLDER_MODE, dir_fd=descriptor)
                    descriptor = _descend(descriptor, name)
            finally:
                os.close(descriptor)

    def is_taken(self, place: str) -> bool:
        """Say whether anything lies at a place already."""
        names = [self.path(place, kind) for kind in KINDS]
        return any(os.path.lexists(name) for name in (*names, boxes_path(names[0])))

    def size(self, place: str, kind: RecordingKind) -> int | None:
        """Return the size of a file and its boxes; ``None`` where there is no such file."""
        path = self.path(place, kind)
        try:
            with self._folder_of(place) as descriptor:
                size = _size(path.name, descriptor)
                return None if size is None else size + (_size(boxes_path(path).name, descriptor) or 0)
        except OSError:
            return None

    def rename(self, place: str, before: RecordingKind, after: RecordingKind) -> bool:
        """Rename a file for its kind; return whether it was there.

        Raises:
            OutputError: when the system refuses.
        """
        name, new = self.path(place, before).name, self.path(place, after).name
        try:
            with (
                writing(self.path(place, after), instead="look at the permissions"),
                self._folder_of(place) as descriptor,
            ):
                if _size(name, descriptor) is None:
                    return False
                os.rename(name, new, src_dir_fd=descriptor, dst_dir_fd=descriptor)
                return True
        except OutputError as error:
            if isinstance(error.__cause__, _ABSENT):
                return False
            raise

    def remove(self, place: str, kind: RecordingKind) -> bool:
        """Remove a file with its boxes; return whether it was there.

        Raises:
            OSError: when the system refuses.
        """
        path = self.path(place, kind)
        try:
            with self._folder_of(place) as descriptor:
                if _size(path.name, descriptor) is None:
                    return False
                os.unlink(path.name, dir_fd=descriptor)
                self._remove_boxes(place, descriptor)
        except _ABSENT:
            return False
        return True

    def remove_boxes(self, place: str) -> None:
        """Remove boxes that stand beside no file.

        Raises:
            OSError: when the system refuses.
        """
        with suppress(*_ABSENT), self._folder_of(place) as descriptor:
            self._remove_boxes(place, descriptor)

    def tidy(self, place: str) -> None:
        """Remove the folders of a place that are empty."""
        parts = place.split("/")[:-1]
        with suppress(OSError):
            while parts:
                with self._opened(parts[:-1]) as descriptor:
                    os.rmdir(parts.pop(), dir_fd=descriptor)

    def streams(self) -> list[str]:
        """Return the streams of which there is a folder."""
        with suppress(OSError), self._opened([]) as descriptor:
            return sorted(_names(descriptor, _STREAM))
        return []

    def scan(self, stream: str, *, written: Container[str] = ()) -> Iterator[FoundFile]:
        """Yield the files of a stream, the oldest first, and remove boxes that stand beside none.

        Args:
            stream: its id.
            written: places that are left out, since files are being written there.
        """
        for place, kinds, has_boxes in self._places(stream):
            if place in written:
                continue
            for kind in kinds[:1]:
                size = self.size(place, kind)
                if size is not None:
                    yield FoundFile(place, kind, size)
            if has_boxes and not kinds:
                with suppress(OSError):
                    self.remove_boxes(place)

    def free_bytes(self) -> int | None:
        """Return what is free on the disk of the folder; ``None`` where that cannot be told."""
        try:
            found = os.statvfs(self.folder)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    def _places(self, stream: str) -> Iterator[tuple[str, list[RecordingKind], bool]]:
        for date in self._below([stream], _DATE):
            for hour in self._below([stream, date], _HOUR):
                found: dict[str, tuple[set[RecordingKind], bool]] = {}
                for name in self._below([stream, date, hour], _FILE):
                    match = _FILE.fullmatch(name)
                    assert match is not None
                    kinds, has_boxes = found.get(match["time"], (set(), False))
                    kind: RecordingKind | None = match["kind"]  # type: ignore[assignment]
                    found[match["time"]] = (kinds | {kind} if kind else kinds, has_boxes or kind is None)
                for time, (kinds, has_boxes) in sorted(found.items()):
                    place = f"{stream}/{date}/{hour}/{time}"
                    with suppress(ValueError):  # there is no such moment, so it is not ours
                        start_of(place)
                        yield place, sorted(kinds, key=KINDS.index, reverse=True), has_boxes

    def _below(self, parts: list[str], pattern: re.Pattern[str]) -> list[str]:
        try:
            with self._opened(parts) as descriptor:
                return sorted(_names(descriptor, pattern))
        except OSError:
            return []

    def _remove_boxes(self, place: str, descriptor: int) -> None:
        name = boxes_path(self.path(place, "event")).name
        if _size(name, descriptor) is not None:
            os.unlink(name, dir_fd=descriptor)

    def _folder_of(self, place: str) -> AbstractContextManager[int]:
        return self._opened(place.split("/")[:-1])

    @contextmanager
    def _opened(self, parts: list[str]) -> Iterator[int]:
        """Open a folder below ours, along no link."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in parts:
                descriptor = _descend(descriptor, name)
            yield descriptor
        finally:
            os.close(descriptor)


def _descend(descriptor: int, name: str) -> int:
    """Open a folder in another one, which is closed; where that fails, it stays open."""
    below = os.open(name, _FOLDER_FLAGS, dir_fd=descriptor)
    os.close(descriptor)
    return below


def _names(descriptor: int, pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield the names of what is ours in a folder: of files those of files, of folders those of folders."""
    with os.scandir(descriptor) as entries:
        for entry in entries:
            is_right = entry.is_file if pattern is _FILE else entry.is_dir
            if pattern.fullmatch(entry.name) and is_right(follow_symlinks=False):
                yield entry.name


def _size(name: str, descriptor: int) -> int | None:
    try:
        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
