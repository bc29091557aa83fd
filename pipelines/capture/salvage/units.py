"""What the head of a coded unit says, in the words that H.264 and H.265 share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

HEAD_BYTES = 48
"""So many bytes of a unit hold all that is asked for here."""


class Slice(NamedTuple):
    """The head of a slice, which begins a picture or goes on with it."""

    begins: bool
    """Whether it is the first one of its picture."""
    is_key: bool
    """Whether the picture, and those after it, can be decoded without those before."""
    is_intra: bool
    """Whether this slice depends on no other picture."""
    is_leading: bool
    """Whether it depends on pictures before the key picture that it follows."""
    is_anchor: bool
    """Whether the order of later pictures is counted from this one."""
    number: int | None
    """Its number among the pictures that others refer to, from its key picture on (``frame_num``); H.265 has none."""
    kind: int
    """The unit's first byte and what the slice calls its own kind, as one number."""
    order: int | None
    """The low bits of its place in the order of showing; ``None`` where that is the order of decoding."""


class Unit(NamedTuple):
    """A unit whose head may be one."""

    slice: Slice | None
    """What it says where it is a slice."""
    trails: bool = False
    """Whether it belongs to the picture before it, as what fills space does."""


class Syntax(Protocol):
    """How the units of one camera are to be read."""

    codec: str
    """FFmpeg's name."""
    length_bytes: int
    """So many bytes in front of a unit say how long it is."""
    header_bytes: tuple[int, ...]
    """What a unit's first byte may be."""
    orders: int
    """After so many places the order of showing begins again."""
    numbers: int
    """After so many pictures their numbers begin again."""
    leap: int
    """By most so many places the order of showing goes on or back from a picture to the next one that is decoded."""

    def unit(self, head: bytes, size: int) -> Unit | None:
        """Return what a unit of this size and with these first bytes says; ``None`` where it is none."""

    def missing(self, before: Slice, this: Slice) -> int:
        """Return how many pictures are missing between two slices, by their numbers; 0: they follow on each other."""


def leap_between(before: Slice, this: Slice, orders: int) -> int:
    """Return by how many places the order of showing goes on or back; 0 where that cannot be told."""
    if this.is_key or this.order is None or before.order is None:
        return 0
    ahead = (this.order - before.order) % orders
    return min(ahead, orders - ahead)


class ParameterSets(NamedTuple):
    """The parameters of a track, as its sample entry has them (ISO/IEC 14496-15, avcC and hvcC)."""

    codec: str
    """h264 or hevc."""
    length_bytes: int
    """As :attr:`Syntax.length_bytes`."""
    units: tuple[bytes, ...]
    """The units of all sets."""


def kind_of(first_byte: int, slice_kind: int) -> int:
    """Return :attr:`Slice.kind`."""
    return first_byte << 8 | slice_kind


def sets_of_record(format_name: bytes, record: bytes) -> ParameterSets | None:
    """Return the parameter sets of an ``avcC`` or ``hvcC``; ``None`` where it is damaged.

    Args:
        format_name: of the sample entry, such as ``avc1``.
        record: the content of the box.
    """
    is_avc = format_name in (b"avc1", b"avc3")
    try:
        units = _avc_units(record) if is_avc else _hevc_units(record)
        lengths = (record[4] if is_avc else record[21]) & 3
    except IndexError:
        return None
    return ParameterSets("h264" if is_avc else "hevc", lengths + 1, tuple(units)) if units else None


def _avc_units(record: bytes) -> list[bytes]:
    units, place = _units(record, 6, record[5] & 31)
    return units + _units(record, place + 1, record[place])[0]


def _hevc_units(record: bytes) -> list[bytes]:
    units: list[bytes] = []
    place = 23
    for _ in range(record[22]):
        more, place = _units(record, place + 3, int.from_bytes(record[place + 1 : place + 3], "big"))
        units += more
    return units


def _units(record: bytes, place: int, count: int) -> tuple[list[bytes], int]:
    units = []
    for _ in range(min(count, len(record))):
        size = record[place] << 8 | record[place + 1]
        units.append(record[place + 2 : place + 2 + size])
        place += 2 + size
    return units, place
