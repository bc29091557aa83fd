"""The way of a drive: the positions of its clips, on one clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import get_args

from streamvision.core.position import Fix, PositionSource
from streamvision.dashcam.clip import Drive, PlacedClip, View
from streamvision.gps.track import GpsTrack


def way_of(drive: Drive, view: View) -> GpsTrack | None:
    """Return the way of a drive; ``None`` where none of its clips has positions.

    Args:
        drive: the drive.
        view: whose clips are asked first; most cameras write positions into those of one lens only.
    """
    for one in (view, *get_args(View)):
        clips = drive.views.get(one, ())
        fixes = [fix for clip in clips for fix in _placed_fixes(clip)]
        if fixes and len(way := GpsTrack(fixes, _source(clips))):
            return way
    return None


def _placed_fixes(placed: PlacedClip) -> Iterator[Fix]:
    """Yield the positions of a clip, by the receiver's clock, or where it says none by the time in the video."""
    for fix in placed.clip.gps.fixes if placed.clip.gps is not None else ():
        if fix.unix_s is not None:
            yield fix
        elif fix.media_s is not None:
            yield replace(fix, unix_s=placed.start.unix_s + fix.media_s)


def _source(clips: Sequence[PlacedClip]) -> PositionSource:
    return next(clip.clip.gps.source for clip in clips if clip.clip.gps is not None and clip.clip.gps.fixes)
