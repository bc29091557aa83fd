"""Tesla, firmware 2025.44.25 and later: a message in each picture's own supplemental data (H.264 SEI).

Source: Tesla's own reader, https://github.com/teslamotors/dashcam (``dashcam-mp4.js``, ``dashcam.proto``): user data
that begin with letters B and an i, then a protobuf message without a clock. Parked cars write none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.containers.format import Readings
from streamvision.gps.sample_tables import Sample, Track, read_samples, read_tracks
from streamvision.gps.values import made_fix

HEAD_BYTES = 1024
"""Bytes of a picture that are looked at: its supplemental data come first."""
MAX_PICTURES = 500_000
WITHOUT = 200
"""A clip whose first pictures have no message is none of these."""
MAX_UNITS = 8
SEI, USER_DATA = 6, 5
SPEED, LATITUDE, LONGITUDE, HEADING = 4, 11, 12, 13
_FIXED = {1: struct.Struct("<d"), 5: struct.Struct("<f")}
"""By the type of a field of protobuf, numbers of fixed length."""


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of a Tesla's clip; ``None`` where it is none."""
    track = next((track for track in read_tracks(file) if track.format == b"avc1"), None)
    if track is None:
        return None
    samples = track.samples(file, most=MAX_PICTURES)
    if not any(_messages(file, track, samples[:WITHOUT])):
        return None
    found = (_fix(message, sample) for sample, message in _messages(file, track, samples))
    return Readings(tuple(fix for fix in found if fix is not None))


def _messages(file: BinaryIO, track: Track, samples: list[Sample]) -> Iterator[tuple[Sample, bytes]]:
    length_bytes = _length_bytes(track.entry)
    for sample, content in read_samples(file, samples, limit=HEAD_BYTES):
        for unit in _units(content, length_bytes):
            message = _message(unit)
            if message is not None:
                yield sample, message
                break


def _length_bytes(entry: bytes) -> int:
    place = entry.find(b"avcC")
    return (entry[place + 8] & 3) + 1 if 0 <= place < len(entry) - 8 else 4


def _units(content: bytes, length_bytes: int) -> Iterator[bytes]:
    place = 0
    for _ in range(MAX_UNITS):
        length = int.from_bytes(content[place : place + length_bytes], "big")
        place += length_bytes
        if length == 0 or place + length > len(content):
            return
        yield content[place : place + length]
        place += length


def _message(unit: bytes) -> bytes | None:
    """Return the message in a unit, without the bytes that keep it from looking like the beginning of another."""
    if len(unit) < 6 or unit[0] & 0x1F != SEI or unit[1] != USER_DATA:
        return None
    text = unit[3:].lstrip(b"B")
    if len(text) >= len(unit) - 3 or not text.startswith(b"i"):
        return None
    return text[1:-1].replace(b"\0\0\3", b"\0\0")


def _fix(message: bytes, sample: Sample) -> Fix | None:
    values = dict(_numbers(message))
    if LATITUDE not in values or LONGITUDE not in values:
        return None
    return made_fix(
        values[LATITUDE],
        values[LONGITUDE],
        speed_m_s=abs(values[SPEED]) if SPEED in values else 0.0,  # zero is not written
        course_deg=values.get(HEADING),
        media_s=sample.media_s,
    )


def _numbers(message: bytes) -> Iterator[tuple[int, float]]:
    """Yield the fields of fixed length with their numbers; those of whole numbers are passed over."""
    place = 0
    while place < len(message):
        key, place = _whole(message, place)
        layout = _FIXED.get(key & 7)
        if layout is not None and place + layout.size <= len(message):
            yield key >> 3, float(*layout.unpack_from(message, place))
            place += layout.size
        elif key & 7 == 0:
            _, place = _whole(message, place)
        else:
            return


def _whole(message: bytes, place: int) -> tuple[int, int]:
    """Return a whole number of seven bits a byte, and where it ends."""
    value = shift = 0
    while place < len(message) and shift < 64:
        byte = message[place]
        value, shift, place = value | (byte & 0x7F) << shift, shift + 7, place + 1
        if byte < 0x80:
            break
    return value, place
