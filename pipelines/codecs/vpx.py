"""What key frames of VP8 (RFC 6386, 9.1) and VP9 (VP9 Bitstream Specification, 6.2) say."""

from __future__ import annotations

from pipelines.codecs.bits import Bits
from pipelines.codecs.coded_video import CodedVideo

_VP8_START, _VP9_START = b"\x9d\x01\x2a", 0x498342
_RGB = 7
_LONGEST = 64
_LEVELS = (
    (36864, 10), (73728, 11), (122880, 20), (245760, 21), (552960, 30), (983040, 31), (2228224, 40), (8912896, 50),
    (35651584, 60),
)  # fmt: skip
"""Most pixels of a picture, and the lowest level of that (VP9 Levels, Annex A), which the frames do not say."""


def vp8_video(frame: bytes) -> CodedVideo:
    """Return what a key frame of VP8 says.

    Raises:
        ValueError: when it is none, or damaged.
    """
    if len(frame) < 10 or frame[0] & 1 or frame[3:6] != _VP8_START:
        raise ValueError("no key frame")
    width, height = (int.from_bytes(frame[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return CodedVideo("vp8", width, height, False)


def vp9_video(frame: bytes) -> CodedVideo:
    """Return what a key frame of VP9 says.

    Raises:
        ValueError: when it is none, or damaged.
    """
    bits = Bits(frame[:_LONGEST], is_escaped=False)
    if bits.u(2) != 2:
        raise ValueError("no frame")
    profile = bits.u(1) | bits.u(1) << 1
    if profile == 3:
        bits.u(1)
    if bits.u(1) or bits.u(1):  # shows one again; not a key frame
        raise ValueError("no key frame")
    bits.u(2)
    if bits.u(24) != _VP9_START:
        raise ValueError("no key frame")
    depth = (12 if bits.u(1) else 10) if profile >= 2 else 8
    if bits.u(3) != _RGB:
        bits.u(1)
        if profile & 1:
            bits.u(3)
    elif profile & 1:
        bits.u(1)
    width, height = bits.u(16) + 1, bits.u(16) + 1
    level = next((level for most, level in _LEVELS if width * height <= most), _LEVELS[-1][1])
    return CodedVideo(f"vp09.{profile:02}.{level}.{depth:02}", width, height, False)
