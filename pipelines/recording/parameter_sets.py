"""What a key frame says of how it is coded: where that changes, a new file begins.

H.264 (ITU-T H.264, 7.4.1) and H.265 (ITU-T H.265, 7.4.2) put it into NAL units before the picture, JPEG (ITU-T T.81,
B.2.2) into the frame header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

_START = b"\x00\x00\x01"
_H264_SETS = frozenset({7, 8})
_HEVC_SETS = frozenset({32, 33, 34})
_FRAME_HEADERS = frozenset({0xC0, 0xC1, 0xC2, 0xC3})
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})


def parameters(codec: str, data: bytes) -> bytes:
    """Return the parameters in a packet of a key frame, in a form that may be compared; empty where it has none.

    Args:
        codec: how it is encoded, in FFmpeg's words.
        data: the packet. Of H.264 and H.265 only units with start codes are
            known; where they have lengths instead, the parameters stand elsewhere.
    """
    if codec == "h264":
        return _sets(data, lambda unit: unit & 0x1F, _H264_SETS, first_picture=1, last_picture=5)
    if codec == "hevc":
        return _sets(data, lambda unit: unit >> 1 & 0x3F, _HEVC_SETS, first_picture=0, last_picture=31)
    return _jpeg_size(data) if codec == "mjpeg" else b""


def stored_parameters(codec: str, extradata: bytes) -> bytes:
    """Return the parameters that stand before the first packet, in the same form; empty where they have lengths."""
    return parameters(codec, b"\x00" + extradata if extradata.startswith(_START) else extradata)


def _sets(
    data: bytes, kind_of: Callable[[int], int], sets: frozenset[int], *, first_picture: int, last_picture: int
) -> bytes:
    if not data.startswith(b"\x00" + _START):  # what begins with three bytes only may be a length
        return b""
    found = dict.fromkeys(
        unit for unit in _units_before_picture(data, kind_of, first_picture, last_picture) if kind_of(unit[0]) in sets
    )
    return b"".join(b"\x00" + _START + unit for unit in found)


def _units_before_picture(data: bytes, kind_of: Callable[[int], int], first: int, last: int) -> Iterator[bytes]:
    begin = data.find(_START) + len(_START)
    while len(_START) <= begin < len(data) and not first <= kind_of(data[begin]) <= last:
        end = data.find(_START, begin)
        yield data[begin : end if end >= 0 else len(data)].rstrip(b"\x00") or b"\x00"
        begin = end + len(_START)


def _jpeg_size(data: bytes) -> bytes:
    """Return precision, height, width and components of a JPEG file."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker in _FRAME_HEADERS:
            return data[place + 4 : place + 10]
        elif marker in _JPEG_WITHOUT_LENGTH:
            place += 2
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return b""
