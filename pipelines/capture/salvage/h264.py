"""Units of H.264 (ITU-T H.264, 7.3 and 7.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipelines.capture.salvage.units import Slice, Unit, kind_of, leap_between
from pipelines.codecs.bits import Bits
from pipelines.codecs.h264 import read_colours, read_order

_SLICES = (1, 5)
_IDR = 5
_REFERENCE_IS_ZERO = frozenset({6, 9, 10, 11, 12})
_LARGEST = {6: 1 << 16, 7: 1 << 12, 8: 1 << 12, 9: 8, 10: 4, 11: 4}
"""Bytes of units that are no slices; what fills space (12) may be as long as a picture."""
_TRAILS = frozenset({10, 11, 12})


class _SequenceSet(NamedTuple):
    number_bits: int
    order_bits: int | None
    frames_only: bool
    separate_planes: bool


class H264Syntax:
    """The units of an H.264 track.

    Args:
        units: its parameter sets, with their headers.
        length_bytes: as :class:`pipelines.capture.salvage.units.Syntax` has it.

    Raises:
        ValueError: when there is no pair of sets.
    """

    codec = "h264"
    leap = 64
    header_bytes = tuple(
        reference << 5 | kind
        for kind in (1, 5, 6, 7, 8, 9, 10, 11, 12)
        for reference in ((0,) if kind in _REFERENCE_IS_ZERO else range(kind != 1, 4))
    )

    def __init__(self, units: Sequence[bytes], length_bytes: int = 4) -> None:
        self.length_bytes = length_bytes
        self._sequences = dict(_sequence_set(unit[1:]) for unit in units if unit[:1] and unit[0] & 31 == 7)
        pairs = [_ids(unit[1:]) for unit in units if unit[:1] and unit[0] & 31 == 8]
        self._sequence_of = {one: sequence for one, sequence in pairs if sequence in self._sequences}
        if not self._sequence_of:
            raise ValueError("no parameter sets")
        self.orders = 1 << max(one.order_bits or 1 for one in self._sequences.values())
        self.numbers = 1 << max(one.number_bits for one in self._sequences.values())

    def unit(self, head: bytes, size: int) -> Unit | None:
        """Return what a unit says."""
        if len(head) < 2 or head[0] not in self.header_bytes:
            return None
        kind = head[0] & 31
        if kind not in _SLICES:
            return Unit(None, kind in _TRAILS) if size <= _LARGEST.get(kind, size) else None
        try:
            found = self._slice(head[0], Bits(head[1:]))
        except ValueError:
            return None
        return None if found is None else Unit(found)

    def missing(self, before: Slice, this: Slice) -> int:
        """Return how many reference pictures are missing, or else by how far the order leaps."""
        if this.is_key or this.number is None or before.number is None:
            return 0
        missing = (this.number - before.number - before.is_anchor) % self.numbers
        return missing or max(leap_between(before, this, self.orders) - self.leap, 0)

    def _slice(self, first_byte: int, bits: Bits) -> Slice | None:
        kind = first_byte & 31
        first, slice_kind, picture_set = bits.ue(), bits.ue(), bits.ue()
        if slice_kind > 9 or picture_set not in self._sequence_of:
            return None
        sequence = self._sequences[self._sequence_of[picture_set]]
        is_intra = slice_kind % 5 in (2, 4)
        bits.u(2 * sequence.separate_planes)
        number = bits.u(sequence.number_bits)
        if kind == _IDR and (number or not is_intra):
            return None
        if not sequence.frames_only and bits.u(1):
            bits.u(1)
        if kind == _IDR and bits.ue() > 0xFFFF:
            return None
        order = bits.u(sequence.order_bits) if sequence.order_bits is not None else None
        return Slice(
            begins=first == 0,
            is_key=kind == _IDR,
            is_intra=is_intra,
            is_leading=False,
            is_anchor=first_byte >> 5 > 0,
            number=number,
            kind=kind_of(first_byte, slice_kind),
            order=order,
        )


def _sequence_set(content: bytes) -> tuple[int, _SequenceSet]:
    bits = Bits(content)
    profile = bits.u(8)
    bits.u(16)
    set_id = bits.ue()
    _, separate = read_colours(bits, profile)
    number_bits = bits.ue() + 4
    _, order_bits = read_order(bits)
    bits.ue()
    bits.u(1)
    bits.ue(), bits.ue()
    return set_id, _SequenceSet(number_bits, order_bits, bool(bits.u(1)), separate)


def _ids(content: bytes) -> tuple[int, int]:
    bits = Bits(content)
    return bits.ue(), bits.ue()
