"""Films as dashcams write them: numbered pictures, sound and blocks of positions between them, the index last."""

from __future__ import annotations

import io
import struct
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from streamvision.gps.boxes import Box, find_box, find_boxes
from streamvision.gps.sample_tables import Sample, read_tracks
from support.recorded_files import bar_code

FPS = 25
BLOCK_BYTES = 0x400
START = datetime(2026, 6, 28, 13, 34, 16, tzinfo=timezone.utc)


def write_film(
    path: Path,
    *,
    first: int = 0,
    count: int = 75,
    codec: str = "libx264",
    options: tuple[str, ...] = ("-bf", "0", "-g", "25"),
    sound: str | None = "aac",
    start: datetime | None = START,
    seed: int = 0,
) -> Path:
    """Write ``count`` pictures from the number ``first`` on, each with noise in its lower half.

    Args:
        path: where; its suffix decides of the container.
        first: number of the first picture.
        count: how many.
        codec: FFmpeg's name of the encoder.
        options: of the encoder.
        sound: encoder of the sound.
        start: what the first block of positions says; ``None``: there are no blocks.
        seed: of the noise.
    """
    size_px = (192, 108)
    pictures = []
    for number in range(first, first + count):
        picture = bar_code(number, *size_px)
        picture[54:] = np.random.default_rng([seed, number]).integers(90, 166, (54, 192), np.uint8)
        pictures.append(picture.tobytes())
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "192x108", "-r", str(FPS)]
    command += ["-i", "-", *(["-f", "lavfi", "-i", f"anoisesrc=amplitude=0.2:seed={seed}"] if sound else [])]
    command += ["-t", str(count / FPS), "-c:v", codec, "-preset", "ultrafast", "-pix_fmt", "yuv420p", *options]
    command += ["-sc_threshold", "0"] if codec == "libx264" else []
    command += [*(["-c:a", sound] if sound else []), str(path)]
    subprocess.run(command, input=b"".join(pictures), check=True, timeout=120)
    if start is not None:
        path.write_bytes(with_positions(path.read_bytes(), start))
    return path


def with_positions(film: bytes, start: datetime) -> bytes:
    """Return a film with a block of positions in front of each chunk that begins another second."""
    file = io.BytesIO(film)
    tracks = read_tracks(file)
    samples = next(one.samples(file) for one in tracks if one.handler == b"vide")
    chunks = {offset for one in find_boxes(file, b"moov", b"trak") for offset in chunk_offsets(film, file, one)[1]}
    places: list[int] = []
    for sample in samples:
        if sample.media_s >= len(places) and sample.start in chunks:
            places.append(sample.start)
    blocks = [position_block(start + timedelta(seconds=number)) for number in range(len(places))]
    moved = bytearray(film)
    for track in find_boxes(file, b"moov", b"trak"):
        at, offsets = chunk_offsets(film, file, track)
        shifted = [offset + BLOCK_BYTES * sum(place <= offset for place in places) for offset in offsets]
        struct.pack_into(f">{len(shifted)}I", moved, at, *shifted)
    data = find_box(file, b"mdat")
    assert data is not None
    struct.pack_into(">I", moved, data.start, data.end - data.start + BLOCK_BYTES * len(blocks))
    parts, last = [], 0
    for place, block in zip(places, blocks, strict=True):
        parts += [bytes(moved[last:place]), block]
        last = place
    return b"".join([*parts, bytes(moved[last:])])


def chunk_offsets(film: bytes, file: io.BytesIO, track: Box) -> tuple[int, list[int]]:
    """Return where the table of chunks of a track lies, and what is in it."""
    table = find_box(file, b"mdia", b"minf", b"stbl", b"stco", within=track)
    assert table is not None
    count = struct.unpack_from(">I", film, table.body + 4)[0]
    return table.body + 8, list(struct.unpack_from(f">{count}I", film, table.body + 8))


def position_block(when: datetime) -> bytes:
    """Return a block of the most common layout: 59.5 degrees north, 30.25 degrees east."""
    numbers = (when.hour, when.minute, when.second, when.year - 2000, when.month, when.day)
    content = b"freeGPS " + struct.pack("<I", 0x4C) + bytes(0x20) + struct.pack("<6I", *numbers)
    content += b"ANE\0" + struct.pack("<4f", 5930.0, 3015.0, 20.0, 90.0)
    return struct.pack(">I", BLOCK_BYTES) + content.ljust(BLOCK_BYTES - 4, b"\0")


def data_of(path: Path) -> tuple[list[Sample], Box]:
    """Return the pictures of a film as they lie in it, and the box around them."""
    with path.open("rb") as file:
        data = find_box(file, b"mdat")
        assert data is not None
        return next(one.samples(file) for one in read_tracks(file) if one.handler == b"vide"), data
