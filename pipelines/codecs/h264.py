"""What a sequence parameter set of H.264 says (ITU-T H.264, 7.3.2.1 and Annex E)."""

from __future__ import annotations

from pipelines.codecs.bits import Bits
from pipelines.codecs.coded_video import CodedVideo

IDR, SEI, SEQUENCE_SET, PICTURE_SET, DELIMITER = 5, 6, 7, 8, 9
SLICES = frozenset({1, 2, 5})

_WITH_COLOURS = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
_BASELINE = 66
_MOST_IN_CYCLE = 255
"""Most pictures in a cycle of the order of showing (7.4.2.1.1)."""
_AS_SHOWN = 2
_RECOVERY_POINT = 6
_INTRA = (2, 4)
_EXTENDED_ASPECT = 255
_LONGEST = 2048


def kind_of(first_byte: int) -> int:
    """Return the type of a unit."""
    return first_byte & 0x1F


def set_id(unit: bytes) -> int:
    """Return the number of a parameter set among those of its kind.

    Raises:
        ValueError: when it is damaged.
    """
    begin = 4 if kind_of(unit[0]) == SEQUENCE_SET else 1
    return Bits(unit[begin : begin + 8]).ue()


def begins(front: list[bytes], picture: bytes) -> bool:
    """Say whether decoding can begin with a picture, without one that is put together little by little.

    Args:
        front: the units before it.
        picture: the head of its own first unit.
    """
    if kind_of(picture[0]) == IDR:
        return True
    if not any(kind_of(unit[0]) == SEI and is_recovery_point(unit) for unit in front):
        return False
    bits = Bits(picture[1:])
    try:
        bits.ue()
        return bits.ue() % 5 in _INTRA
    except ValueError:
        return False


def is_recovery_point(unit: bytes) -> bool:
    """Say whether a unit of further information says that decoding can begin with its picture (D.2.8)."""
    at = 1
    while at + 2 < len(unit):
        kind, at = _sei_number(unit, at)
        size, at = _sei_number(unit, at)
        if kind == _RECOVERY_POINT:
            try:
                return Bits(unit[at : at + 8]).ue() == 0
            except ValueError:
                return False
        at += size
    return False


def _sei_number(unit: bytes, at: int) -> tuple[int, int]:
    """Return a number in bytes of which all but the last are 255, and the place behind it."""
    value = 0
    while at < len(unit) and unit[at] == 0xFF:
        value, at = value + 0xFF, at + 1
    return (value + unit[at], at + 1) if at < len(unit) else (value, at)


def stored_sets(header: bytes) -> tuple[int, list[bytes]]:
    """Return how many bytes lengths have, and the parameter sets, by a file's header (ISO/IEC 14496-15, ``avcC``)."""
    sets: list[bytes] = []
    at = 5
    for mask in (0x1F, 0xFF):
        count, at = header[at : at + 1], at + 1
        for _ in range(count[0] & mask if count else 0):
            size = int.from_bytes(header[at : at + 2], "big")
            sets.append(header[at + 2 : at + 2 + size])
            at += 2 + size
    return (header[4] & 3) + 1 if len(header) > 4 else 4, [one for one in sets if one]


def coded_video(unit: bytes) -> CodedVideo:
    """Return what a sequence parameter set says.

    Raises:
        ValueError: when it is damaged.
    """
    if len(unit) < 5:
        raise ValueError("the set is shorter than its content")
    bits = Bits(unit[1:_LONGEST])
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    colours, separate = read_colours(bits, profile)
    bits.ue()
    order_kind, _ = read_order(bits)
    bits.ue()
    bits.u(1)
    columns, rows = bits.ue() + 1, bits.ue() + 1
    frames_only = bits.u(1)
    bits.u(not frames_only)
    bits.u(1)
    left = right = top = bottom = 0
    if bits.u(1):
        left, right, top, bottom = (bits.ue() for _ in range(4))
    across = 2 if colours in (1, 2) and not separate else 1
    down = (2 if colours == 1 and not separate else 1) * (2 - frames_only)
    width = 16 * columns - across * (left + right)
    height = 16 * rows * (2 - frames_only) - down * (top + bottom)
    if width <= 0 or height <= 0:
        raise ValueError("the picture has no size")
    reorders = False if order_kind == _AS_SHOWN or profile == _BASELINE else _reorders(bits)
    return CodedVideo(f"avc1.{unit[1:4].hex()}", width, height, reorders)


def read_colours(bits: Bits, profile: int) -> tuple[int, bool]:
    """Read on behind what a sequence set says of colours; return their sampling and whether planes are separate."""
    if profile not in _WITH_COLOURS:
        return 1, False
    colours = bits.ue()
    separate = colours == 3 and bool(bits.u(1))
    bits.ue(), bits.ue()
    bits.u(1)
    if bits.u(1):
        for number in range(8 if colours != 3 else 12):
            if bits.u(1):
                _skip_scaling(bits, 16 if number < 6 else 64)
    return colours, separate


def _skip_scaling(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def read_order(bits: Bits) -> tuple[int, int | None]:
    """Read on behind how pictures are ordered; return the way, and the bits of a picture's place where it has one.

    Raises:
        ValueError: when it is damaged.
    """
    kind = bits.ue()
    order_bits = bits.ue() + 4 if kind == 0 else None
    if kind == 1:
        bits.u(1)
        bits.se(), bits.se()
        if (count := bits.ue()) > _MOST_IN_CYCLE:
            raise ValueError("a cycle of more pictures than there may be")
        for _ in range(count):
            bits.se()
    return kind, order_bits


def _reorders(bits: Bits) -> bool | None:
    """Return what the usability information says of the order; ``None`` where it says nothing, or is cut."""
    try:
        if not bits.u(1):
            return None
        if bits.u(1) and bits.u(8) == _EXTENDED_ASPECT:
            bits.u(32)
        bits.u(bits.u(1))
        if bits.u(1):
            bits.u(4)
            bits.u(24 * bits.u(1))
        if bits.u(1):
            bits.ue(), bits.ue()
        if bits.u(1):
            bits.u(65)
        has_rates = 0
        for _ in range(2):
            if bits.u(1):
                has_rates = 1
                _skip_rates(bits)
        bits.u(has_rates)
        bits.u(1)
        if not bits.u(1):
            return None
        bits.u(1)
        for _ in range(4):
            bits.ue()
        return bits.ue() > 0
    except ValueError:
        return None


def _skip_rates(bits: Bits) -> None:
    count = bits.ue() + 1
    if count > 32:
        raise ValueError("more rates than there may be")
    bits.u(8)
    for _ in range(count):
        bits.ue(), bits.ue()
        bits.u(1)
    bits.u(20)
