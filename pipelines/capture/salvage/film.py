"""A film that has lost its index, as FFmpeg reads it: its own bytes, with an index behind them."""

from __future__ import annotations

import io
import os
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import av

from pipelines.capture.file_list import natural, printable
from pipelines.capture.salvage.chains import ChainReader
from pipelines.capture.salvage.index import PlacedPicture, index_of
from pipelines.capture.salvage.order import Found, ordered
from pipelines.capture.salvage.template import Template, read_template, template_in_data, template_of
from streamvision.core.reading import UnreadableError, open_ordinary
from streamvision.gps.boxes import Box, find_box, read_at, size_of, walk_boxes
from streamvision.gps.containers.freegps.blocks import BLOCK_BYTES
from streamvision.gps.containers.freegps.reader import block_fixes
from streamvision.gps.sample_tables import read_tracks

SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".3gp", ".3g2", ".insv", ".360"})
"""Of files in which an index may be missing."""
_SIBLINGS = 8
"""Most clips of the same camera that are asked."""
_AFTER_DATA = frozenset({b"moov", b"free", b"skip", b"udta", b"mdat", b"uuid", b"wide"})
_HEADER_BYTES = 16
_INDEX_BYTES = 32 << 20
"""The index is looked for in so many bytes at the end."""


@dataclass(frozen=True)
class Salvaged:
    """A film without an index, and one that was made for it or found elsewhere in it."""

    index: bytes
    """The ``moov`` box."""
    template: Path | None
    """The clip whose parameters stand in for the lost ones; ``None`` where its own are there."""
    pictures: int
    """How many can be decoded, as far as their heads tell."""
    lost: int
    """About how many are missing between them."""
    holes: int
    """At how many places."""
    old: int
    """How many pictures of older clips lie behind them and were left out."""
    fps: float
    """Pictures in a second."""
    start_unix_s: float | None
    """When the first picture was taken, by the blocks of positions between the pictures."""

    @property
    def lost_s(self) -> float:
        """About how many seconds are missing."""
        return self.lost / self.fps

    def __str__(self) -> str:
        by = f" by the parameters of {printable(self.template.name)}" if self.template is not None else ""
        text = (
            f"has no index that can be used: {self.pictures} pictures ({self.pictures / self.fps:.1f} s) are read{by}"
        )
        if self.holes or self.lost:
            places = f" at {self.holes} place{'s' if self.holes != 1 else ''}" if self.holes else ""
            text += f"; about {self.lost_s:.1f} s are lost{places}"
        return text + (f"; {self.old} pictures of an older clip behind them are left out" if self.old else "")


class IndexedFilm(io.RawIOBase):
    """The bytes of a film, its first ones replaced by a box that holds the rest of it, and the index behind that."""

    def __init__(self, path: Path, index: bytes) -> None:
        """Open the film.

        Raises:
            OSError, UnreadableError: when it cannot be.
        """
        super().__init__()
        self._file = open_ordinary(path)
        self._film_bytes = size_of(self._file)
        self._front = (1).to_bytes(4, "big") + b"free" + self._film_bytes.to_bytes(8, "big")
        self._index = index
        self._place = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; fewer where one part ends."""
        left = self._film_bytes + len(self._index) - self._place
        size = left if size < 0 else min(size, left)
        if self._place < _HEADER_BYTES:
            data = self._front[self._place : self._place + size]
        elif self._place < self._film_bytes:
            data = read_at(self._file, self._place, min(size, self._film_bytes - self._place))
            data = data or bytes(min(size, self._film_bytes - self._place))  # the file has been cut since
        else:
            data = self._index[self._place - self._film_bytes :][: max(size, 0)]
        self._place += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place and return it."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._film_bytes + len(self._index)}[whence]
        self._place = max(origin + offset, 0)
        return self._place

    def tell(self) -> int:
        """Return the present place."""
        return self._place

    def close(self) -> None:
        """Close the film."""
        self._file.close()
        super().close()


def lacks_index(path: Path) -> bool:
    """Say whether a file is a film that should have an index, and has none, or only a part of one."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    try:
        with open_ordinary(path) as file:
            return not any(box.kind in (b"moov", b"moof") and not box.is_cut for box in walk_boxes(file))
    except (UnreadableError, OSError):
        return False


def salvage(path: Path, siblings: Sequence[Path] = ()) -> Salvaged | None:
    """Find the pictures of a film that has lost its index.

    Args:
        path: the film.
        siblings: clips of the same camera and lens, the likeliest first; by default those in the same folder.

    Returns:
        ``None`` where it has no picture, or nothing tells how it is coded.
    """
    try:
        with open_ordinary(path) as file:
            return _salvaged(file, path, siblings or siblings_of(path))
    except (UnreadableError, OSError):
        return None


def siblings_of(path: Path) -> list[Path]:
    """Return the other clips in a folder, the likeliest to be of the same camera first."""
    try:
        entries = [Path(one.path) for one in os.scandir(path.parent) if one.is_file() and not one.name.startswith(".")]
    except OSError:
        return []
    return likeliest_first(path, [one for one in entries if one.suffix.lower() == path.suffix.lower()])


def likeliest_first(path: Path, clips: Sequence[Path]) -> list[Path]:
    """Return clips but this one, those first whose names differ from its in their numbers only, and by least."""
    places = {one: place for place, one in enumerate(sorted({path, *clips}, key=natural))}
    others = [one for one in places if one != path]
    return sorted(others, key=lambda one: (_form(one) != _form(path), abs(places[one] - places[path])))


def _form(path: Path) -> str:
    return re.sub(r"\d", "0", path.stem).casefold()


def _salvaged(file: BinaryIO, path: Path, siblings: Sequence[Path]) -> Salvaged | None:
    start, end = _data_of(file)
    if (hidden := _with_hidden_index(file, path)) is not None:
        return hidden
    for template in _templates(file, path, start, siblings):
        found = _pictures(file, template, start, end)
        if found is not None and found.pictures and _can_be_decoded(file, found.pictures, template):
            return _told(found, template)
    return None


def _with_hidden_index(file: BinaryIO, path: Path) -> Salvaged | None:
    """Return a film whose index is there, but hidden behind data that say that they last to the end."""
    if find_box(file, b"moov") is not None:
        return None
    begin = max(size_of(file) - _INDEX_BYTES, 0)
    tail = read_at(file, begin, _INDEX_BYTES)
    at = tail.rfind(b"moov")
    size = int.from_bytes(tail[at - 4 : at], "big") if at >= 4 else 0
    if tail[at + 8 : at + 12] != b"mvhd" or size < 16 or at - 4 + size > len(tail):
        return None
    index = tail[at - 4 : at - 4 + size]
    film: Any = IndexedFilm(path, index)
    with film:
        template = template_of(film, None)
        tracks = read_tracks(film) if template is not None else []
        pictures = max((len(one.samples(film)) for one in tracks if one.handler == b"vide"), default=0)
    if template is None or not pictures:
        return None
    return Salvaged(index, None, pictures, lost=0, holes=0, old=0, fps=template.fps, start_unix_s=None)


def _templates(file: BinaryIO, path: Path, start: int, siblings: Sequence[Path]) -> Iterator[Template]:
    own = template_of(file, None) or template_in_data(file, start)
    if own is not None:
        yield own
    others = (read_template(one) for one in siblings if one != path)
    for template, _ in zip((one for one in others if one is not None), range(_SIBLINGS), strict=False):
        yield template


def _data_of(file: BinaryIO) -> tuple[int, int]:
    """Return where the pictures lie: in the ``mdat`` box, or, where its length is no true one, up to the end."""
    size = size_of(file)
    for box in walk_boxes(file):
        if box.kind == b"mdat":
            after = next(walk_boxes(file, box.end), None)
            is_true = after is not None and after.kind in _AFTER_DATA
            return box.body, box.end if is_true else size
    return 0, size


def _pictures(file: BinaryIO, template: Template, start: int, end: int) -> Found | None:
    chains = list(ChainReader(file, template, end).chains(start))
    return ordered(chains, template, partial(_time_in, file)) if any(one.pictures for one in chains) else None


def _time_in(file: BinaryIO, box: Box) -> float | None:
    """Return the time that a block of positions says, in seconds since 1970; ``None`` where it says none."""
    fixes = block_fixes(read_at(file, box.start, min(box.end - box.start, BLOCK_BYTES)))
    return fixes[-1].unix_s if fixes else None


def _can_be_decoded(file: BinaryIO, pictures: Sequence[PlacedPicture], template: Template) -> bool:
    """Say whether one of the first key pictures can be decoded by these parameters."""
    keys = [one for one in pictures if one.is_key][:3]
    return any(_decodes(read_at(file, one.start, one.size), template) for one in keys)


def _decodes(data: bytes, template: Template) -> bool:
    context: Any = av.CodecContext.create(template.syntax.codec, "r")
    context.extradata = template.extradata
    context.options = {"err_detect": "explode"}
    try:
        frames = context.decode(av.Packet(data)) + context.decode(None)
    except (OSError, ValueError, av.error.FFmpegError):
        return False
    return any(not one.is_corrupt for one in frames)


def _told(found: Found, template: Template) -> Salvaged:
    starts = [said - place / template.fps for place, said in found.times]
    return Salvaged(
        index=index_of(found.pictures, template),
        template=template.file,
        pictures=len(found.pictures),
        lost=found.lost,
        holes=found.holes,
        old=found.old,
        fps=template.fps,
        start_unix_s=statistics.median(starts) if starts else None,
    )
