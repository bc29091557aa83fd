"""MP4 files taken apart and put together as cameras do: the index behind the data, other data between the pictures."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from streamvision.gps.sample_tables import read_tracks

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_OFFSETS = {b"stco", b"co64", b"stsc"}
_TIMED = {b"mvhd", b"tkhd", b"mdhd"}
_EPOCH = datetime(1904, 1, 1)


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box of an ISO base media file."""
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def full_box(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    """Return a box with a version (0) and flags."""
    return box(kind, struct.pack(">I", flags), *parts)


def boxes_in(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and payload of the boxes that stand one after the other."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1:
            size, header = struct.unpack_from(">Q", data, at + 8)[0], 16
        size = size or len(data) - at
        yield kind, data[at + header : at + size]
        at += size


def payload_at(data: bytes, *path: bytes) -> bytes:
    """Return the payload of the first box of each kind in turn."""
    for kind in path:
        data = next(payload for found, payload in boxes_in(data) if found == kind)
    return data


@dataclass(frozen=True)
class Sample:
    """One coded picture."""

    time_s: float
    """When it is decoded, from the beginning."""
    data: bytes
    """Its bytes."""


@dataclass(frozen=True)
class Insert:
    """Something that the camera writes between its pictures."""

    time_s: float
    """When, from the first picture."""
    data: bytes
    """Its bytes."""


@dataclass(frozen=True)
class Span:
    """Where something came to lie in the file."""

    offset: int
    size: int


@dataclass(frozen=True, eq=False)
class Movie:
    """A video with one track, taken apart."""

    brands: bytes
    """Payload of its first box."""
    index: bytes
    """Payload of its index."""
    samples: tuple[Sample, ...]
    """Its pictures in their order."""
    timescale: int
    """Ticks a second of the movie."""
    duration: int
    """Its duration in these ticks."""

    def created_at(self, shown: datetime) -> Movie:
        """Return it with a time of creation, as the camera's clock shows it."""
        seconds = int((shown - _EPOCH).total_seconds())
        return replace(self, index=_with_times(self.index, struct.pack(">II", seconds, seconds)))

    @classmethod
    def parse(cls, data: bytes) -> Movie:
        """Take a file with one track apart, as FFmpeg writes it."""
        index = payload_at(data, b"moov")
        timescale, duration = struct.unpack_from(">II", payload_at(index, b"mvhd"), 12)
        file = io.BytesIO(data)
        (track,) = read_tracks(file)
        samples = [Sample(one.media_s, data[one.start : one.start + one.size]) for one in track.samples(file)]
        return cls(payload_at(data, b"ftyp"), index, tuple(samples), timescale, duration)

    def written(
        self,
        *,
        inserts: Sequence[Insert] = (),
        in_front: bytes = b"",
        index_parts: Callable[[Sequence[Span]], bytes] = lambda spans: b"",
    ) -> bytes:
        """Return the file with the index at its end.

        Args:
            inserts: what lies between the pictures, in the order of time.
            in_front: boxes between the file's first one and the data.
            index_parts: returns boxes to add to the index, from where the inserts came to lie.
        """
        head = box(b"ftyp", self.brands) + in_front
        data, samples, inserted = self._laid_out(len(head) + 8, inserts)
        index = box(b"moov", _with_offsets(self.index, samples), index_parts(inserted))
        return head + box(b"mdat", *data) + index

    def without_index(self, kept_share: float, *, inserts: Sequence[Insert] = (), in_front: bytes = b"") -> bytes:
        """Return what is on the card when the power fails: no index, and data whose size was never written."""
        head = box(b"ftyp", self.brands) + in_front
        data, _, _ = self._laid_out(len(head) + 8, inserts)
        joined = b"".join(data)
        return head + struct.pack(">I4s", 0, b"mdat") + joined[: int(len(joined) * kept_share)]

    def _laid_out(self, at: int, inserts: Sequence[Insert]) -> tuple[list[bytes], list[Span], list[Span]]:
        data: list[bytes] = []
        spans: dict[bool, list[Span]] = {True: [], False: []}
        pending = list(inserts)[::-1]

        def put(part: bytes, is_insert: bool) -> None:
            nonlocal at
            data.append(part)
            spans[is_insert].append(Span(at, len(part)))
            at += len(part)

        for sample in self.samples:
            while pending and pending[-1].time_s <= sample.time_s:
                put(pending.pop().data, True)
            put(sample.data, False)
        while pending:
            put(pending.pop().data, True)
        return data, spans[False], spans[True]


def sample_tables(spans: Sequence[Span]) -> bytes:
    """Return the boxes that say where samples lie: each a chunk of its own."""
    offsets = struct.pack(f">I{len(spans)}I", len(spans), *(span.offset for span in spans))
    return full_box(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)) + full_box(b"stco", offsets)


def _with_offsets(index: bytes, samples: Sequence[Span]) -> bytes:
    """Return the boxes of an index with other places of the samples."""
    parts = []
    for kind, payload in boxes_in(index):
        if kind in _OFFSETS:
            continue
        inner = _with_offsets(payload, samples) if kind in _CONTAINERS else payload
        if kind == b"stbl":
            inner += sample_tables(samples)
        parts.append(box(kind, inner))
    return b"".join(parts)


def _with_times(index: bytes, times: bytes) -> bytes:
    """Return the boxes of an index with other times of creation and change."""
    parts = []
    for kind, payload in boxes_in(index):
        inner = _with_times(payload, times) if kind in _CONTAINERS else payload
        parts.append(box(kind, inner[:4] + times + inner[12:] if kind in _TIMED else inner))
    return b"".join(parts)
