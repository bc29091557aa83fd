"""Positions in videos and in files beside them."""

from __future__ import annotations

import io
import math
import random
import struct
import tarfile
from pathlib import Path

from streamvision.gps.boxes import read_movie_header
from streamvision.gps.reading import read_gps
from streamvision.gps.track import GpsTrack
from streamvision.gps.writing import gpx_of
from support.fuzzing.mutation import Files, mutate_bytes
from support.fuzzing.target import Target
from support.gps_files import box, film, free_gps, gpmf_item, places, standard_block, viofo_block, with_track

_TEXT_TOKENS = (
    b"<",
    b">",
    b"&a;",
    b"<!DOCTYPE a>",
    b"$GPRMC,",
    b"$V02",
    b"A",
    b"V",
    b",",
    b"-->",
    b"[1]",
    b"nan",
    b"9" * 400,
    b"\xff",
)
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
        with_track([_gpmf()] * 3, handler=b"meta", coding=b"gpmd"),
        with_track([_camm()] * 3, handler=b"meta", coding=b"camm"),
        with_track([bytes(40)] * 8, handler=b"vide", coding=b"avc1", blocks=short),
    ]
    return [{"clip.mp4": clip} for clip in clips]


def _gpmf() -> bytes:
    rows, scales = (
        struct.pack(">5i", 480_000_000, 110_000_000, 520_500, 13_250, 1330) * 4,
        struct.pack(">5i", 10**7, 10**7, 1000, 1000, 100),
    )
    items = gpmf_item(b"GPSU", b"U", 16, b"260927054703.250") + gpmf_item(b"SCAL", b"l", 4, scales)
    stream = gpmf_item(b"STRM", b"\0", 1, items + gpmf_item(b"GPS5", b"l", 20, rows))
    other = gpmf_item(b"SCAL", b"s", 2, b"\0\1") + gpmf_item(b"GPS9", b"?", 32, bytes(64))
    return gpmf_item(b"DEVC", b"\0", 1, stream + gpmf_item(b"STRM", b"\0", 1, other))


def _camm() -> bytes:
    fix = struct.pack("<di2d7f", 1.4e9, 3, 48.5, 11.25, 520, 1, 2, 3, 4, 0, 1)
    return struct.pack("<HH", 0, 6) + fix + struct.pack("<HH3d", 0, 5, 48.5, 11.25, 520)


def _beside() -> list[Files]:
    way = places(4)
    log = "".join(f"{place.rmc}\r\n{place.gga}\r\n" for place in way).encode()
    points = "".join(
        f'<trkpt lat="48.{n}" lon="11"><ele>5</ele><time>2026-09-27T05:47:0{n}Z</time></trkpt>' for n in range(4)
    )
    texts = "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n[latitude: 1.{n}] [longitude: 2.5]\n" for n in range(4))
    rows = "".join(f"{1790459223 + n},A,1.5,2.5,100,1113,0,0,0,NO20260927-074703-000007F.MP4,0,0,0\n" for n in range(4))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as members:
        member = tarfile.TarInfo("20260927074703_0060_D.gpx")
        member.size = len(log)
        members.addfile(member, io.BytesIO(log))
    clips = ("clip.mp4", "NO20260927-074703-000007F.MP4", "20260927074703_0060.mp4")
    return [
        {clips[0]: b"", "clip.nmea": log},
        {clips[0]: b"", "clip.gpx": f"<gpx><trk><trkseg>{points}</trkseg></trk></gpx>".encode()},
        {clips[0]: b"", "clip.srt": texts.encode()},
        {clips[1]: b"", "GPSData000001.txt": f"$V02\n{rows}".encode()},
        {clips[2]: b"", "203gps/20260927074703_0060_D.gpx": b"$GPSCAMTIME 20260927074703\r\n" + log},
        {
            clips[2]: b"",
            "203gps/a_D.gpx": b"$GPSCAMTIME 20260927074703\r\n" + log,
            "203gps/tar/a.git": archive.getvalue(),
        },
    ]


def _make_beside(rng: random.Random, files: Files) -> Files:
    name = rng.choice([name for name in files if not name.lower().endswith(".mp4")])
    content = files[name]
    for _ in range(rng.choice((1, 2, 5))):
        content = mutate_bytes(rng, content, _TEXT_TOKENS)
    return files | {name: content}


def _run_beside(folder: Path, _rng: random.Random) -> None:
    clip = next(path for path in folder.iterdir() if path.suffix.lower() == ".mp4")
    gps = read_gps(clip)
    if gps is not None:
        track = GpsTrack(gps.fixes, gps.source)
        assert math.isfinite(track.distance_m)
        gpx_of({clip.name: track.smoothed()})


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


POSITIONS = [
    Target(name="positions", group="readers", seeds=_seeds, make=_make, run=_run, seconds=3.0),
    Target(name="beside", group="readers", seeds=_beside, make=_make_beside, run=_run_beside, seconds=3.0),
]
