"""AAC sound of MPEG-TS and HLS, whose packets have an ADTS header (ISO/IEC 14496-3, 1.A.2.2), as MP4 has it: without.

What stands in the header, an MP4 file says once, as the AudioSpecificConfig (1.6.2.1).
"""

from __future__ import annotations

_HEADER_BYTES = 7
_HEADER_WITH_CHECKSUM_BYTES = 9
_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def has_header(data: bytes) -> bool:
    """Say whether a packet of AAC begins with an ADTS header."""
    return len(data) > _HEADER_BYTES and data[0] == 0xFF and data[1] & 0xF6 == 0xF0


def without_header(data: bytes) -> bytes:
    """Return the packet without its ADTS header."""
    if not has_header(data):
        return data
    return data[_HEADER_BYTES if data[1] & 1 else _HEADER_WITH_CHECKSUM_BYTES :]


def audio_config(data: bytes) -> bytes:
    """Return the AudioSpecificConfig of a packet with an ADTS header."""
    object_type = (data[2] >> 6) + 1
    rate_index = data[2] >> 2 & 0xF
    channels = (data[2] & 1) << 2 | data[3] >> 6
    return (object_type << 11 | rate_index << 7 | channels << 3).to_bytes(2, "big")


def rate_and_channels(data: bytes) -> tuple[int, int]:
    """Return the samples a second and the channels of a packet with an ADTS header; 0 where it does not say."""
    index, channels = data[2] >> 2 & 0xF, (data[2] & 1) << 2 | data[3] >> 6
    return (_RATES_HZ[index] if index < len(_RATES_HZ) else 0), 8 if channels == 7 else channels
