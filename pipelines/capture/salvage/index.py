"""The index (``moov``) of a film whose pictures are known (ISO/IEC 14496-12, chapter 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.capture.salvage.template import Template

_UNITY = b"".join(one.to_bytes(4, "big") for one in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
_MOST = 0xFFFFFFFF


class PlacedPicture(NamedTuple):
    """A picture and its times, in frame intervals from the beginning of the film."""

    start: int
    """Its first byte in the file."""
    size: int
    """Its length in bytes."""
    is_key: bool
    """Whether playing may begin with it."""
    decoded: int
    """When it is decoded."""
    shown: int
    """When it is shown."""


def index_of(pictures: Sequence[PlacedPicture], template: Template) -> bytes:
    """Return the ``moov`` box of a film.

    Args:
        pictures: at least one, in the order of decoding.
        template: how they are coded.
    """
    duration = (max(one.shown for one in pictures) + 1) * template.ticks
    scale = template.timescale.to_bytes(4, "big")
    length = duration.to_bytes(8, "big")
    shape = template.shape if len(template.shape) == len(_UNITY) + 8 else _UNITY + bytes(8)
    movie = _box(
        b"mvhd", b"\1\0\0\0", bytes(16), scale, length, b"\0\1\0\0\1\0", bytes(10), _UNITY, bytes(24), b"\0\0\0\2"
    )
    track = _box(b"tkhd", b"\1\0\0\7", bytes(16), b"\0\0\0\1", bytes(4), length, bytes(16), shape)
    media = _box(b"mdhd", b"\1\0\0\0", bytes(16), scale, length, b"\x55\xc4\0\0")
    handler = _box(b"hdlr", bytes(8), b"vide", bytes(13))
    place = _box(b"dinf", _box(b"dref", bytes(4), b"\0\0\0\1", _box(b"url ", b"\0\0\0\1")))
    kind = _box(b"vmhd", b"\0\0\0\1", bytes(8))
    tables = _box(b"stbl", _box(b"stsd", bytes(4), b"\0\0\0\1", template.entry), *_tables(pictures, template.ticks))
    return _box(b"moov", movie, _box(b"trak", track, _box(b"mdia", media, handler, _box(b"minf", kind, place, tables))))


def _tables(pictures: Sequence[PlacedPicture], ticks: int) -> list[bytes]:
    starts, sizes, keys, decoded, shown = np.array(pictures, np.int64).T
    durations = np.diff(decoded, append=decoded[-1] + 1) * ticks
    ones = np.ones(len(starts), np.int64)
    return [
        _table(b"stts", ">u4", ones, np.minimum(durations, _MOST)),
        _table(b"ctts", ">i4", ones, (shown - decoded) * ticks, version=1),
        _table(b"stss", ">u4", np.flatnonzero(keys) + 1),
        _box(b"stsz", bytes(8), len(sizes).to_bytes(4, "big"), sizes.astype(">u4").tobytes()),
        _box(b"stsc", bytes(4), b"\0\0\0\1", b"\0\0\0\1\0\0\0\1\0\0\0\1"),
        _table(b"co64", ">u8", starts),
    ]


def _table(kind: bytes, number: str, *columns: np.ndarray, version: int = 0) -> bytes:
    rows = np.stack(columns, axis=1).astype(number)
    return _box(kind, bytes([version, 0, 0, 0]), len(rows).to_bytes(4, "big"), rows.tobytes())


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return (len(content) + 8).to_bytes(4, "big") + kind + content
