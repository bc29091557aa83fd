"""A trip from beginning to end: clips found, worked on once, joined to drives, objects placed, results written."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pipelines.capture.file_list import printable
from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.files import writing
from streamvision.core.model_location import is_without_network
from streamvision.dashcam.card import find_clips
from streamvision.dashcam.clip import Clip
from streamvision.dashcam.clip_key import ClipKeys
from streamvision.inference.model import Model
from streamvision.inference.model_card import OBJECT_TASKS
from streamvision.state.folder import in_use
from streamvision.trip.arrivals import QUIET_S, CompleteFiles, is_being_written
from streamvision.trip.detecting import Detecting
from streamvision.trip.drive_making import DriveMaker
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.first_pass import FirstPass
from streamvision.trip.following import tracker_of
from streamvision.trip.hiding import Hiding
from streamvision.trip.index import TripIndex
from streamvision.trip.kept_files import LIST
from streamvision.trip.merging import objects_of
from streamvision.trip.objects import ObjectViews, seen_object
from streamvision.trip.outputs import taken, write_outputs
from streamvision.trip.pictures import BestView, write_pictures
from streamvision.trip.privacy import is_hidden, shown
from streamvision.trip.records import TripSummary
from streamvision.trip.report import write_report
from streamvision.trip.settings import TripSettings
from streamvision.trip.sign_text import SignReader
from streamvision.trip.summaries import ClipCounts, TripReport, drive_summary
from streamvision.trip.videos import DriveVideos

TRACKED_SCORE = 0.1
"""Lowest score of what is kept of a picture: a tracker goes on by what the model is less sure of, too."""

Progress = Callable[[str, int, int], None]
"""Called with what is done, how far that has come, and how far it goes."""


class Trip:
    """Makes drives of a card, as often as there is something new on it. Use it in a ``with`` block.

    Args:
        settings: what is made from what.
        is_stopped: asked now and then; what is finished until it says so is kept.
        on_progress: told how far the work has come.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        settings: TripSettings,
        *,
        is_stopped: Callable[[], bool],
        on_progress: Progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._is_stopped = is_stopped
        self._on_progress = on_progress
        self._open = ExitStack()
        self._clock = clock
        self._keys = ClipKeys()
        self._found: dict[Path, Clip] = {}
        self._reported: dict[str, int] = {}
        self._is_first = True
        self._over_after_s: float | None = None
        self._grown_at_s = 0.0
        self._places = settings.privacy.hidden_places
        self._hiding: Hiding | None = None
        self._index: TripIndex
        self._model: Model
        self._drives: DriveMaker

    def __enter__(self) -> Trip:
        """Open the model and take the state folder.

        Raises:
            StreamVisionError: when one of them cannot be used.
        """
        settings = self._settings
        if is_without_network(settings.model.path):
            raise ConfigError(
                "a trip looks at single pictures of a moving camera, and the model is none, which knows no classes; "
                "give a model that finds objects"
            )
        tracker_of(settings.tracker, score=settings.model.score)  # what is wrong with it is said before the work
        with ExitStack() as opening:
            with writing(settings.output, instead="give another folder with --output"):
                settings.output.mkdir(parents=True, exist_ok=True)
            opening.enter_context(taken(settings.output))
            opening.enter_context(in_use(settings.state))
            self._model = opening.enter_context(Model.open(settings.model, max_batch=1))
            if self._model.card.task not in OBJECT_TASKS:
                raise ConfigError(
                    f"a trip needs a model that finds objects, but {settings.model.path} is one for "
                    f"{self._model.card.task}; give one for {', '.join(OBJECT_TASKS)}"
                )
            self._index = opening.enter_context(TripIndex(settings.state, settings=settings.detection_key()))
            if settings.privacy.blur:
                hiding = Hiding.open(settings.privacy.blur_model, self._model.names)
                self._hiding = opening.enter_context(hiding)
            reader = opening.enter_context(SignReader(settings.text, self._index)) if settings.text else None
            self._drives = DriveMaker(settings, self._index, self._model.names, reader=reader)
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
        there = self._index.add(clip for clip in self._clips() if not is_being_written(clip.path))
        if not there and not self._index.known():
            raise SourceError(
                f"{self._settings.folder} holds no clips of the {self._settings.view} lens; give the folder of a card, "
                "or another lens with --view",
                permanent=True,
            )
        return self._report(there, growing=False)

    def update_by(self, arrivals: CompleteFiles) -> TripReport | None:
        """Do what :meth:`update` does with the clips that have come in full; ``None`` where there is nothing new.

        A folder that is not there has no clips, as when a card is taken out. The last drive may go on: its video is
        left as it is until :attr:`is_over` says that it does not.

        Raises:
            StreamVisionError: when the model fails, or a file cannot be written.
            StoppedError: when the work was stopped.
        """
        try:
            clips = self._clips()
        except SourceError:
            clips = []
        complete = arrivals.complete(file for clip in clips for file in clip.files)
        there = self._index.add(clip for clip in clips if clip.path in complete)
        is_first, self._is_first = self._is_first, False
        if self._is_new(there, complete) or (is_first and self._index.known()):
            return self._report(there, growing=True)
        if any(clip.path not in complete and clip.key not in self._reported for clip in clips):
            self._grown_at_s = self._clock()
        return self._report(there, growing=False) if there and self.is_over else None

    @property
    def is_over(self) -> bool:
        """Whether nothing has come for so long that the last drive is over, and its video was left until now."""
        return self._over_after_s is not None and self._clock() - self._grown_at_s >= self._over_after_s

    def _is_new(self, there: dict[str, Clip], complete: set[Path]) -> bool:
        """Say whether a clip is not in the results yet, or more positions beside it have come in full."""
        for key, clip in there.items():
            before = self._reported.get(key) if self._index.is_done(key) else None
            if before is None or (before != hash(clip.gps) and complete.issuperset(clip.files)):
                return True
        return False

    def _report(self, there: dict[str, Clip], *, growing: bool) -> TripReport:
        """Work on the clips of the card that are new, and write the results of all that is known.

        Videos take the longest, so they come last; while the last drive is ``growing``, its own is left as it is.
        """
        new = {key: clip for key, clip in there.items() if not self._index.is_done(key)}
        self._over_after_s = None
        finished = self._first_pass().run(
            new, lambda done, total: self._on_progress("s of video", int(done), int(total))
        )
        results = self._drives.results(lambda done, total: self._on_progress("drives", done, total))
        summary = self._summary(results)
        shown_results = [shown(one, self._places) for one in results]
        write_outputs(summary, shown_results, self._settings.output, hidden=self._places, tiles=self._settings.tiles)
        left = results[-1:] if growing else []
        videos = self._videos(summary, results, left=left if self._settings.video else results)
        if videos:
            summary = replace(summary, drives=tuple(replace(one, video=videos.get(one.id)) for one in summary.drives))
            write_report(summary, self._settings.output, tiles=self._settings.tiles)
        self._reported = {key: hash(clip.gps) for key, clip in self._index.known().items()}
        if left and self._settings.video:
            longest_s = max(clip.placed.clip.duration_s or 0.0 for clip in left[0].clips)
            self._over_after_s = longest_s + self._settings.gap_s + QUIET_S  # a clip comes when its length is over
            self._grown_at_s = self._clock()
        return TripReport(summary, ClipCounts(len(there), finished, len(there) - len(new)), self._settings.output)

    def _summary(self, results: list[DriveResult]) -> TripSummary:
        objects = [one for one in objects_of(results) if not is_hidden(one, self._places)]
        numbers = self._index.numbers(one.first_seen for one in objects)
        pictures = write_pictures(
            map(_best_view, numbers, objects),
            self._settings.output,
            hiding=self._hiding,
            on_progress=lambda done, total: self._on_progress("pictures of objects", done, total),
        )
        seen = [seen_object(one, number, pictures.get(number)) for number, one in zip(numbers, objects, strict=True)]
        return TripSummary(
            drives=tuple(drive_summary(shown(one, self._places)) for one in results),
            objects=tuple(sorted(seen, key=lambda one: one.id)),
            title=printable(self._settings.folder.absolute().name),
        )

    def _videos(self, summary: TripSummary, results: list[DriveResult], *, left: list[DriveResult]) -> dict[str, str]:
        """Write the videos of all drives but those that are left as they are, and return where all of them lie."""
        settings = self._settings
        return DriveVideos(
            settings.output,
            names=self._model.names,
            tracker=settings.tracker,
            score=settings.model.score,
            hiding=self._hiding,
        ).write(
            results,
            summary.objects,
            left={one.drive.id for one in left},
            is_stopped=self._is_stopped,
            on_progress=lambda done, total: self._on_progress("pictures of the videos", done, total),
        )

    def _clips(self) -> list[Clip]:
        """Return the clips of the chosen lens; what this command itself has written is none."""
        settings = self._settings
        known = self._found or {clip.path: clip for clip in self._index.known().values()}
        self._found = {}
        try:
            found = find_clips(settings.folder, known=known, keys=self._keys)
        except OSError as error:
            raise SourceError(
                f"{settings.folder} cannot be read: {error.strerror or error}; give the folder of a card",
                permanent=True,
            ) from error
        self._found = {clip.path: clip for clip in found}
        own = {folder for folder in {clip.path.parent for clip in found} if (folder / LIST).exists()}
        return [clip for clip in found if clip.view == settings.view and clip.path.parent not in own]

    def _first_pass(self) -> FirstPass:
        limits = self._model.limits_of(self._settings.model, score_floor=TRACKED_SCORE)
        detecting = Detecting(self._model, limits, stride=self._settings.stride)
        return FirstPass(detecting, self._index, is_stopped=self._is_stopped)


def _best_view(number: int, views: ObjectViews) -> BestView:
    best = views.best
    return BestView(
        number,
        views.class_name,
        best.clip.clip.path,
        best.pts_s,
        best.file_frame,
        best.box_xyxy_px,
        best.found,
        best.key,
    )
