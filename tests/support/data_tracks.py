"""Movies with a track of data beside the pictures, made of bytes, as cameras write them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from support.gps_files import box, movie_header

SCALE = 1000


def movie_with_track(
    samples: Sequence[bytes],
    *,
    handler: bytes,
    form: bytes,
    sample_s: float = 1.0,
    created_unix_s: int = 1_790_488_000,
    entry: bytes = b"",
) -> bytes:
    """Return a movie with one track of data.

    Args:
        samples: the samples, each in a chunk of its own.
        handler: what the track is, such as ``b"text"``.
        form: how its samples are coded, such as ``b"gpmd"``.
        sample_s: how long each sample lasts.
        created_unix_s: when the movie was made.
        entry: what stands in its sample entry, behind the index of the data.
    """
    lead = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    starts, at = [], len(lead) + 8
    for sample in samples:
        starts.append(at)
        at += len(sample)
    table = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1) + box(form, bytes(6) + b"\0\1" + entry))
        + box(b"stts", struct.pack(">4I", 0, 1, len(samples), round(sample_s * SCALE)))
        + box(b"stsc", struct.pack(">5I", 0, 1, 1, 1, 1))
        + box(b"stsz", struct.pack(">3I", 0, 0, len(samples)) + b"".join(struct.pack(">I", len(s)) for s in samples))
        + box(b"stco", struct.pack(">2I", 0, len(samples)) + b"".join(struct.pack(">I", start) for start in starts)),
    )
    duration = round(len(samples) * sample_s * SCALE)
    media = box(
        b"mdia",
        box(b"mdhd", struct.pack(">5I4x", 0, 0, 0, SCALE, duration))
        + box(b"hdlr", struct.pack(">II4s12x", 0, 0, handler) + b"\0")
        + box(b"minf", box(b"nmhd", bytes(4)) + table),
    )
    header = box(b"tkhd", struct.pack(">6I", 7, 0, 0, 1, 0, duration) + bytes(60))
    moov = box(b"moov", movie_header(duration / SCALE, created_unix_s) + box(b"trak", header + media))
    return lead + box(b"mdat", b"".join(samples)) + moov


def klv(key: bytes, kind: bytes, size: int, values: bytes) -> bytes:
    """Return an item of GPMF; ``kind`` is the letter of its type, or NUL where it holds items."""
    return struct.pack(">4scBH", key, kind, size, len(values) // size) + values + bytes(-len(values) % 4)
