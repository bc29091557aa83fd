"""What a sequence header of AV1 says (AV1 Bitstream & Decoding Process Specification, 5.3 and 5.5)."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.codecs.bits import Bits
from pipelines.codecs.coded_video import CodedVideo

_SEQUENCE_HEADER = 1
_HEADER_BYTES = 4
_LONGEST = 1024


def stored_headers(header: bytes) -> bytes:
    """Return what stands before the first picture, by a file's header (``av1C``)."""
    return header[_HEADER_BYTES:] if header[:1] == b"\x81" else header


def sequence_header(data: bytes) -> bytes | None:
    """Return the content of the first sequence header in a packet; ``None`` where it has none.

    Raises:
        ValueError: when the packet is damaged before it.
    """
    return next((content for kind, content in _units(data) if kind == _SEQUENCE_HEADER), None)


def coded_video(content: bytes) -> CodedVideo:
    """Return what the content of a sequence header says.

    Raises:
        ValueError: when it is damaged.
    """
    bits = Bits(content[:_LONGEST], is_escaped=False)
    profile, _, is_reduced = bits.u(3), bits.u(1), bits.u(1)
    level, tier = (bits.u(5), 0) if is_reduced else _level_and_tier(bits)
    width_bits, height_bits = bits.u(4) + 1, bits.u(4) + 1
    width, height = bits.u(width_bits) + 1, bits.u(height_bits) + 1
    if not is_reduced and bits.u(1):
        bits.u(7)
    bits.u(3)
    if not is_reduced:
        _skip_tools(bits)
    bits.u(3)
    is_deep = bits.u(1)
    depth = (12 if bits.u(1) else 10) if profile == 2 and is_deep else 10 if is_deep else 8
    return CodedVideo(f"av01.{profile}.{level:02}{'H' if tier else 'M'}.{depth:02}", width, height, False)


def _units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of the units of a packet."""
    at = 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 4 else 1
        if head & 2:
            size, at = _leb128(data, at)
        else:
            size = len(data) - at
        yield head >> 3 & 0xF, data[at : at + size]
        at += size


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and the place behind it."""
    value = 0
    for index, byte in enumerate(data[at : at + 8]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, at + index + 1
    raise ValueError("a size that does not end")


def _level_and_tier(bits: Bits) -> tuple[int, int]:
    """Read on behind the operating points; return level and tier of the first."""
    delay_bits = 0
    if bits.u(1):
        bits.u(64)
        if bits.u(1):
            bits.ue()
        if bits.u(1):
            delay_bits = bits.u(5) + 1
            bits.u(42)
    has_delays = bits.u(1)
    points = []
    for _ in range(bits.u(5) + 1):
        bits.u(12)
        level = bits.u(5)
        points.append((level, bits.u(1) if level > 7 else 0))
        if delay_bits and bits.u(1):
            bits.u(2 * delay_bits + 1)
        if has_delays and bits.u(1):
            bits.u(4)
    return points[0]


def _skip_tools(bits: Bits) -> None:
    bits.u(4)
    has_order = bits.u(1)
    if has_order:
        bits.u(2)
    chooses_screen_tools = bits.u(1)
    screen_tools = 1 if chooses_screen_tools else bits.u(1)
    if screen_tools and not bits.u(1):
        bits.u(1)
    if has_order:
        bits.u(3)
