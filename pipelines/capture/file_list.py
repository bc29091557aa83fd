"""Which files a folder, a glob, a numbered pattern or several paths mean, and in which order."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PICTURE = re.compile(r"\.(apng|bmp|jpe?g|p[gp]m|png|tiff?|webp)", re.IGNORECASE)
_VIDEO = re.compile(
    r"\.(26[45]|3g[2p]|asf|avi|dav|divx|dv|f4v|flv|gif|h26[45]|hevc|ivf|m1v|m2ts?|m2v|m4v|mjpe?g|mkv|mov|mp4|mp[eg]|"
    r"mpeg|mts|mxf|nut|obu|og[mv]|qt|rm|rmvb|ts|vob|webm|wmv|y4m)",
    re.IGNORECASE,
)
"""What is taken for a video in a folder; files that are named, or as in ``*.bin``, may have any ending."""
_DAY, _HOUR = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII), re.compile(r"\d\d", re.ASCII)
"""Folders that recordings of a stream are laid into."""
_NUMBER = re.compile(r"%(?:0(\d{1,2}))?d")


@dataclass(frozen=True)
class FileList:
    """Files that are read one after another, told apart by their names."""

    pictures: list[Path]
    """In the order in which they are read."""
    videos: list[Path]
    """Likewise."""

    @property
    def exist(self) -> bool:
        """Whether there is any."""
        return bool(self.pictures or self.videos)

    @property
    def of_videos(self) -> bool:
        """Whether the videos are read where there are both: clips have a thumbnail each, folders of photos a clip."""
        return len(self.videos) >= max(len(self.pictures), 1)

    def mixture(self) -> str | None:
        """Return in words what is left out where there are both pictures and videos."""
        if not (self.pictures and self.videos):
            return None
        counts = f"{_count(self.pictures, 'picture')} and {_count(self.videos, 'video')}"
        read, other = ("videos", self.pictures) if self.of_videos else ("pictures", self.videos)
        return (
            f"{counts}: only the {read} are read; give the others as a source of their own, as by '*{other[0].suffix}'"
        )


def list_files(paths: Sequence[str]) -> FileList:
    """Return the files that one path means, or several in their order.

    Each is a file, a folder, a glob or a numbered pattern (``f_%04d.png``) and gives its files in natural order, ``2``
    before ``10``. A folder of recordings, with folders for days and hours in it, gives those of all. Several paths in
    alphabetical order, which is how a shell lists a glob, are put into natural order, too.
    """
    if list(paths) in (sorted(paths), sorted(paths, key=str.casefold)):
        paths = sorted(paths, key=natural)
    files = [file for path in paths for file in _expanded(path)]
    pictures = [file for file in files if is_picture(file)]
    return FileList(pictures, [file for file in files if not is_picture(file)])


def is_picture(path: Path) -> bool:
    """Say whether a file is a picture, by its name."""
    return _PICTURE.fullmatch(path.suffix) is not None


def is_pattern(text: str) -> bool:
    """Say whether a text may stand for several files."""
    return "://" not in text and (glob.has_magic(text) or _NUMBER.search(Path(text).name) is not None)


def names_of(files: Sequence[Path]) -> list[str]:
    """Return what results call each file: its path from the folder that holds them all."""
    if not files:
        return []
    folder = os.path.commonpath([file.absolute().parent for file in files])
    return [printable(os.path.relpath(file, folder)) for file in files]


def folder_name(files: Sequence[Path]) -> str:
    """Return the name of the folder that holds all of them."""
    return Path(os.path.commonpath([file.absolute().parent for file in files])).name


def printable(text: str) -> str:
    """Return a file's name as it may be shown, where it is not valid UTF-8, too."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def natural(path: Path | str) -> tuple[list[tuple[int, int, str]], str]:
    """Return the key by which ``2.jpg`` comes before ``10.jpg``."""
    text = str(path)
    parts = re.split(r"(\d+)", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], text


def _expanded(text: str) -> list[Path]:
    try:
        return _files_of(text)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # no file, but it may be another kind of source
            return []
        raise


def _files_of(text: str) -> list[Path]:
    path = Path(text).expanduser()
    if path.is_dir():
        found = [Path(entry.path) for entry in os.scandir(path) if not entry.name.startswith(".") and entry.is_file()]
        return _known(found) or _recorded(path)
    if path.exists():
        return [path] if path.is_file() else []
    if glob.has_magic(str(path)):
        found = [file for name in _matches(path) if (file := Path(name)).is_file()]
        return _known(found) or sorted(found, key=natural)
    return _numbered(path)


def _recorded(folder: Path) -> list[Path]:
    """Return the recordings of a stream, or of one of its days, which lie in folders for their days and hours."""
    inner = sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    days = [one for one in inner if _DAY.fullmatch(one.name)]
    hours = [one for one in inner if _HOUR.fullmatch(one.name)] if _DAY.fullmatch(folder.name) else []
    return [file for one in days for file in _recorded(one)] + [file for one in hours for file in _files_of(str(one))]


def _matches(pattern: Path) -> list[str]:
    """Return what a glob matches; a folder that exists under its name is meant by it, though that holds brackets."""
    folder = next((folder for folder in pattern.parents if folder.is_dir()), Path())
    rest = str(pattern.relative_to(folder)) if folder.parts else str(pattern)
    return glob.glob(f"{glob.escape(str(folder))}/{rest}", recursive=True)  # noqa: PTH207


def _known(files: Sequence[Path]) -> list[Path]:
    return sorted((file for file in files if is_picture(file) or _VIDEO.fullmatch(file.suffix)), key=natural)


def _numbered(pattern: Path) -> list[Path]:
    """Return the files of a pattern as FFmpeg and printf write it; unlike FFmpeg, a missing number ends nothing."""
    if _NUMBER.search(pattern.name) is None or not pattern.parent.is_dir():
        return []
    texts = [re.escape(text.replace("%%", "%")) for text in _NUMBER.split(pattern.name)[::2]]
    digits = [rf"\d{{{int(width or 1)},}}" for width in _NUMBER.split(pattern.name)[1::2]]
    name = re.compile("".join(text + number for text, number in zip(texts, [*digits, ""], strict=True)))
    found = (file for file in pattern.parent.iterdir() if name.fullmatch(file.name) and file.is_file())
    return sorted(found, key=natural)


def _count(files: Sequence[Path], word: str) -> str:
    return f"{len(files)} {word}{'s' if len(files) != 1 else ''}"
