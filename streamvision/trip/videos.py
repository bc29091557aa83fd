"""The annotated videos of a trip's drives: made once, and anew where anything about a drive has changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path

from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.frame import Result
from streamvision.trip.chapters import Chapter
from streamvision.trip.detecting import StoppedError
from streamvision.trip.drive_frames import drive_results
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.following import follow, tracker_of
from streamvision.trip.hiding import Hiding
from streamvision.trip.kept_files import KeptFiles, Origin
from streamvision.trip.records import SeenObject
from streamvision.trip.video import write_video

FOLDER = "videos"
"""Where they lie, in the output folder."""
LOOK_EVERY = 30
"""Pictures after which it is told how far the work has come, and asked whether to stop."""
_NO_NAME = re.compile(r"[^A-Za-z0-9-]")


class DriveVideos:
    """Makes the videos of drives.

    Args:
        output: the folder of the trip; they go into ``videos`` in it.
        names: class names of the model, by class id.
        tracker: gives the identities, as it gave them for the tables.
        score: lowest score of an object that is shown without an identity.
        hiding: makes faces and plates unreadable before anything is drawn.
    """

    def __init__(
        self,
        output: Path,
        *,
        names: tuple[str, ...],
        tracker: TrackerConfig,
        score: float,
        hiding: Hiding | None = None,
    ) -> None:
        self._output = output
        self._names = names
        self._tracker = tracker
        self._score = score
        self._hiding = hiding

    def write(
        self,
        drives: Sequence[DriveResult],
        objects: Sequence[SeenObject],
        *,
        left: Set[str] = frozenset(),
        is_stopped: Callable[[], bool],
        on_progress: Callable[[int, int], None],
    ) -> dict[str, str]:
        """Write the videos that are missing or out of date, one after the other.

        Args:
            drives: which ones; videos of others are removed.
            objects: each is a chapter of the drives that saw it.
            left: identifiers of drives whose videos are left as they are, as while they are not at their end; only
                what is to be hidden now goes.
            is_stopped: asked now and then whether to stop.
            on_progress: called with the pictures that are done, and how many there are.

        Returns:
            By the identifier of the drive its video's path from the output folder; absent where there is none.

        Raises:
            OutputError: when one cannot be written.
            StoppedError: when the work was stopped; videos that are complete stay.
        """
        folder = self._output / FOLDER
        by_name = {_file_name(drive.drive.id): drive for drive in drives}
        if not folder.is_dir() and all(drive.drive.id in left for drive in drives):
            return {}
        chapters = {name: _chapters(drive.drive.id, objects) for name, drive in by_name.items()}
        wanted = {name: self._origin(drive, chapters[name], left) for name, drive in by_name.items()}
        with KeptFiles(folder, wanted) as kept:
            missing = [name for name in kept.missing if by_name[name].drive.id not in left]
            total, done = sum(by_name[name].frames for name in missing), 0
            for name in missing:
                drive = by_name[name]

                def tell(number: int, before: int = done) -> None:
                    on_progress(before + number, total)
                    if is_stopped():
                        raise StoppedError

                if self._write(drive, chapters[name], folder / name, tell):
                    kept.add(name)
                done += drive.frames
            return {by_name[name].drive.id: f"{FOLDER}/{name}" for name in kept.there}

    def _write(
        self, drive: DriveResult, chapters: Sequence[Chapter], target: Path, tell: Callable[[int], None]
    ) -> bool:
        return write_video(
            self._results(drive, tell),
            self._names,
            target,
            start_unix_s=drive.start_unix_s,
            end_unix_s=drive.end_unix_s,
            chapters=chapters,
            hide=None if self._hiding is None else self._hiding.begun(),
        )

    def _results(self, drive: DriveResult, tell: Callable[[int], None]) -> Iterator[Result]:
        tracker = tracker_of(self._tracker, score=self._score)
        for result in drive_results(follow(drive.clips, tracker), stream_id=drive.drive.id):
            if result.frame.index % LOOK_EVERY == 0:
                tell(result.frame.index)
            yield result

    def _origin(self, drive: DriveResult, chapters: Sequence[Chapter], left: Set[str]) -> Origin:
        clips = [(clip.key, clip.placed.start, clip.placed.drop_s) for clip in drive.clips]
        return Origin(
            repr((clips, list(chapters), self._names, self._tracker, self._score)),
            hidden_by=None if self._hiding is None else self._hiding.by,
            can_be_made=drive.drive.id not in left and all(clip.placed.clip.path.is_file() for clip in drive.clips),
        )


def _file_name(drive: str) -> str:
    return f"{_NO_NAME.sub('-', drive)}.mp4"


def _chapters(drive: str, objects: Sequence[SeenObject]) -> list[Chapter]:
    """Return a chapter for each object that a drive saw, at the time at which it saw it first."""
    return [
        Chapter(view.first_unix_s, " ".join(part for part in (one.class_name, one.text, f"({one.id})") if part))
        for one in objects
        for view in one.views
        if view.drive == drive
    ]
