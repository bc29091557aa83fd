"""What a sequence parameter set of H.265 says (ITU-T H.265, 7.3.2.2; ISO/IEC 14496-15, Annex E for its name)."""

from __future__ import annotations

from pipelines.codecs.bits import Bits
from pipelines.codecs.coded_video import CodedVideo

VIDEO_SET, SEQUENCE_SET, PICTURE_SET, DELIMITER = 32, 33, 34, 35
LAST_SLICE = 31

_KEYS = range(16, 22)
_PROFILE_SPACES = ("", "A", "B", "C")
_LONGEST = 2048


def kind_of(first_byte: int) -> int:
    """Return the type of a unit."""
    return first_byte >> 1 & 0x3F


def set_id(unit: bytes) -> int:
    """Return the number of a parameter set among those of its kind; of the others but pictures' there is one.

    Raises:
        ValueError: when it is damaged.
    """
    return Bits(unit[2:10]).ue() if kind_of(unit[0]) == PICTURE_SET else 0


def stored_sets(header: bytes) -> tuple[int, list[bytes]]:
    """Return how many bytes lengths have, and the parameter sets, by a file's header (ISO/IEC 14496-15, ``hvcC``)."""
    sets: list[bytes] = []
    at = 23
    for _ in range(header[22] if len(header) > 22 else 0):
        count = int.from_bytes(header[at + 1 : at + 3], "big") if at + 3 <= len(header) else 0
        at += 3
        for _ in range(count):
            size = int.from_bytes(header[at : at + 2], "big")
            one = header[at + 2 : at + 2 + size]
            at += 2 + size
            if not one:
                break
            sets.append(one)
    return (header[21] & 3) + 1 if len(header) > 21 else 4, sets


def is_key(kind: int) -> bool:
    """Say whether decoding can begin with a picture of this kind (7.4.2.2)."""
    return kind in _KEYS


def coded_video(unit: bytes) -> CodedVideo:
    """Return what a sequence parameter set says.

    Raises:
        ValueError: when it is damaged.
    """
    if len(unit) < 16:
        raise ValueError("the set is shorter than its content")
    bits = Bits(unit[2:_LONGEST])
    bits.u(4)
    layers = bits.u(3)
    bits.u(1)
    codec = _codec(bits)
    skip_layers(bits, layers)
    bits.ue()
    colours = bits.ue()
    separate = colours == 3 and bool(bits.u(1))
    width, height = bits.ue(), bits.ue()
    if bits.u(1):
        left, right, top, bottom = (bits.ue() for _ in range(4))
        width -= (2 if colours in (1, 2) and not separate else 1) * (left + right)
        height -= (2 if colours == 1 and not separate else 1) * (top + bottom)
    if width <= 0 or height <= 0:
        raise ValueError("the picture has no size")
    bits.ue(), bits.ue(), bits.ue()
    says_each = bits.u(1)
    reordered = 0
    for _ in range(layers + 1 if says_each else 1):
        bits.ue()
        reordered = bits.ue()
        bits.ue()
    return CodedVideo(codec, width, height, reordered > 0)


def _codec(bits: Bits) -> str:
    space, tier, profile = bits.u(2), bits.u(1), bits.u(5)
    compatible = int(f"{bits.u(32):032b}"[::-1], 2)
    constraints = bits.u(48).to_bytes(6, "big").rstrip(b"\x00")
    level = bits.u(8)
    name = f"hvc1.{_PROFILE_SPACES[space]}{profile}.{compatible:X}.{'H' if tier else 'L'}{level}"
    return ".".join([name, *(f"{one:X}" for one in constraints)])


def skip_layers(bits: Bits, layers: int) -> None:
    """Read on behind the profiles and levels of all layers but the highest."""
    said = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for has_profile, has_level in said:
        bits.u(88 * has_profile + 8 * has_level)
