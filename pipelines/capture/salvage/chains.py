"""Pictures found in the bytes of a film that has lost its index.

Coded units follow on each other, each with its length in front. Between them lie sound, which nothing marks, and blocks
of positions, which are boxes. Where no unit follows, the next place is looked for at which one does, whose head goes on
from the picture before (ITU-T H.264, 7.4.3: ``frame_num``; H.265: the order count) and behind which more units follow.
Only heads are read, so a clip costs little more than its bytes that are no units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, NamedTuple

import numpy as np

from pipelines.capture.salvage.template import Template
from pipelines.capture.salvage.units import HEAD_BYTES, Slice, Unit
from streamvision.gps.boxes import Box, read_at, size_of, walk_boxes

MAX_PICTURES = 1_000_000
"""Most pictures of one clip: nine hours of them."""
MAX_HOLE_BYTES = 256 << 20
"""After so many bytes without a picture, the rest is given up."""
_FIRST_WINDOW, _LARGEST_WINDOW = 1 << 10, 1 << 20
"""Bytes that are searched at a time: sound is short, holes are not."""
_LEAST_WORK_BYTES, _MOST_PASSES, _UNIT_COSTS_BYTES = 64 << 20, 8, 512
"""Bytes of which no film, however made, is worth more: so many, and so many times its size; a unit counts as some."""
_DATA = b"mdat"
_FILES = frozenset({b"ftyp", b"moov"})
"""With these another film begins or ends, whose data lay on the card before."""
_BOXES = frozenset({b"free", b"skip", b"wide", b"uuid", _DATA, *_FILES})
_LARGEST_BOX = 1 << 26
_POSITIONS = b"freeGPS "
_MOST_UNITS = 512
"""Most units of a picture."""
_MOST_RIVALS = 4


class CodedPicture(NamedTuple):
    """One picture in the file."""

    start: int
    """Its first byte."""
    size: int
    """Its length in bytes."""
    head: Slice
    """The head of its first slice."""

    @property
    def end(self) -> int:
        """Past its last byte."""
        return self.start + self.size


@dataclass
class Chain:
    """Pictures that follow on each other."""

    start: int
    """Where it begins in the file."""
    skipped: int
    """Bytes before it that are neither pictures nor what lies between them."""
    pictures: list[CodedPicture] = field(default_factory=list)
    """In the order of decoding."""
    blocks: list[tuple[int, Box]] = field(default_factory=list)
    """Boxes of positions: number of the picture after it in this chain, and where it lies."""
    end: int = 0
    """Past its last byte."""
    meets_film: bool = False
    """Whether the beginning or the index of a film follows on it."""


class ChainReader:
    """Reads the chains of one file.

    Args:
        file: the film; its place is changed.
        template: how its pictures are coded.
        end: past the last byte that may be of a picture.
    """

    def __init__(self, file: BinaryIO, template: Template, end: int) -> None:
        self._file = file
        self._syntax = template.syntax
        self._reach = template.reach
        self._largest = template.largest
        self._kinds = template.kinds
        self._countable_bytes = (template.picture_bytes or 0.0) * template.syntax.numbers / 4
        self._end = min(end, size_of(file))
        self._first_bytes = np.zeros(256, np.bool_)
        self._first_bytes[list(template.first_bytes or self._syntax.header_bytes)] = True
        self._work_left = _LEAST_WORK_BYTES + _MOST_PASSES * self._end

    def chains(self, start: int = 0) -> Iterator[Chain]:
        """Yield the chains from a place on, in their order; behind the beginning of another film comes nothing."""
        chain, before, skipped = Chain(start, 0), None, 0
        place, left = start, MAX_PICTURES
        while place < self._end and left and self._work_left > 0:
            picture = self._picture(place)
            if picture is not None:
                if before is not None and self._is_hole(before, picture.head, skipped):
                    yield chain
                    chain = Chain(picture.start, skipped)
                chain.pictures.append(picture)
                chain.end = place = picture.end
                before, skipped, left = picture.head, 0, left - 1
            elif (box := self._box(place)) is not None:
                if box.kind in _FILES and chain.pictures:
                    chain.meets_film = True
                    break
                if self._holds_positions(box):
                    chain.blocks.append((len(chain.pictures), box))
                place = box.body if box.kind == _DATA else box.end
            else:
                found = self._search(place + 1, before)
                if found is None:
                    break
                skipped, place = skipped + found - place, found
        yield chain

    def _is_hole(self, before: Slice, this: Slice, skipped: int) -> bool:
        """Say whether pictures are missing between two, by their numbers, or by the bytes where these cannot tell."""
        if skipped <= self._reach or not (this.is_key or skipped > self._countable_bytes):
            return self._syntax.missing(before, this) > 0
        return True

    def _picture(self, place: int) -> CodedPicture | None:
        """Return the picture that begins at a place; ``None`` where none does, or its first slice is not all there."""
        head, end = None, place
        for _ in range(_MOST_UNITS):
            found = self._unit(end)
            if found is None or not _goes_on(found[0], head):
                break
            head, end = head or found[0].slice, found[1]
        return CodedPicture(place, end - place, head) if head is not None else None

    def _unit(self, place: int) -> tuple[Unit, int] | None:
        """Return the unit at a place, and where it ends."""
        lengths = self._syntax.length_bytes
        self._work_left -= _UNIT_COSTS_BYTES
        data = read_at(self._file, place, lengths + HEAD_BYTES)
        size = int.from_bytes(data[:lengths], "big")
        end = place + lengths + size
        if len(data) <= lengths or not 2 <= size <= self._largest or end > self._end:
            return None
        unit = self._syntax.unit(data[lengths : lengths + size], size)
        return None if unit is None else (unit, end)

    def _box(self, place: int) -> Box | None:
        """Return the box at a place, where it is of a kind that lies between pictures or around them."""
        box = next(walk_boxes(self._file, place, self._end), None)
        if box is None or box.kind not in _BOXES:
            return None
        return box if box.kind == _DATA or box.promised_end - place <= _LARGEST_BOX else None

    def _holds_positions(self, box: Box) -> bool:
        return read_at(self._file, box.start + 4, len(_POSITIONS)) == _POSITIONS

    def _search(self, start: int, before: Slice | None) -> int | None:
        """Return the next place at which a block of positions begins, or a picture behind which others follow.

        Sound may look like the beginning of a picture, whose length is by chance then: of two that would overlap, the
        one counts behind which more follow in the same bytes.
        """
        last: CodedPicture | None = None
        for place in self._candidates(start, start + MAX_HOLE_BYTES):
            picture = self._picture(place)
            if picture is not None and self._is_confirmed(picture, before):
                return self._likeliest(picture, before)
            if self._box(place) is not None:
                return last.start if last is not None and last.end <= place else place
            if last is None and picture is not None and self._may_be_last(picture, before):
                last = picture
        return last.start if last is not None else None

    def _likeliest(self, picture: CodedPicture, before: Slice | None) -> int:
        inside = (self._picture(one) for one in self._candidates(picture.start + 1, picture.end))
        confirmed = (one for one in inside if one is not None and self._is_confirmed(one, before))
        rivals = [picture, *islice(confirmed, _MOST_RIVALS)]
        horizon = max(one.end for one in rivals) + self._reach
        return max(rivals, key=lambda one: self._count(one, horizon)).start if rivals[1:] else picture.start

    def _is_confirmed(self, picture: CodedPicture, before: Slice | None) -> bool:
        """Say whether others follow behind a picture as they should."""
        if not self._is_usual(picture):
            return False
        following: CodedPicture | None = picture
        for _ in range(1 if self._follows(before, picture) else 3):
            following = self._following(following) if following is not None else None
        return following is not None

    def _may_be_last(self, picture: CodedPicture, before: Slice | None) -> bool:
        """Say whether a picture may be one though none follows, since the file ends behind it."""
        is_likely = self._follows(before, picture) or picture.head.is_key
        return is_likely and self._is_usual(picture) and picture.end + self._reach >= self._end

    def _follows(self, before: Slice | None, picture: CodedPicture) -> bool:
        return before is not None and not self._syntax.missing(before, picture.head)

    def _is_usual(self, picture: CodedPicture) -> bool:
        return self._kinds is None or picture.head.kind in self._kinds

    def _count(self, picture: CodedPicture, horizon: int) -> int:
        """Return how many pictures follow on each other from this one up to a place."""
        count, following = 0, self._following(picture)
        while following is not None and following.end < horizon:
            count, following = count + 1, self._following(following)
        return count

    def _following(self, picture: CodedPicture) -> CodedPicture | None:
        """Return the picture that goes on from another, directly or behind what lies between them."""
        place = picture.end
        while (box := self._box(place)) is not None and box.kind != _DATA:
            place = box.end
        for at in (place, *self._candidates(place + 1, place + self._reach)):
            found = self._picture(at)
            if found is not None and (at == place or self._is_usual(found)) and self._follows(picture.head, found):
                return found
        return None

    def _candidates(self, start: int, end: int) -> Iterator[int]:
        """Yield the places at which a unit of a likely length or a block of positions may begin."""
        window, end = _FIRST_WINDOW, min(end, self._end)
        while start < end and self._work_left > 0:
            self._work_left -= window
            data = read_at(self._file, start, min(window, end - start) + HEAD_BYTES)
            yield from (start + one for one in self._candidates_in(data, min(window, end - start)))
            start, window = start + window, min(4 * window, _LARGEST_WINDOW)

    def _candidates_in(self, data: bytes, window: int) -> list[int]:
        lengths = self._syntax.length_bytes
        values = np.frombuffer(data, np.uint8)
        count = max(min(len(values) - lengths, window), 0)
        most_in_front = self._largest >> 8 * (lengths - 1)
        likely = np.flatnonzero(
            self._first_bytes[values[lengths : lengths + count]] & (values[:count] <= most_in_front)
        )
        sizes = np.zeros(len(likely), np.int64)
        for number in range(lengths):
            sizes = sizes << 8 | values[likely + number]
        fits = (sizes >= 2) & (sizes <= self._largest)
        found = [
            place
            for place, size in zip(likely[fits].tolist(), sizes[fits].tolist(), strict=True)
            if self._syntax.unit(data[place + lengths : place + lengths + min(size, HEAD_BYTES)], size) is not None
        ]
        return sorted({*found, *_places_of(_POSITIONS, data, count)})


def _goes_on(unit: Unit, head: Slice | None) -> bool:
    """Say whether a unit belongs to a picture, given the head of its first slice where that has come."""
    if unit.slice is None:
        return head is None or unit.trails
    return unit.slice.begins == (head is None)


def _places_of(letters: bytes, data: bytes, count: int) -> Iterator[int]:
    """Yield where boxes begin that have these letters behind their length."""
    at = data.find(letters, 4)
    while 0 <= at < count + 4:
        yield at - 4
        at = data.find(letters, at + 1)
