"""Cards as three makers and an action camera write them: folders, names, and where the positions lie.

The layouts of names and positions are those that docs/dashcams.md and docs/gps.md give with their sources.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath

from streamvision.datasets.trip.action_camera import positions_track
from streamvision.datasets.trip.movie import Insert, Movie, Span, box
from streamvision.datasets.trip.receiver import Reading
from streamvision.datasets.trip.sentences import degrees_and_minutes, fix_data, recommended_minimum
from streamvision.datasets.trip.spec import TripSpec
from streamvision.gps.nmea import KNOT_M_S

_NOVATEK_BLOCK_BYTES = 0x4000
_NOVATEK_PAYLOAD_BYTES = 0x4C
_KEPT_SHARE = 2 / 3
"""Of a clip that the power failure ended."""


@dataclass(frozen=True)
class CameraClip:
    """A clip that the camera is about to write."""

    spec: TripSpec
    """The card."""
    movie: Movie
    """Its pictures."""
    number: int
    """Counts the clips of the card from 1."""
    chapter: int
    """Counts the clips of its drive from 1."""
    drive: int
    """Counts the drives from 1."""
    start_unix_s: float
    """When its first frame was taken, UTC."""
    readings: tuple[Reading, ...]
    """The fixes that are written while it runs."""
    is_cut: bool
    """Whether the power fails in it."""

    @property
    def shown(self) -> datetime:
        """The camera's clock at its beginning."""
        return self.spec.camera_time(self.start_unix_s)

    def written_s(self, reading: Reading) -> float:
        """Return when a fix is written, in seconds from the first frame."""
        return reading.unix_s + self.spec.gps_delay_s - self.start_unix_s


@dataclass(frozen=True)
class Maker:
    """How a maker's cameras write a card."""

    name: str
    """As it is chosen."""
    title: str
    """What is made, in a few words."""
    path: Callable[[CameraClip], PurePosixPath]
    """Where a clip lies on the card."""
    video: Callable[[CameraClip], bytes]
    """The file."""
    beside: tuple[str, Callable[[CameraClip], bytes]] | None = None
    """Ending and content of a file beside it."""
    rate_hz: int = 1
    """Fixes a second."""


def _viofo_path(clip: CameraClip) -> PurePosixPath:
    return PurePosixPath("DCIM/Movie") / f"{clip.shown:%Y_%m%d_%H%M%S}_{clip.number % 10_000:04d}F.MP4"


def _viofo_video(clip: CameraClip) -> bytes:
    inserts = [Insert(clip.written_s(one), _novatek_block(one, clip.spec)) for one in clip.readings]
    return _video(clip, inserts=inserts, index_parts=_novatek_index)


def _novatek_block(reading: Reading, spec: TripSpec) -> bytes:
    """Return one fix: a box ``free`` that begins with ``GPS `` (the layout of the first boards of the maker)."""
    zone_s = spec.zone_s + spec.clock_error_s if spec.gps_is_local else 0.0
    time = datetime.fromtimestamp(reading.unix_s, timezone.utc) + timedelta(seconds=zone_s)
    letters = (
        b"A" if reading.has_fix else b"V",
        b"N" if reading.latitude_deg >= 0 else b"S",
        b"E" if reading.longitude_deg >= 0 else b"W",
    )
    clock = (time.hour, time.minute, time.second, time.year - 2000, time.month, time.day)
    lat, lon = degrees_and_minutes(reading.latitude_deg), degrees_and_minutes(reading.longitude_deg)
    way = (reading.speed_m_s / KNOT_M_S, reading.course_deg)
    head = struct.pack(">I4s4s", _NOVATEK_BLOCK_BYTES, b"free", b"GPS ") + struct.pack("<I", _NOVATEK_PAYLOAD_BYTES)
    content = struct.pack("<6I3s1x4f", *clock, b"".join(letters), lat, lon, *way)
    return (head.ljust(0x30, b"\0") + content).ljust(_NOVATEK_BLOCK_BYTES, b"\0")


def _novatek_index(spans: Sequence[Span]) -> bytes:
    rows = b"".join(struct.pack(">II", span.offset, span.size) for span in spans)
    return box(b"gps ", struct.pack(">II", 0x101, len(spans)), rows)


def _blackvue_path(clip: CameraClip) -> PurePosixPath:
    return PurePosixPath("BlackVue/Record") / f"{clip.shown:%Y%m%d_%H%M%S}_NF.mp4"


def _blackvue_video(clip: CameraClip) -> bytes:
    return _video(clip, in_front=box(b"free", box(b"cprt", b"Pittasoft DR900S"), box(b"gps ", _bracketed(clip))))


def _bracketed(clip: CameraClip) -> bytes:
    """Return sentences, each behind the camera's local clock in milliseconds as if it were UTC."""
    lines: list[str] = []
    for reading in clip.readings:
        shown = clip.spec.camera_time(reading.unix_s + clip.spec.gps_delay_s)
        stamp_ms = round((shown - datetime(1970, 1, 1)).total_seconds() * 1000)
        lines.extend(f"[{stamp_ms}]{say(reading)}\r\n" for say in (fix_data, recommended_minimum))
    return "".join(lines).encode("ascii")


def _mivue_path(clip: CameraClip) -> PurePosixPath:
    return PurePosixPath("Normal/F") / f"FILE{clip.shown:%y%m%d-%H%M%S}F.MP4"


def _sentences(clip: CameraClip) -> bytes:
    lines = [f"{say(reading)}\r\n" for reading in clip.readings for say in (fix_data, recommended_minimum)]
    return "".join(lines).encode("ascii")


def _gopro_path(clip: CameraClip) -> PurePosixPath:
    return PurePosixPath("DCIM/100GOPRO") / f"GH{clip.chapter:02d}{clip.drive:04d}.MP4"


def _gopro_video(clip: CameraClip) -> bytes:
    movie = clip.movie
    seconds = movie.duration / movie.timescale
    inserts, track = positions_track(clip.readings, clip.written_s, seconds, movie.timescale)
    return _video(clip, inserts=inserts, index_parts=track)


def _video(
    clip: CameraClip,
    *,
    inserts: Sequence[Insert] = (),
    in_front: bytes = b"",
    index_parts: Callable[[Sequence[Span]], bytes] = lambda spans: b"",
) -> bytes:
    movie = clip.movie.created_at(clip.shown)
    if clip.is_cut:
        return movie.without_index(_KEPT_SHARE, inserts=inserts, in_front=in_front)
    return movie.written(inserts=inserts, in_front=in_front, index_parts=index_parts)


MAKERS = {
    maker.name: maker
    for maker in (
        Maker("viofo", "Viofo: freeGPS blocks between the pictures and their index", _viofo_path, _viofo_video),
        Maker("blackvue", "BlackVue: sentences in a box before the pictures", _blackvue_path, _blackvue_video),
        Maker("mivue", "Mio MiVue: sentences in a file beside", _mivue_path, _video, (".NMEA", _sentences)),
        Maker("gopro", "GoPro: ten fixes a second in a track", _gopro_path, _gopro_video, rate_hz=10),
    )
}
"""All, by name."""
