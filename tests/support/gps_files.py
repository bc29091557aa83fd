"""Videos with positions as cameras write them, made of bytes: boxes, and the blocks of many makers in them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """One fix that a camera writes; the angles as receivers say them, degrees times 100 plus minutes."""

    latitude_dm: float = 5427.2953
    longitude_dm: float = 1832.9583
    north: bytes = b"N"
    east: bytes = b"E"
    knots: float = 27.5
    course_deg: float = 330.75
    altitude_m: float = 118.5
    day: tuple[int, int, int] = (2026, 9, 27)
    clock: tuple[int, int, int] = (5, 47, 3)
    status: bytes = b"A"

    @property
    def letters(self) -> bytes:
        return self.status + self.north + self.east

    @property
    def short_day(self) -> tuple[int, int, int]:
        return self.day[0] - 2000, self.day[1], self.day[2]

    @property
    def rmc(self) -> str:
        latitude, longitude = f"{self.latitude_dm:010.5f}", f"{self.longitude_dm:011.5f}"
        return sentence(
            f"GPRMC,{digits(self.clock)}.000,{self.status.decode()},{latitude},{self.north.decode()},{longitude},"
            f"{self.east.decode()},{self.knots:.3f},{self.course_deg:.2f},{digits(self.short_day[::-1])},,,A"
        )

    @property
    def gga(self) -> str:
        latitude, longitude = f"{self.latitude_dm:010.5f}", f"{self.longitude_dm:011.5f}"
        return sentence(
            f"GPGGA,{digits(self.clock)}.000,{latitude},{self.north.decode()},{longitude},{self.east.decode()},"
            f"{int(self.status == b'A')},09,0.90,{self.altitude_m:.1f},M,42.0,M,,"
        )


def digits(numbers: Sequence[int]) -> str:
    """Return numbers of two digits each, one after another."""
    return "".join(f"{number:02}" for number in numbers)


def places(count: int = 4, **more: object) -> list[Place]:
    """Return fixes of a way to the north-east, one a second."""
    return [
        Place(latitude_dm=5427.25 + 0.0081 * n, longitude_dm=1832.5 + 0.017 * n, clock=(5, 47, 3 + n), **more)
        for n in range(count)
    ]


def sentence(body: str) -> str:
    total = 0
    for character in body:
        total ^= ord(character)
    return f"${body}*{total:02X}"


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def free_gps(payload: dict[int, bytes], *, payload_bytes: int = 0x4C, size: int = 0x4000) -> bytes:
    """Return a block with parts of its payload at their places, counted from the block's first byte."""
    block = bytearray(size)
    struct.pack_into(">I8sI", block, 0, size, b"freeGPS ", 0)
    struct.pack_into("<I", block, 12, payload_bytes)
    for place, part in payload.items():
        block[place : place + len(part)] = part
    return bytes(block)


def standard_block(place: Place) -> bytes:
    return free_gps(
        {
            0x30: struct.pack("<6I", *place.clock, *place.short_day),
            0x48: place.letters,
            0x4C: struct.pack("<4f", place.latitude_dm, place.longitude_dm, place.knots, place.course_deg),
        }
    )


def viofo_block(place: Place) -> bytes:
    return free_gps(
        {
            0x10: struct.pack("<6I", *place.clock, *place.short_day),
            0x28: place.letters,
            0x2C: struct.pack("<4f", place.latitude_dm, place.longitude_dm, place.knots, place.course_deg),
        },
        payload_bytes=0x3F0,
    )


def film(
    blocks: Sequence[bytes],
    *,
    index: bool = True,
    among: bool = True,
    moov: bytes = b"",
    top: bytes = b"",
    header: bool = True,
) -> bytes:
    """Return a file with blocks in or behind its media data, and an index of them.

    Args:
        blocks: the blocks.
        index: whether ``moov/gps `` names them.
        among: whether they lie in the media data.
        moov: further boxes of the movie.
        top: further boxes of the file.
        header: whether it has a ``moov`` at all.
    """
    lead = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41") + top
    filling = b"\x11" * 4096
    tail = b"\x22" * 0x18000  # exiftool does not look at the end
    content = filling + b"".join(blocks) if among else filling
    data = lead + box(b"mdat", content + tail)
    place = len(lead) + 8 + len(filling)
    if not among:
        place = len(data)
        data += b"".join(blocks)
    entries = b""
    for block in blocks:
        entries += struct.pack(">II", place, len(block))
        place += len(block)
    listed = box(b"gps ", struct.pack(">II", 0x101, len(blocks)) + entries) if index else b""
    return data + (box(b"moov", movie_header() + listed + moov) if header else b"")


def movie_header(duration_s: float = 60.0, created_unix_s: int = 1_790_488_000) -> bytes:
    created = created_unix_s + 2_082_844_800
    unity = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    times = struct.pack(">5I", 0, created, created, 1000, round(duration_s * 1000))
    return box(b"mvhd", times + b"\0\1\0\0\1\0" + bytes(10) + unity + bytes(24) + struct.pack(">I", 2))


def with_track(
    samples: Sequence[bytes],
    *,
    handler: bytes,
    coding: bytes,
    entry: bytes = bytes(30),
    blocks: Sequence[bytes] = (),
    seconds: float = 1.0,
    moov: bytes = b"",
) -> bytes:
    """Return a file with a track.

    Args:
        samples: what is in it, each in a chunk of its own.
        handler: what the track is.
        coding: how it is coded.
        entry: what describes its samples, from the reserved bytes on.
        blocks: what lies behind each of the first samples and is named by ``moov/gps ``.
        seconds: how long a sample lasts.
        moov: further boxes of the movie, before the track.
    """
    data = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    place, content, chunks, index = len(data) + 8, b"", [], b""
    for number, sample in enumerate(samples):
        chunks.append(place + len(content))
        content += sample
        if number < len(blocks):
            index += struct.pack(">II", place + len(content), len(blocks[number]))
            content += blocks[number]

    def full(kind: bytes, *numbers: int, more: bytes = b"") -> bytes:
        return box(kind, struct.pack(f">{len(numbers) + 1}I", 0, *numbers) + more)

    described = full(b"stsd", 1, more=box(coding, bytes(6) + b"\0\1" + entry))
    lasting = full(b"stts", 1, len(samples), round(1000 * seconds))
    sizes = full(b"stsz", 0, len(samples), *(len(sample) for sample in samples))
    table = described + lasting + full(b"stsc", 1, 1, 1, 1) + sizes + full(b"stco", len(chunks), *chunks)
    times = full(b"mdhd", 0, 0, 1000, round(1000 * seconds * len(samples)), 0)
    named = full(b"hdlr", 0, int.from_bytes(handler, "big"), 0, 0, 0, more=b"\0")
    track = box(b"trak", box(b"mdia", times + named + box(b"minf", box(b"stbl", table))))
    listed = box(b"gps ", struct.pack(">II", 0x101, len(blocks)) + index) if blocks else b""
    return data + box(b"mdat", content) + box(b"moov", moov + track + listed)


def gpmf_item(key: bytes, kind: bytes, size: int, values: bytes) -> bytes:
    """Return an item of GPMF; ``kind`` is the letter of its type, or NUL where it holds items."""
    return struct.pack(">4scBH", key, kind, size, len(values) // size) + values + bytes(-len(values) % 4)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
