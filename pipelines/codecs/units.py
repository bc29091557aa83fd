"""NAL units of H.264 and H.265, behind start codes (Annex B) or behind their lengths (ISO/IEC 14496-15)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

START = b"\x00\x00\x00\x01"
_CODE = b"\x00\x00\x01"
_HEAD_BYTES = 16


def has_start_code(data: bytes) -> bool:
    """Say whether data begins with a start code."""
    return data.startswith((_CODE, START))


def units_behind_codes(data: bytes) -> list[bytes]:
    """Return the units of data with start codes."""
    return units_before(data, lambda _: False)[0]


def units_before(data: bytes, is_picture: Callable[[int], bool]) -> tuple[list[bytes], bytes]:
    """Return the units of data with start codes before the first one of a picture, and the head of that one.

    Args:
        data: the units.
        is_picture: says by the first byte of a unit whether it is one of a picture.
    """
    front: list[bytes] = []
    begin = data.find(_CODE) + 3
    while 3 <= begin < len(data):
        if is_picture(data[begin]):
            return front, data[begin : begin + _HEAD_BYTES]
        end = data.find(_CODE, begin)
        if unit := data[begin : end if end >= 0 else len(data)].rstrip(b"\x00"):
            front.append(unit)
        begin = end + 3
    return front, b""


def units_behind_lengths(data: bytes, length_bytes: int) -> list[bytes]:
    """Return the units of data with lengths.

    A length from 256 to 511 looks like a start code, so that only the last one's end tells which of the two it has.

    Raises:
        ValueError: when the lengths do not lead to the end of the data.
    """
    units: list[bytes] = []
    at = 0
    while at < len(data):
        begin = at + length_bytes
        at = begin + int.from_bytes(data[at:begin], "big")
        if unit := data[begin:at]:
            units.append(unit)
    if at != len(data):
        raise ValueError("lengths that do not lead to the end")
    return units


def with_codes(units: Iterable[bytes]) -> bytes:
    """Return units behind start codes."""
    return b"".join(START + unit for unit in units)
