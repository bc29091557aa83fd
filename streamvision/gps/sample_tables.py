"""Tracks of MP4 and MOV files, and where each of their samples lies (ISO/IEC 14496-12, chapter 8).

Made for tracks of data beside the pictures, such as positions, which the players leave alone, and for files whose end
is missing: samples that lie beyond it are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

import numpy as np

from streamvision.gps.boxes import Box, children, find_box, find_boxes, read_at, read_box, size_of

MAX_TRACKS = 16
"""Most tracks that are looked at; cameras write seven at most."""
MAX_SAMPLES = 2_000_000
"""Most samples of a track. Ten hours of 50 pictures a second have as many."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a track."""

    start: int
    """Its first byte in the file."""
    size: int
    """Its length in bytes."""
    media_s: float
    """Its time from the track's beginning, in seconds, in the order of decoding."""
    duration_s: float
    """How long it lasts."""


@dataclass(frozen=True)
class Track:
    """One track of a movie."""

    handler: bytes
    """What it is: ``b"vide"``, ``b"soun"``, ``b"text"``, ``b"sbtl"``, ``b"meta"``, or another four letters."""
    format: bytes
    """How its samples are coded: ``b"avc1"``, ``b"tx3g"``, ``b"gpmd"``, ``b"camm"``, or another four letters."""
    entry: bytes
    """The content of its first sample entry, from the reserved bytes on; sizes and ``avcC`` stand in it."""
    timescale: int
    """Units of time in a second."""
    box: Box
    """Its ``trak``."""

    def samples(self, file: BinaryIO, *, most: int = MAX_SAMPLES) -> list[Sample]:
        """Return its first ``most`` samples in their order, those left out that lie beyond the end of the file."""
        return list(self.each_sample(file, most=most))

    def each_sample(self, file: BinaryIO, *, most: int = MAX_SAMPLES) -> Iterator[Sample]:
        """Yield them one by one, for those who may stop early."""
        table = find_box(file, b"mdia", b"minf", b"stbl", within=self.box)
        if table is None:
            return
        boxes = {box.kind: box for box in children(file, table)}
        sizes = _sizes(file, boxes.get(b"stsz"), size_of(file))[:most]
        starts = _starts(_chunk_offsets(file, boxes), _runs(file, boxes.get(b"stsc")), sizes)
        durations = _durations(file, boxes.get(b"stts"), len(starts))
        times = np.concatenate([[0], np.cumsum(durations)[:-1]]) if len(starts) else durations
        end = size_of(file)
        for start, size, time, duration in zip(starts, sizes, times, durations, strict=False):
            if 0 <= start <= end - size:
                yield Sample(int(start), int(size), int(time) / self.timescale, int(duration) / self.timescale)


def read_tracks(file: BinaryIO) -> list[Track]:
    """Return the tracks of a movie; none where it has no ``moov``."""
    found = (_track(file, box) for box, _ in zip(find_boxes(file, b"moov", b"trak"), range(MAX_TRACKS), strict=False))
    return [track for track in found if track is not None]


def read_samples(file: BinaryIO, samples: Iterable[Sample], *, limit: int = 1 << 20) -> Iterator[tuple[Sample, bytes]]:
    """Yield samples with their content, up to ``limit`` bytes of each."""
    for sample in samples:
        yield sample, read_at(file, sample.start, min(sample.size, limit))


def _track(file: BinaryIO, box: Box) -> Track | None:
    media = find_box(file, b"mdia", within=box)
    if media is None:
        return None
    boxes = {child.kind: child for child in children(file, media)}
    entries = find_box(file, b"minf", b"stbl", b"stsd", within=media)
    if b"hdlr" not in boxes or entries is None:
        return None
    entry = next(children(file, entries, skip=8), None)
    return Track(
        handler=read_box(file, boxes[b"hdlr"], limit=12)[8:],
        format=b"" if entry is None else entry.kind,
        entry=b"" if entry is None else read_box(file, entry, limit=1 << 20),
        timescale=_timescale(file, boxes.get(b"mdhd")),
        box=box,
    )


def _timescale(file: BinaryIO, header: Box | None) -> int:
    content = b"" if header is None else read_box(file, header, limit=24)
    scale = content[20:24] if content[:1] == b"\x01" else content[12:16]
    return int.from_bytes(scale, "big") or 1


def _table(file: BinaryIO, box: Box | None, columns: int, *, skip: int = 8, width: int = 4) -> np.ndarray:
    """Return the rows of a table, which the count in front of them and the length of its box bound both."""
    if box is None:
        return np.zeros((0, columns), np.int64)
    content = read_box(file, box, limit=skip + MAX_SAMPLES * columns * width)
    promised = int.from_bytes(content[skip - 4 : skip], "big")
    rows = min(promised, max(len(content) - skip, 0) // (columns * width))
    values = np.frombuffer(content, dtype=f">u{width}", count=rows * columns, offset=skip if rows else 0)
    return values.astype(np.int64).reshape(rows, columns)


def _sizes(file: BinaryIO, box: Box | None, file_bytes: int) -> np.ndarray:
    head = b"" if box is None else read_box(file, box, limit=12)
    same = int.from_bytes(head[4:8], "big")
    if not same:
        return _table(file, box, 1, skip=12)[:, 0]
    count = min(int.from_bytes(head[8:12], "big"), MAX_SAMPLES, file_bytes // same + 1)
    return np.full(count, same, np.int64)


def _chunk_offsets(file: BinaryIO, boxes: dict[bytes, Box]) -> np.ndarray:
    if b"co64" in boxes:
        return _table(file, boxes[b"co64"], 1, width=8)[:, 0]
    return _table(file, boxes.get(b"stco"), 1)[:, 0]


def _runs(file: BinaryIO, box: Box | None) -> np.ndarray:
    return _table(file, box, 3)[:, :2]


def _starts(offsets: np.ndarray, runs: np.ndarray, sizes: np.ndarray) -> list[int]:
    """Return where each sample begins: chunk by chunk, each with the number of samples that its run says."""
    starts: list[int] = []
    rising = runs[np.append(True, np.diff(runs[:, 0]) > 0)[: len(runs)]]  # else a table could name each chunk for ever
    lasts = [*(rising[1:, 0] - 1).tolist(), len(offsets)]
    for (first, count), last in zip(rising.tolist(), lasts, strict=False):
        for offset in offsets[max(first - 1, 0) : last].tolist():
            held = sizes[len(starts) : len(starts) + count].tolist()
            starts += accumulate(held[:-1], initial=offset) if held else []
            if len(starts) >= len(sizes):
                return starts
    return starts


def _durations(file: BinaryIO, box: Box | None, count: int) -> np.ndarray:
    rows = _table(file, box, 2)
    counts = np.minimum(rows[:, 0], count)
    fits = int(np.searchsorted(np.cumsum(counts), count)) + 1
    durations = np.repeat(rows[:fits, 1], counts[:fits])[:count]
    missing = count - len(durations)
    return np.concatenate([durations, np.full(missing, durations[-1] if len(durations) else 0, np.int64)])
