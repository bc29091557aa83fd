"""Positions in videos."""

from __future__ import annotations

import math
import random
from pathlib import Path

from streamvision.gps.boxes import read_movie_header
from streamvision.gps.reading import read_gps
from support.fuzzing.mutation import Files, mutate_bytes
from support.fuzzing.target import Target
from support.gps_files import box, film, free_gps, places, standard_block, viofo_block, with_track

_TOKENS = (b"moov", b"gps ", b"freeGPS ", b"\0\0\0\1", b"\0\0\0\0", b"\xff" * 8, b"$GPRMC,", b"A", b"NW", b"stsc")


def _seeds() -> list[Files]:
    way = places(4)
    log = "".join(f"[{1_790_500_000_000 + 1000 * n}]{place.rmc}\r\n{place.gga}\r\n" for n, place in enumerate(way))
    text = [f"{place.rmc}\r\n{place.gga}\r\n".encode() for place in way]
    blocks = [standard_block(place)[:0x200] for place in way]
    short = [b"\0\0\2\0" + block[4:] for block in blocks]
    clips = [
        film(short),
        film([b"\0\0\2\0" + viofo_block(place)[4:0x200] for place in way], among=False),
        film(short, header=False),
        film([free_gps({60: bytes(ord(c) + 16 for c in place.rmc)}, size=0x200) for place in way]),
        film([], index=False, top=box(b"free", box(b"gps ", log.encode()))),
        with_track(text, handler=b"text", coding=b"text"),
        with_track([bytes(40)] * 8, handler=b"vide", coding=b"avc1", blocks=short),
    ]
    return [{"clip.mp4": clip} for clip in clips]


def _make(rng: random.Random, files: Files) -> Files:
    content = files["clip.mp4"]
    moov = max(content.rfind(b"moov") - 4, 0)
    for _ in range(rng.choice((1, 2, 5))):
        if rng.random() < 0.5:  # the tables at the end, which are a small part of it
            content = content[:moov] + mutate_bytes(rng, content[moov:], _TOKENS)
        else:
            content = mutate_bytes(rng, content, _TOKENS)
    return files | {"clip.mp4": content}


def _run(folder: Path, _rng: random.Random) -> None:
    path = folder / "clip.mp4"
    read_movie_header(path)
    gps = read_gps(path)
    for fix in gps.fixes if gps is not None else ():
        assert all(value is None or math.isfinite(value) for value in (fix.unix_s, fix.media_s, fix.speed_m_s))


POSITIONS = [Target(name="positions", group="readers", seeds=_seeds, make=_make, run=_run, seconds=3.0)]
