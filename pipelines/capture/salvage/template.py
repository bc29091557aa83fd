"""What a clip without an index must be told: parameters that a clip of the same camera and lens has, or its own bytes.

The parameter sets of H.264 and H.265 stand in the index (ISO/IEC 14496-15), which cameras write last. A clip that was
finished has the same ones; so has the index itself where only its end is missing, and some cameras repeat the sets in
front of each key picture.
"""

from __future__ import annotations

import io
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
import numpy as np

from pipelines.capture.salvage.h264 import H264Syntax
from pipelines.capture.salvage.hevc import HevcSyntax
from pipelines.capture.salvage.units import HEAD_BYTES, Slice, Syntax, kind_of, leap_between, sets_of_record
from streamvision.core.reading import UnreadableError, open_ordinary
from streamvision.gps.boxes import find_box, read_at, read_box, walk_boxes
from streamvision.gps.sample_tables import Sample, Track, read_tracks

FORMATS = {b"avc1": b"avcC", b"avc3": b"avcC", b"hvc1": b"hvcC", b"hev1": b"hvcC"}
"""Sample entries of what can be salvaged, and the boxes of their parameter sets."""
_ENTRY_BYTES = 78
"""Of a sample entry of pictures, in front of its boxes."""
_SHAPE_BYTES = 44
"""Matrix, width and height, with which a track's header ends."""
LARGEST_UNIT = 8 << 20
"""Bytes of a unit where nothing is known of the camera's pictures; a key picture of 4K has up to 2 MiB."""
DEFAULT_REACH = 256 << 10
"""Bytes between pictures where nothing is known of the camera's sound."""
_LEAST_REACH = 4096
_LOOKED_AT = 600
"""Samples of a clip by which the camera is known."""
_FEW = 50
"""Fewer than so many samples may not show all kinds of pictures."""
_IN_BAND_BYTES = 4 << 20
_FIRST_SETS = {
    "h264": re.compile(rb"\0\0[\0-\x0f].[\x27\x47\x67]", re.DOTALL),
    "hevc": re.compile(rb"\0\0[\0-\x0f].\x40\x01", re.DOTALL),
}
"""The first unit in front of a key picture: the sequence's set, or that of the video; a length comes first."""
_DEFAULT_FPS = 30


@dataclass(frozen=True)
class Template:
    """How the pictures of a camera are coded."""

    file: Path | None
    """The clip that told; ``None``: the salvaged one itself."""
    entry: bytes
    """The sample entry, a box."""
    shape: bytes
    """Matrix and size, as in the track's header."""
    syntax: Syntax
    """How its units are to be read."""
    extradata: bytes
    """The parameter sets as FFmpeg's decoders take them."""
    timescale: int
    """Units of time in a second."""
    ticks: int
    """Units of time from picture to picture."""
    reach: int = DEFAULT_REACH
    """Most bytes between pictures."""
    largest: int = LARGEST_UNIT
    """Most bytes of a unit."""
    picture_bytes: float | None = None
    """Mean bytes from picture to picture, with what lies between."""
    first_bytes: frozenset[int] | None = None
    """With which bytes pictures begin, behind the length; ``None``: with any that units begin with."""
    kinds: frozenset[int] | None = None
    """As :attr:`Slice.kind` of their first slices; ``None``: any."""

    @property
    def fps(self) -> float:
        """Pictures in a second."""
        return self.timescale / self.ticks


def read_template(path: Path) -> Template | None:
    """Return what a clip tells of its camera; ``None`` where it has no index or another codec."""
    try:
        with open_ordinary(path) as file:
            return template_of(file, path)
    except (UnreadableError, OSError):
        return None


def template_of(file: BinaryIO, path: Path | None) -> Template | None:
    """Return what an open clip tells of its camera, as far as its index is there."""
    tracks = [one for one in read_tracks(file) if one.handler == b"vide" and one.format in FORMATS]
    found = [(len(samples := one.samples(file)), one, samples[:_LOOKED_AT]) for one in tracks]
    for _, track, samples in sorted(found, key=lambda one: -one[0]):
        record = _record(track)
        syntax = None if record is None else syntax_of(track.format, record)
        if record is None or syntax is None:
            continue
        heads = [_head(file, syntax, one) for one in samples]
        if not samples or _follow(syntax, heads):
            template = _template(file, path, track, samples, syntax, record)
            return template if len(samples) < _FEW else _with_kinds(template, heads)
    return None


def syntax_of(format_name: bytes, record: bytes) -> Syntax | None:
    """Return how a track's units are to be read, given its ``avcC`` or ``hvcC``; ``None`` where that is damaged."""
    sets = sets_of_record(format_name, record)
    if sets is None:
        return None
    try:
        return (H264Syntax if sets.codec == "h264" else HevcSyntax)(sets.units, sets.length_bytes)
    except (ValueError, IndexError):
        return None


def _template(
    file: BinaryIO, path: Path | None, track: Track, samples: list[Sample], syntax: Syntax, record: bytes
) -> Template:
    durations = Counter(round(one.duration_s * track.timescale) for one in samples)
    ticks = (durations.most_common(1)[0][0] if durations else 0) or max(round(track.timescale / _DEFAULT_FPS), 1)
    header = find_box(file, b"tkhd", within=track.box)
    size = (len(track.entry) + 8).to_bytes(4, "big")
    common = {
        "file": path,
        "entry": size + track.format + track.entry,
        "shape": b"" if header is None else read_box(file, header, limit=1 << 10)[-_SHAPE_BYTES:],
        "syntax": syntax,
        "extradata": record,
        "timescale": track.timescale,
        "ticks": ticks,
    }
    if len(samples) < 2:
        return Template(**common)  # type: ignore[arg-type]
    starts, sizes = np.array([(one.start, one.size) for one in samples]).T
    between = np.diff(starts) - sizes[:-1]
    steps = np.diff(starts)[between >= 0]
    return Template(
        **common,  # type: ignore[arg-type]
        reach=int(between.max(initial=0)) * 3 // 2 + _LEAST_REACH,
        largest=min(int(sizes.max()) * 4 + (64 << 10), LARGEST_UNIT),
        picture_bytes=float(steps.mean()) if len(steps) else None,
    )


def _record(track: Track) -> bytes | None:
    entry = io.BytesIO(track.entry)
    for box in walk_boxes(entry, _ENTRY_BYTES):
        if box.kind == FORMATS[track.format] and not box.is_cut:
            return read_box(entry, box)
    return None


class _Head(NamedTuple):
    first_byte: int
    slice: Slice


def _follow(syntax: Syntax, heads: Sequence[_Head | None]) -> bool:
    """Say whether the heads of a clip's own pictures can be read, and go on from picture to picture."""
    pairs = list(itertools.pairwise(heads))
    good = sum(a is not None and b is not None and not syntax.missing(a.slice, b.slice) for a, b in pairs)
    return heads[0] is not None and good >= 0.95 * len(pairs)


def _with_kinds(template: Template, heads: Sequence[_Head | None]) -> Template:
    found = [one for one in heads if one is not None]
    slices = [one.slice for one in found]
    orders = template.syntax.orders
    template.syntax.leap = max((leap_between(a, b, orders) for a, b in itertools.pairwise(slices)), default=0)
    intra = {kind_of(one.slice.kind >> 8, kind) for one in found for kind in (2, 7)}
    return replace(
        template,
        first_bytes=frozenset(one.first_byte for one in found),
        kinds=frozenset({*intra, *(one.slice.kind for one in found)}),
    )


def _head(file: BinaryIO, syntax: Syntax, sample: Sample) -> _Head | None:
    """Return the head of a sample's first slice, and the first byte of its first unit."""
    place, lengths, first_byte = sample.start, syntax.length_bytes, None
    for _ in range(16):
        data = read_at(file, place, lengths + HEAD_BYTES)
        size = int.from_bytes(data[:lengths], "big")
        unit = syntax.unit(data[lengths : lengths + size], size)
        if unit is None or place + lengths + size > sample.start + sample.size:
            return None
        first_byte = data[lengths] if first_byte is None else first_byte
        if unit.slice is not None:
            return _Head(first_byte, unit.slice)
        place += lengths + size
    return None


def template_in_data(file: BinaryIO, start: int) -> Template | None:
    """Return what the parameter sets in front of a clip's own key pictures tell; ``None`` where it has none.

    Args:
        file: the clip.
        start: where its pictures begin.
    """
    data = read_at(file, start, _IN_BAND_BYTES)
    for codec, first_set in _FIRST_SETS.items():
        for found in first_set.finditer(data):
            units = _up_to_key(data, found.start(), codec)
            film = _film_of(codec, units) if units else None
            template = template_of(io.BytesIO(film), None) if film is not None else None
            if template is not None:
                return replace(template, reach=DEFAULT_REACH, largest=LARGEST_UNIT, picture_bytes=None)
    return None


def _up_to_key(data: bytes, place: int, codec: str) -> list[bytes]:
    """Return the units up to the first slice of a key picture; none where no such follows."""
    units: list[bytes] = []
    while len(units) < 16:
        size = int.from_bytes(data[place : place + 4], "big")
        unit = data[place + 4 : place + 4 + size]
        if len(unit) < max(size, 1):
            return []
        units.append(unit)
        if (16 <= unit[0] >> 1 <= 21) if codec == "hevc" else (unit[0] & 31 == 5):
            return units
        place += 4 + size
    return []


def _film_of(codec: str, units: list[bytes]) -> bytes | None:
    """Return an MP4 file of one picture."""
    source, film = io.BytesIO(b"".join(b"\0\0\0\1" + unit for unit in units)), io.BytesIO()
    try:
        with av.open(source, format=codec) as container, av.open(film, "w", format="mp4") as output:
            stream = container.streams.video[0]
            own = output.add_stream_from_template(stream)
            for packet in container.demux(stream):
                if packet.size:
                    packet.stream, packet.pts, packet.dts = own, packet.pts or 0, packet.dts or 0
                    output.mux(packet)
    except (OSError, ValueError, IndexError, av.error.FFmpegError):
        return None
    return film.getvalue()
