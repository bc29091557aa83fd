"""Parameter sets of H.264 and HEVC in front of a picture: what decoders need where a camera has changed them.

A file names those of its first pictures in its header (ISO/IEC 14496-15, ``avcC`` and ``hvcC``). Those of pictures
that come from another file are put before the key frame that needs them, unless it has its own.
"""

from __future__ import annotations

from collections.abc import Iterator

_H264_TYPES, _HEVC_TYPES = frozenset({7, 8}), frozenset({32, 33, 34})
_HEVC_HEADER_BYTES = 22


def with_parameter_sets(codec: str, extradata: bytes, picture: bytes) -> bytes | None:
    """Return a picture with the parameter sets of its file in front.

    Args:
        codec: in FFmpeg's words.
        extradata: the header of the file that the picture is of.
        picture: its packet, each unit after its length.

    Returns:
        The packet; ``None`` where it is to stay as it is: the codec has no parameter sets, the picture has its own, or
        nothing can be made of the header.
    """
    read = {"h264": _h264_sets, "hevc": _hevc_sets}.get(codec)
    if read is None or len(extradata) < 7 or extradata[0] != 1 or _has_sets(codec, picture):
        return None
    sets = list(read(extradata))
    return b"".join(len(one).to_bytes(4, "big") + one for one in sets) + picture if sets else None


def _has_sets(codec: str, picture: bytes) -> bool:
    at = 0
    while at + 5 <= len(picture):
        head = picture[at + 4]
        if (head & 0x1F) in _H264_TYPES if codec == "h264" else (head >> 1 & 0x3F) in _HEVC_TYPES:
            return True
        at += 4 + int.from_bytes(picture[at : at + 4], "big")
    return False


def _h264_sets(extradata: bytes) -> Iterator[bytes]:
    if extradata[4] & 3 != 3:  # lengths of fewer than four bytes
        return
    at = 5
    for mask in (0x1F, 0xFF):
        count, at = extradata[at : at + 1], at + 1
        for _ in range(count[0] & mask if count else 0):
            one, at = _sized(extradata, at)
            if one:
                yield one


def _hevc_sets(extradata: bytes) -> Iterator[bytes]:
    if len(extradata) <= _HEVC_HEADER_BYTES or extradata[21] & 3 != 3:
        return
    at = _HEVC_HEADER_BYTES + 1
    for _ in range(extradata[_HEVC_HEADER_BYTES]):
        count = int.from_bytes(extradata[at + 1 : at + 3], "big")
        kind, at = extradata[at : at + 1], at + 3
        for _ in range(count if kind else 0):
            one, at = _sized(extradata, at)
            if not one:
                return
            if kind[0] & 0x3F in _HEVC_TYPES:
                yield one


def _sized(extradata: bytes, at: int) -> tuple[bytes, int]:
    size = int.from_bytes(extradata[at : at + 2], "big")
    return extradata[at + 2 : at + 2 + size], at + 2 + size
