"""What ``trip:DIR?view=front&drive=N`` means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args
from urllib.parse import parse_qsl

from pipelines.capture.file_list import printable
from pipelines.capture.source import Policy, SourceKind, SourceSpec, local_path, local_source
from streamvision.core.errors import SourceError
from streamvision.core.redaction import short
from streamvision.dashcam.card import find_clips, videos_in
from streamvision.dashcam.clip import Drive, PlacedClip, View
from streamvision.dashcam.drives import drives_of
from streamvision.dashcam.way import way_of
from streamvision.gps.track import GpsTrack

VIEWS: tuple[View, ...] = get_args(View)


@dataclass(frozen=True)
class TripOptions:
    """Which clips of a card are read."""

    folder: Path
    """The card, or any part of it."""
    view: View = "front"
    """Whose clips."""
    drive: str | None = None
    """Number of the drive, from 1, or its identifier; ``None``: all, one after another."""


@dataclass(frozen=True, eq=False)
class TripClip:
    """A clip of a trip."""

    placed: PlacedClip
    """The file and its time."""
    drive: str
    """Identifier of its drive."""
    begins_drive: bool
    """Whether it is the first one of its drive."""
    way: GpsTrack | None
    """The way of the drive."""


def parse_options(text: str) -> TripOptions | None:
    """Parse what stands behind ``trip:``; ``None`` where there is no such folder.

    Raises:
        ValueError: when an option or a value is not known.
    """
    folder, query = local_path(text), ""
    if folder is None:
        text, _, query = text.rpartition("?")
        folder = local_path(text)
    if folder is None or not folder.is_dir():
        return None
    given = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := given.keys() - {"view", "drive"}:
        raise ValueError(f"has the option {min(unknown)!r}, which is not known; the options are view and drive")
    if (view := given.get("view", "front")) not in VIEWS:
        raise ValueError(f"asks for the view {view!r}; the views are {', '.join(VIEWS)}")
    return TripOptions(folder, view, given.get("drive") or None)


def clips_of(options: TripOptions) -> list[TripClip]:
    """Return the clips of a trip in their order.

    Raises:
        SourceError: permanent; when there are none, or no such drive.
    """
    shown = printable(str(options.folder))
    try:
        drives = drives_of(find_clips(options.folder))
    except OSError as error:
        raise SourceError(f"{shown} cannot be read: {error.strerror}", permanent=True) from None
    if not drives:
        raise SourceError(f"{shown} holds no videos; give the card of a dashcam, or a folder of clips", permanent=True)
    chosen = [drive for drive in _chosen(drives, options.drive, shown) if options.view in drive.views]
    if not chosen:
        views = sorted({view for drive in drives for view in drive.views}, key=VIEWS.index)
        raise SourceError(
            f"{shown} holds no clips of the view {options.view!r}; it has {', '.join(views)}", permanent=True
        )
    return [clip for drive in chosen for clip in _clips(drive, options.view)]


def _chosen(drives: Sequence[Drive], wanted: str | None, shown: str) -> list[Drive]:
    if wanted is None:
        return list(drives)
    for number, drive in enumerate(drives, 1):
        if wanted in (str(number), drive.id):
            return [drive]
    raise SourceError(
        f"{shown} has no drive {short(wanted)!r}; give a number from 1 to {len(drives)}, or one of "
        f"{', '.join(drive.id for drive in drives[:8])}{' ...' if len(drives) > 8 else ''}",
        permanent=True,
    )


def _clips(drive: Drive, view: View) -> list[TripClip]:
    way = way_of(drive, view)
    smooth = way.smoothed() if way is not None else None
    return [TripClip(placed, drive.id, not number, smooth) for number, placed in enumerate(drive.views[view])]


def _parse(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    scheme, separator, rest = text.partition(":")
    if scheme.lower() != "trip" or not separator:
        return None
    options = parse_options(rest)
    if options is None:
        raise ValueError("names no folder that exists")
    name = f"{options.folder.resolve().name}-{options.view}" + (f"-{options.drive}" if options.drive else "")
    spec = local_source("trip", options.folder, text, name, policy, realtime)
    return replace(spec, uri=rest, file_name=None)


def _files(spec: SourceSpec) -> list[Path]:
    """Return the videos of a card, so that nothing is written over them."""
    options = parse_options(spec.uri)
    return [] if options is None else list(videos_in(options.folder))


TRIP = SourceKind(
    name="trip",
    summary="card of a dashcam: its drives in order, with time and place",
    accepts="trip:FOLDER",
    example="trip:/media/card?view=front&drive=1",
    factory="pipelines.capture.trip.reader:TripReader",
    parse=_parse,
    files=_files,
)
