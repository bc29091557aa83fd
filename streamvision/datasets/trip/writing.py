"""Cards are painted, cut, written and dated."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamvision.core.errors import ConfigError, OutputError
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.trip.makers import MAKERS, CameraClip, Maker
from streamvision.datasets.trip.movie import Movie
from streamvision.datasets.trip.painting import PaintedClip, paint_clips, scene_of
from streamvision.datasets.trip.receiver import Reading, readings_of
from streamvision.datasets.trip.spec import TripSpec, clip_cuts
from streamvision.datasets.trip.truth import WrittenClip, write_truth
from streamvision.datasets.trip.world import DriveWorld

TRUTH = "truth"
"""Name of the folder beside the clips."""
_FAT_STEP_S = 2


@dataclass(frozen=True)
class Card:
    """A card that was written."""

    maker: str
    """Whose."""
    folder: Path
    """Where."""
    clips: tuple[str, ...]
    """Its clips, from the folder, in the order of time."""

    @property
    def truth(self) -> Path:
        """The folder with what is true about it."""
        return self.folder / TRUTH


@dataclass(frozen=True)
class CardOrder:
    """A card that is to be written."""

    folder: Path
    """New or empty."""
    maker: str
    """Name from :data:`~streamvision.datasets.trip.makers.MAKERS`."""
    spec: TripSpec
    """What is driven, and how it is recorded."""


def write_trip(
    folder: Path,
    spec: TripSpec,
    *,
    makers: Sequence[str] = ("viofo",),
    workers: int | None = None,
    progress: Progress = no_progress,
) -> list[Card]:
    """Write a card, or one a maker, with the truth about it.

    Args:
        folder: new or empty; with several makers, each has a folder named after it inside.
        spec: what is driven, and how it is recorded; the pictures are the same on each card.
        makers: names from :data:`~streamvision.datasets.trip.makers.MAKERS`.
        workers: how many processes paint; one a processor core by default.
        progress: called for every clip.

    Raises:
        ConfigError: when there is no such maker.
        OutputError: when the folder holds something, or cannot be written.
    """
    _make_empty(folder)
    orders = [CardOrder(folder / name if len(makers) > 1 else folder, name, spec) for name in makers]
    return write_cards(orders, workers=workers, progress=progress)


def write_cards(
    orders: Sequence[CardOrder], *, workers: int | None = None, progress: Progress = no_progress
) -> list[Card]:
    """Write cards that show the same pictures: their drives, sizes, seeds and clips are those of the first one.

    Raises:
        ConfigError: when there is no such maker.
        OutputError: when a folder holds something, or cannot be written.
    """
    spec = orders[0].spec
    makers = [_maker(order.maker) for order in orders]
    for order in orders:
        _make_empty(order.folder)
    worlds = [_world(spec, drive) for drive in range(spec.drives)]
    writers = [_CardWriter(order, maker, worlds) for order, maker in zip(orders, makers, strict=True)]
    cuts = [cut for drive in range(spec.drives) for cut in clip_cuts(spec, drive)]
    with tempfile.TemporaryDirectory(prefix="streamvision-trip-") as scratch:
        for clip in paint_clips(spec, cuts, Path(scratch), workers=workers, progress=progress):
            for writer in writers:
                writer.write(clip)
            clip.video.unlink()
    return [writer.finished() for writer in writers]


class _CardWriter:
    """Writes clips as a maker does."""

    def __init__(self, order: CardOrder, maker: Maker, worlds: Sequence[DriveWorld]) -> None:
        self._folder, self._spec, self._maker, self._worlds = order.folder, order.spec, maker, worlds
        self._readings = [
            readings_of(order.spec, drive, world, rate_hz=maker.rate_hz) for drive, world in enumerate(worlds)
        ]
        self._written: list[WrittenClip] = []

    def finished(self) -> Card:
        """Write the truth, and return the card."""
        write_truth(self._folder / TRUTH, self._spec, self._maker.name, self._worlds, self._written)
        return Card(self._maker.name, self._folder, tuple(clip.file for clip in self._written))

    def write(self, painted: PaintedClip) -> None:
        """Write a clip and what lies beside it; files get the time at which the camera closed them."""
        spec, cut = self._spec, painted.cut
        start_unix_s = spec.start_unix_s(cut.drive) + cut.first / spec.fps
        end_unix_s = start_unix_s + cut.frames / spec.fps
        clip = CameraClip(
            spec,
            Movie.parse(painted.video.read_bytes()),
            len(self._written) + 1,
            cut.number + 1,
            cut.drive + 1,
            start_unix_s,
            tuple(self._written_between(cut.drive, start_unix_s, end_unix_s)),
            spec.cut_last and cut.is_last,
        )
        place = self._maker.path(clip)
        path = self._folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        self._put(path, self._maker.video(clip), end_unix_s)
        if self._maker.beside is not None:
            ending, content = self._maker.beside
            self._put(path.with_suffix(ending), content(clip), end_unix_s)
        self._written.append(WrittenClip(cut, str(place), clip.is_cut, painted.objects))

    def _written_between(self, drive: int, start_unix_s: float, end_unix_s: float) -> Iterator[Reading]:
        for reading in self._readings[drive]:
            if start_unix_s <= reading.unix_s + self._spec.gps_delay_s < end_unix_s:
                yield reading

    def _put(self, path: Path, content: bytes, closed_unix_s: float) -> None:
        path.write_bytes(content)
        stamp_s = -(-int(closed_unix_s + self._spec.clock_error_s) // _FAT_STEP_S) * _FAT_STEP_S
        os.utime(path, (stamp_s, stamp_s))


def _world(spec: TripSpec, drive: int) -> DriveWorld:
    scene = scene_of(spec, drive)
    length_m = scene.course.position_m(spec.begin_of(drive) + spec.duration_s)
    return DriveWorld(scene, length_m, spec.origin_deg, spec.bearing_deg)


def _maker(name: str) -> Maker:
    if name not in MAKERS:
        raise ConfigError(f"{name} is no maker whose cards are made here; there are {', '.join(MAKERS)}")
    return MAKERS[name]


def _make_empty(folder: Path) -> None:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(f"{folder} is there already; give another folder")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write to {folder}: {error.strerror}; give a folder that can be written") from error
