"""Makes drives of all clips that are known, from what is kept of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pipelines.capture.file_list import printable
from streamvision.core.errors import StateError
from streamvision.dashcam.clip import Clip, Drive
from streamvision.dashcam.drives import driven, drives_of
from streamvision.dashcam.way import way_of
from streamvision.trip.clip_detections import ClipDetections
from streamvision.trip.drive_result import DriveResult, go_through
from streamvision.trip.following import DriveClip
from streamvision.trip.index import TripIndex
from streamvision.trip.settings import TripSettings
from streamvision.trip.sign_text import SignReader


class DriveMaker:
    """Makes drives, and remembers those that have not changed since the last time.

    Args:
        settings: how clips become drives.
        index: what is kept of clips.
        names: class names of the model, by class id.
        reader: reads the objects; ``None``: nobody does.
    """

    def __init__(
        self, settings: TripSettings, index: TripIndex, names: tuple[str, ...], *, reader: SignReader | None = None
    ) -> None:
        self._settings = settings
        self._index = index
        self._names = names
        self._reader = reader
        self._made: dict[str, DriveResult] = {}

    def results(self, on_progress: Callable[[int, int], None]) -> list[DriveResult]:
        """Return all drives with a frame, in the order of time.

        Args:
            on_progress: called with how many are made, and how many there are.

        Raises:
            StreamVisionError: when what was kept is damaged, or a file cannot be written.
        """
        clips, keys = self._clips()
        drives = driven(drives_of(clips, gap_s=self._settings.gap_s, zone=self._settings.zone))
        made: dict[str, DriveResult] = {}
        for number, drive in enumerate(drives):
            on_progress(number, len(drives))
            own = self._clips_of(drive, keys)
            digest = _digest(drive, own)
            made[digest] = self._made.get(digest) or self._result(drive, own)
        self._made = made
        for file in set((self._index.folder / "drives").iterdir()) - {one.lines for one in made.values()}:
            file.unlink(missing_ok=True)
        return sorted((one for one in made.values() if one.frames), key=lambda one: one.start_unix_s)

    def _clips(self) -> tuple[list[Clip], dict[Path, str]]:
        """Return the known clips of the chosen lens, and their keys by their paths."""
        clips: list[Clip] = []
        keys: dict[Path, str] = {}
        for key, clip in self._index.known().items():
            if clip.view == self._settings.view:
                keys[clip.path] = key
                clips.append(self._with_duration(key, clip))
        return sorted(clips, key=lambda clip: clip.path), keys

    def _with_duration(self, key: str, clip: Clip) -> Clip:
        """Return the clip, with the length of what could be decoded where its header says none."""
        return clip if clip.duration_s else replace(clip, duration_s=self._loaded(key).duration_s or None)

    def _clips_of(self, drive: Drive, keys: dict[Path, str]) -> list[DriveClip]:
        return [
            DriveClip(key, placed, self._name(placed.clip.path), partial(self._loaded, key))
            for placed in drive.views.get(self._settings.view, ())
            if (key := keys.get(placed.clip.path)) is not None
        ]

    def _result(self, drive: Drive, clips: Sequence[DriveClip]) -> DriveResult:
        return go_through(
            drive,
            clips,
            way_of(drive, self._settings.view),
            self._index.folder / "drives" / f"{drive.id}.jsonl",
            names=self._names,
            tracker=self._settings.tracker,
            score=self._settings.model.score,
            reader=self._reader,
        )

    def _loaded(self, key: str) -> ClipDetections:
        found = self._index.detections(key)
        if found is None:
            raise StateError(
                f"what was found on a clip is damaged in {self._index.folder}; remove clips/{key}* there, "
                "and run it again"
            )
        return found

    def _name(self, path: Path) -> str:
        """Return what results call a clip: its path below the card, or its name where it is of another one."""
        folder = self._settings.folder.absolute()
        return printable(str(path.relative_to(folder)) if folder in path.parents else path.name)


def _digest(drive: Drive, clips: Sequence[DriveClip]) -> str:
    """Return what changes when anything of a drive does."""
    parts = [(clip.key, clip.name, clip.placed.start, clip.placed.drop_s, clip.placed.gap_s) for clip in clips]
    gps = [one.clip.gps and one.clip.gps.fixes for view in sorted(drive.views) for one in drive.views[view]]
    ways = [fixes and (len(fixes), fixes[0], fixes[-1]) for fixes in gps]
    return hashlib.sha256(repr((drive.id, drive.notes, parts, ways)).encode()).hexdigest()
