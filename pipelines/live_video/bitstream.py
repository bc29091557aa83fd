"""Packets of pictures in the form in which browsers take them, and what their key frames say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pipelines.capture.packets import EncodedTrack
from pipelines.codecs import av1, h264, hevc, vpx
from pipelines.codecs.coded_video import CodedVideo
from pipelines.codecs.units import has_start_code, units_before, units_behind_codes, units_behind_lengths, with_codes

_MOST_SETS = 64


class Prepared(NamedTuple):
    """A packet as browsers take it."""

    data: bytes
    """H.264 and H.265 with start codes, and with their parameter sets in every key frame."""
    is_key: bool
    """Whether decoding can begin here."""


class Bitstream(Protocol):
    """The pictures of one connection."""

    said: CodedVideo | None
    """What the last key frame says; ``None`` before the first one that can be decoded."""

    def prepare(self, data: bytes, *, is_key: bool) -> Prepared | None:
        """Return a packet as browsers take it; ``None`` where there is no picture in it.

        Args:
            data: the packet.
            is_key: whether the source says that decoding can begin here.
        """


def bitstream_of(track: EncodedTrack) -> Bitstream | None:
    """Return what reads a track's packets; ``None`` where browsers have no decoder for it."""
    if (syntax := _SYNTAXES.get(track.codec)) is not None:
        return UnitStream(syntax, track.extradata)
    if track.codec == "av1":
        return Av1Stream(track.extradata)
    read = {"vp8": vpx.vp8_video, "vp9": vpx.vp9_video}.get(track.codec)
    return None if read is None else FrameStream(read)


@dataclass(frozen=True)
class Syntax:
    """What tells the units of a codec apart; each function takes the first byte of one, or all of it."""

    kind_of: Callable[[int], int]
    """Returns the type."""
    is_picture: Callable[[int], bool]
    """Says whether it is a part of a picture."""
    begins: Callable[[list[bytes], bytes], bool]
    """Says by the units before a picture, and the head of its own, whether browsers can begin with it."""
    sets: tuple[int, ...]
    """Types of parameter sets, in the order in which they need each other."""
    sequence_set: int
    """The one that tells of the pictures."""
    delimiter: int
    """Type of what stands before all others."""
    read: Callable[[bytes], CodedVideo]
    """Reads a sequence set."""
    set_id: Callable[[bytes], int]
    """Returns the number of a set among those of its kind."""
    stored: Callable[[bytes], tuple[int, list[bytes]]]
    """Returns how many bytes lengths have, and the sets, by the header of a file."""


class UnitStream:
    """H.264 or H.265.

    Args:
        syntax: which.
        extradata: what the source says before the first packet: a file's header, sets with start codes, or nothing.
    """

    def __init__(self, syntax: Syntax, extradata: bytes) -> None:
        self.said: CodedVideo | None = None
        self._syntax = syntax
        self._length_bytes = 0
        self._sets: dict[tuple[int, int], bytes] = {}
        if has_start_code(extradata):
            self._keep(units_behind_codes(extradata))
        elif extradata[:1] == b"\x01":
            self._length_bytes, sets = syntax.stored(extradata)
            self._keep(sets)

    def prepare(self, data: bytes, *, is_key: bool) -> Prepared | None:
        """Return a packet as browsers take it; ``None`` where there is no picture in it."""
        syntax = self._syntax
        if self._length_bytes:
            with suppress(ValueError):
                data = with_codes(units_behind_lengths(data, self._length_bytes))
        front, picture = units_before(data, syntax.is_picture)
        sets = [unit for unit in front if syntax.kind_of(unit[0]) in syntax.sets]
        if sets:
            self._keep(sets)
        if not picture:
            return None
        if self.said is None or not syntax.begins(front, picture):
            return Prepared(data, False)
        if all(unit in sets for unit in self._sets.values()):
            return Prepared(data, True)
        ordered = sorted(self._sets.values(), key=lambda unit: syntax.sets.index(syntax.kind_of(unit[0])))
        rest = [unit for unit in units_behind_codes(data) if syntax.kind_of(unit[0]) not in syntax.sets]
        first = [unit for unit in rest[:1] if syntax.kind_of(unit[0]) == syntax.delimiter]
        return Prepared(with_codes([*first, *ordered, *rest[len(first) :]]), True)

    def _keep(self, units: list[bytes]) -> None:
        """Keep parameter sets in place of those that they replace; with a new sequence set the others go."""
        syntax, known = self._syntax, self._sets.values()
        if all(unit in known for unit in units):
            return
        if any(syntax.kind_of(unit[0]) == syntax.sequence_set and unit not in known for unit in units):
            self._sets = {}
        for unit in units:
            kind = syntax.kind_of(unit[0])
            with suppress(ValueError):
                if kind in syntax.sets and len(self._sets) < _MOST_SETS:
                    self._sets[kind, syntax.set_id(unit)] = unit
        self.said = self._read()

    def _read(self) -> CodedVideo | None:
        """Return what the first sequence set says that can be read; ``None`` where there is none."""
        for (kind, _), unit in self._sets.items():
            if kind == self._syntax.sequence_set:
                with suppress(ValueError):
                    return self._syntax.read(unit)
        return None


class Av1Stream:
    """AV1.

    Args:
        extradata: what the source says before the first packet: a file's header, a sequence header, or nothing.
    """

    def __init__(self, extradata: bytes) -> None:
        self.said: CodedVideo | None = None
        self._stored = av1.stored_headers(extradata)
        self._header: bytes | None = None

    def prepare(self, data: bytes, *, is_key: bool) -> Prepared | None:
        """Return a packet as browsers take it."""
        if not is_key:
            return Prepared(data, False)
        try:
            header = av1.sequence_header(data)
            if header is None:
                data = self._stored + data
                header = av1.sequence_header(self._stored)
            if header is None:
                return Prepared(data, False)
            if header != self._header:
                self._header, self.said = header, av1.coded_video(header)
        except ValueError:
            return Prepared(data, False)
        return Prepared(data, True)


class FrameStream:
    """VP8 or VP9, whose key frames say all themselves.

    Args:
        read: reads a key frame.
    """

    def __init__(self, read: Callable[[bytes], CodedVideo]) -> None:
        self.said: CodedVideo | None = None
        self._read = read

    def prepare(self, data: bytes, *, is_key: bool) -> Prepared | None:
        """Return a packet as browsers take it."""
        if is_key:
            with suppress(ValueError):
                self.said = self._read(data)
                return Prepared(data, True)
        return Prepared(data, False)


_SYNTAXES = {
    "h264": Syntax(
        kind_of=h264.kind_of,
        is_picture=lambda byte: byte & 0x1F in h264.SLICES,
        begins=h264.begins,
        sets=(h264.SEQUENCE_SET, h264.PICTURE_SET),
        sequence_set=h264.SEQUENCE_SET,
        delimiter=h264.DELIMITER,
        read=h264.coded_video,
        set_id=h264.set_id,
        stored=h264.stored_sets,
    ),
    "hevc": Syntax(
        kind_of=hevc.kind_of,
        is_picture=lambda byte: hevc.kind_of(byte) <= hevc.LAST_SLICE,
        begins=lambda _, head: hevc.is_key(hevc.kind_of(head[0])),
        sets=(hevc.VIDEO_SET, hevc.SEQUENCE_SET, hevc.PICTURE_SET),
        sequence_set=hevc.SEQUENCE_SET,
        delimiter=hevc.DELIMITER,
        read=hevc.coded_video,
        set_id=hevc.set_id,
        stored=hevc.stored_sets,
    ),
}
