"""A trip from beginning to end: clips found, worked on once, joined to drives, objects placed, results written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.capture.file_list import printable
from streamvision.core.errors import SourceError, StateError
from streamvision.core.files import writing
from streamvision.dashcam.card import find_clips
from streamvision.dashcam.clip import Clip, Drive
from streamvision.dashcam.drives import drives_of
from streamvision.gps.track import GpsTrack
from streamvision.inference.model import Model
from streamvision.state.folder import in_use
from streamvision.trip.clip_detections import ClipDetections
from streamvision.trip.detecting import Detecting
from streamvision.trip.drive_result import DriveResult, go_through
from streamvision.trip.first_pass import FirstPass
from streamvision.trip.following import DriveClip
from streamvision.trip.index import TripIndex
from streamvision.trip.object_files import object_row, utc
from streamvision.trip.objects import ObjectViews, seen_object
from streamvision.trip.outputs import write_outputs
from streamvision.trip.pictures import BestView, write_pictures
from streamvision.trip.placing import objects_of
from streamvision.trip.records import DriveSummary, TripSummary
from streamvision.trip.settings import TripSettings
from streamvision.trip.way import way_of

TRACKED_SCORE = 0.1
"""Lowest score of what is kept of a picture: a tracker goes on by what the model is less sure of, too."""

Progress = Callable[[str, int, int], None]
"""Called with what is done, how far that has come, and how far it goes."""


@dataclass(frozen=True)
class ClipCounts:
    """How many clips there were."""

    found: int
    """On the card, of the chosen lens."""
    new: int
    """Worked on in this run."""
    skipped: int
    """Known from a run before."""


@dataclass(frozen=True)
class TripReport:
    """What a run comes to."""

    summary: TripSummary
    """The drives and the objects."""
    clips: ClipCounts
    """How many clips there were."""
    output: Path
    """Where the results are."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        drives = self.summary.drives
        return {
            "drives": [_drive_row(one) for one in drives],
            "objects": [object_row(one) for one in self.summary.objects],
            "clips": vars(self.clips),
            "lost_s": round(sum(one.lost_s for one in drives), 3),
            "output": str(self.output),
        }


class Trip:
    """Makes drives of a card, as often as there is something new on it. Use it in a ``with`` block.

    Args:
        settings: what is made from what.
        is_stopped: asked now and then; what is finished until it says so is kept.
        on_progress: told how far the work has come.
    """

    def __init__(self, settings: TripSettings, *, is_stopped: Callable[[], bool], on_progress: Progress) -> None:
        self._settings = settings
        self._is_stopped = is_stopped
        self._on_progress = on_progress
        self._open = ExitStack()
        self._index: TripIndex
        self._model: Model

    def __enter__(self) -> Trip:
        """Open the model and take the state folder.

        Raises:
            StreamVisionError: when one of them cannot be used.
        """
        settings = self._settings
        with ExitStack() as opening:
            with writing(settings.output, instead="give another folder with --output"):
                settings.output.mkdir(parents=True, exist_ok=True)
            opening.enter_context(in_use(settings.state))
            self._model = opening.enter_context(Model.open(settings.model, max_batch=1))
            self._index = opening.enter_context(TripIndex(settings.state, settings=settings.detection_key()))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def update(self) -> TripReport:
        """Work on the clips that are new, and write the results of all.

        Raises:
            StreamVisionError: when there is no clip, the model fails, or a file cannot be written.
            StoppedError: when the work was stopped.
        """
        there = self._index.add(self._clips())
        if not there and not self._index.known():
            raise SourceError(
                f"{self._settings.folder} holds no clips of the {self._settings.view} lens; give the folder of a card, "
                "or another lens with --view",
                permanent=True,
            )
        new = {key: clip for key, clip in there.items() if not self._index.is_done(key)}
        finished = self._first_pass().run(
            new, lambda done, total: self._on_progress("s of video", int(done), int(total))
        )
        results = self._drives()
        objects = objects_of(results)
        numbers = self._index.numbers(one.first_seen for one in objects)
        pictures = write_pictures(map(_best_view, numbers, objects), self._settings.output)
        seen = [seen_object(one, number, pictures.get(number)) for number, one in zip(numbers, objects, strict=True)]
        summary = TripSummary(
            drives=tuple(_summary(one) for one in results),
            objects=tuple(sorted(seen, key=lambda one: one.id)),
            title=printable(self._settings.folder.absolute().name),
        )
        write_outputs(summary, results, self._settings.output)
        return TripReport(summary, ClipCounts(len(there), finished, len(there) - len(new)), self._settings.output)

    def _clips(self) -> list[Clip]:
        """Return the clips of the chosen lens; what this command itself has written is none."""
        settings = self._settings
        try:
            found = find_clips(settings.folder, known={clip.path: clip for clip in self._index.known().values()})
        except OSError as error:
            raise SourceError(
                f"{settings.folder} cannot be read: {error.strerror or error}; give the folder of a card",
                permanent=True,
            ) from error
        own = settings.output.absolute()
        return [clip for clip in found if clip.view == settings.view and own not in clip.path.absolute().parents]

    def _first_pass(self) -> FirstPass:
        limits = self._model.limits_of(self._settings.model, score_floor=TRACKED_SCORE)
        detecting = Detecting(self._model, limits, stride=self._settings.stride)
        return FirstPass(detecting, self._index, is_stopped=self._is_stopped)

    def _drives(self) -> list[DriveResult]:
        """Return all drives that are known, in the order of time."""
        settings, known = self._settings, self._index.known()
        clips = [self._with_duration(key, clip) for key, clip in known.items() if clip.view == settings.view]
        keys = {clip.path: key for key, clip in known.items()}
        drives = drives_of(clips, gap_s=settings.gap_s, zone=settings.zone)
        results = []
        for number, drive in enumerate(drives):
            self._on_progress("drives", number, len(drives))
            results.append(self._drive(drive, keys))
        return sorted((one for one in results if one.frames), key=lambda one: one.start_unix_s)

    def _drive(self, drive: Drive, keys: Mapping[Path, str]) -> DriveResult:
        settings = self._settings
        clips = [
            DriveClip(key, placed, self._name(placed.clip.path), partial(self._loaded, key))
            for placed in drive.views.get(settings.view, ())
            if (key := keys.get(placed.clip.path)) is not None
        ]
        return go_through(
            drive,
            clips,
            way_of(drive, settings.view),
            self._index.folder / f"{drive.id}.jsonl",
            names=self._model.names,
            tracker=settings.tracker,
            score=settings.model.score,
        )

    def _with_duration(self, key: str, clip: Clip) -> Clip:
        """Return the clip, with the length of what could be decoded where its header says none."""
        return clip if clip.duration_s else replace(clip, duration_s=self._loaded(key).duration_s or None)

    def _loaded(self, key: str) -> ClipDetections:
        found = self._index.detections(key)
        if found is None:
            raise StateError(
                f"what was found on a clip is damaged in {self._index.folder}; remove {key}* there, and run it again"
            )
        return found

    def _name(self, path: Path) -> str:
        """Return what results call a clip: its path below the card, or its name where it is of another one."""
        folder = self._settings.folder.absolute()
        return printable(str(path.relative_to(folder)) if folder in path.parents else path.name)


def _best_view(number: int, views: ObjectViews) -> BestView:
    best = views.best
    return BestView(number, views.class_name, best.clip.clip.path, best.pts_s, best.file_frame, best.box_xyxy_px)


def _summary(result: DriveResult) -> DriveSummary:
    way = result.way
    return DriveSummary(
        id=result.drive.id,
        start_unix_s=result.start_unix_s,
        end_unix_s=result.end_unix_s,
        distance_m=way.distance_m if way is not None else None,
        clips=tuple(clip.name for clip in result.clips),
        lost_s=result.lost_s,
        notes=result.notes,
        track=_track(way) if way is not None else np.empty((0, 6)),
        video=None,
    )


def _track(way: GpsTrack) -> NDArray[np.float64]:
    rows = way.rows()
    return np.column_stack([rows[:, :3], rows[:, 4:6], way.errors_m])


def _drive_row(one: DriveSummary) -> dict[str, Any]:
    return {
        "id": one.id,
        "start_time": utc(one.start_unix_s),
        "end_time": utc(one.end_unix_s),
        "distance_m": None if one.distance_m is None else round(one.distance_m, 1),
        "clips": list(one.clips),
        "lost_s": round(one.lost_s, 3),
        "notes": list(one.notes),
        "video": one.video,
    }
