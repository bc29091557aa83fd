"""Units of H.265 (ITU-T H.265, 7.3 and 7.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipelines.capture.salvage.units import Slice, Unit, kind_of, leap_between
from pipelines.codecs.bits import Bits
from pipelines.codecs.hevc import skip_layers

_SLICES = frozenset({*range(10), *range(16, 22)})
_OTHERS = frozenset({*range(32, 41)})
_IDR = (19, 20)
_TRAILS = frozenset({36, 37, 38, 40})
_LARGEST = {32: 1 << 12, 33: 1 << 12, 34: 1 << 12, 35: 8, 36: 4, 37: 4, 39: 1 << 16, 40: 1 << 16}
"""Bytes of units that are no slices; what fills space (38) may be as long as a picture."""


class _PictureSet(NamedTuple):
    order_bits: int
    separate_planes: bool
    says_output: bool
    extra_bits: int


class HevcSyntax:
    """The units of an H.265 track.

    Args:
        units: its parameter sets, with their headers.
        length_bytes: as :class:`pipelines.capture.salvage.units.Syntax` has it.

    Raises:
        ValueError: when there is no pair of sets.
    """

    codec = "hevc"
    leap = 16
    header_bytes = tuple(kind << 1 for kind in sorted(_SLICES | _OTHERS))  # of the first layer only

    def __init__(self, units: Sequence[bytes], length_bytes: int = 4) -> None:
        self.length_bytes = length_bytes
        sequences = dict(_sequence_set(unit[2:]) for unit in units if unit[:1] and unit[0] >> 1 == 33)
        pictures = [_picture_set(unit[2:], sequences) for unit in units if unit[:1] and unit[0] >> 1 == 34]
        self._sets = dict(pair for pair in pictures if pair is not None)
        if not self._sets:
            raise ValueError("no parameter sets")
        self.orders = self.numbers = 1 << max(one.order_bits for one in self._sets.values())

    def unit(self, head: bytes, size: int) -> Unit | None:
        """Return what a unit says."""
        if len(head) < 3 or head[0] not in self.header_bytes or not head[1] or head[1] > 7:
            return None
        kind = head[0] >> 1
        if kind not in _SLICES:
            return Unit(None, kind in _TRAILS) if size <= _LARGEST.get(kind, size) else None
        try:
            found = self._slice(kind, head[1] == 1, Bits(head[2:]))
        except ValueError:
            return None
        return None if found is None else Unit(found)

    def missing(self, before: Slice, this: Slice) -> int:
        """Return how far the order of showing leaps, beyond what it does from picture to picture."""
        return max(leap_between(before, this, self.orders) - self.leap, 0)

    def _slice(self, kind: int, is_base: bool, bits: Bits) -> Slice | None:
        begins = bool(bits.u(1))
        is_key = kind >= 16
        bits.u(is_key)
        found = self._sets.get(bits.ue())
        if found is None:
            return None
        if not begins:
            return Slice(False, is_key, is_key, False, False, None, 0, None)
        bits.u(found.extra_bits)
        slice_kind = bits.ue()
        if slice_kind > 2 or (is_key and slice_kind != 2):
            return None
        bits.u(found.says_output + 2 * found.separate_planes)
        order = 0 if kind in _IDR else bits.u(found.order_bits)
        is_anchor = is_base and (is_key or (kind % 2 == 1 and not 6 <= kind <= 9))
        return Slice(
            begins=True,
            is_key=is_key,
            is_intra=slice_kind == 2,
            is_leading=kind in (8, 9),
            is_anchor=is_anchor,
            number=None,
            kind=kind_of(kind << 1, slice_kind),
            order=order,
        )


def _sequence_set(content: bytes) -> tuple[int, tuple[int, bool]]:
    bits = Bits(content)
    bits.u(4)
    layers = bits.u(3)
    bits.u(1 + 96)
    skip_layers(bits, layers)
    set_id = bits.ue()
    separate = bits.ue() == 3 and bool(bits.u(1))
    bits.ue(), bits.ue()
    if bits.u(1):
        for _ in range(4):
            bits.ue()
    bits.ue(), bits.ue()
    return set_id, (bits.ue() + 4, separate)


def _picture_set(content: bytes, sequences: dict[int, tuple[int, bool]]) -> tuple[int, _PictureSet] | None:
    bits = Bits(content)
    set_id, sequence = bits.ue(), bits.ue()
    if sequence not in sequences:
        return None
    bits.u(1)
    order_bits, separate = sequences[sequence]
    return set_id, _PictureSet(order_bits, separate, bool(bits.u(1)), bits.u(3))
