"""Parameter sets of H.264 and HEVC in front of a picture: what decoders need where a camera has changed them.

A file names those of its first pictures in its header (ISO/IEC 14496-15, ``avcC`` and ``hvcC``). Those of pictures
that come from another file are put before the key frame that needs them, unless it has its own.
"""

from __future__ import annotations

from pipelines.codecs import h264, hevc

_H264_TYPES = frozenset({h264.SEQUENCE_SET, h264.PICTURE_SET})
_HEVC_TYPES = frozenset({hevc.VIDEO_SET, hevc.SEQUENCE_SET, hevc.PICTURE_SET})


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
    read = {"h264": h264.stored_sets, "hevc": hevc.stored_sets}.get(codec)
    if read is None or len(extradata) < 7 or extradata[0] != 1 or _has_sets(codec, picture):
        return None
    length_bytes, sets = read(extradata)
    if length_bytes != 4:
        return None
    sets = [unit for unit in sets if _is_set(codec, unit[0])]
    return b"".join(len(one).to_bytes(4, "big") + one for one in sets) + picture if sets else None


def _has_sets(codec: str, picture: bytes) -> bool:
    at = 0
    while at + 5 <= len(picture):
        if _is_set(codec, picture[at + 4]):
            return True
        at += 4 + int.from_bytes(picture[at : at + 4], "big")
    return False


def _is_set(codec: str, head: int) -> bool:
    return h264.kind_of(head) in _H264_TYPES if codec == "h264" else hevc.kind_of(head) in _HEVC_TYPES
