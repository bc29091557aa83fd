"""Clips of a card as they would be found, made without videos: names by the camera's clock, positions by satellites."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from streamvision.core.position import Fix
from streamvision.dashcam.clip import Clip
from streamvision.dashcam.naming import name_of
from streamvision.gps.clip_gps import ClipGps

T0 = datetime(2026, 6, 28, 11, 34, 16, tzinfo=timezone.utc).timestamp()
"""When drives begin, UTC."""
HOUR_S = 3600.0
SPEED_M_S = 15.0


def clip_at(
    path: str,
    start_s: float,
    length_s: float | None = 60.0,
    *,
    gps: ClipGps | None = None,
    created_s: float | None = None,
) -> Clip:
    """Return a clip of a name."""
    name = name_of(Path(path))
    return Clip(
        path=Path(path),
        name=name,
        view=name.view if name else "front",
        mode=name.mode if name else "normal",
        duration_s=length_s,
        created_unix_s=created_s,
        modified_unix_s=T0 + 90 * 86_400,
        gps=gps,
        size_bytes=int(1_000_000 * (length_s or 30)),
    )


def local(start_s: float, form: str, ahead_s: float = 2 * HOUR_S) -> str:
    """Return a time as a camera writes it whose clock is that far ahead of UTC."""
    return (datetime(1970, 1, 1) + timedelta(seconds=start_s + ahead_s)).strftime(form)


def fixes_of(
    start_s: float, length_s: float, *, ahead_s: float = 0.0, with_media: bool = True, longitude_deg: float = 30.0
) -> ClipGps:
    """Return a position a second on the way north, whose times are cut to whole seconds."""
    fixes = tuple(
        Fix(
            latitude_deg=50 + (start_s + second - T0) * SPEED_M_S / 111_000,
            longitude_deg=longitude_deg,
            unix_s=float(int(start_s + second + ahead_s)),
            speed_m_s=SPEED_M_S,
            media_s=float(second) if with_media else None,
        )
        for second in range(int(length_s))
    )
    return ClipGps(fixes=fixes, format="novatek", source="container", file=Path("x"), may_be_local=True)


def stale(gps: ClipGps, rows: int, unix_s: float) -> ClipGps:
    """Return positions whose first rows repeat the last one of the drive before."""
    old = [replace(fix, unix_s=unix_s) for fix in gps.fixes[:rows]]
    return replace(gps, fixes=(*old, *gps.fixes[rows:]))


def viofo_loop(
    count: int,
    *,
    start_s: float = T0,
    length_s: float = 60.0,
    ahead_s: float = 2 * HOUR_S,
    counter: int = 1,
    letter: str = "F",
    with_gps: bool = True,
    lost_s: float = 0.0,
) -> list[Clip]:
    """Return clips that follow on each other, named as Viofo names them."""
    clips = []
    for index in range(count):
        at_s = start_s + index * (length_s + lost_s)
        number = (counter + index - 1) % 999_999 + 1
        name = f"DCIM/Movie/{local(at_s, '%Y_%m%d_%H%M%S', ahead_s)}_{number:06d}{letter}.MP4"
        clips.append(clip_at(name, at_s, length_s, gps=fixes_of(at_s, length_s) if with_gps else None))
    return clips


def starts(drive, view="front") -> list[float]:
    """Return when each clip of a lens begins, in seconds since the drives begin."""
    return [placed.start.unix_s - T0 for placed in drive.views[view]]


def names(drive, view="front") -> list[str]:
    """Return the files of a lens, in their order."""
    return [placed.clip.path.as_posix() for placed in drive.views[view]]


def paths(clips: Iterable[Clip]) -> list[str]:
    """Return the files of clips."""
    return [clip.path.as_posix() for clip in clips]
