"""The first pass: each clip is decoded once, and a model says what is on its pictures. No clip knows of another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.capture.file_list import printable
from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.salvage.reader import FileReader
from pipelines.capture.source import NOT_YET, Captured
from pipelines.capture.trip.seams import Glance, glance
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.dashcam.clip import Clip
from streamvision.inference.model import Model
from streamvision.inference.score_limits import ScoreLimits
from streamvision.trip.clip_detections import ClipDetections, ClipDetectionsBuilder
from streamvision.trip.pace import Pace

REPORT_EVERY_S = 1.0
"""How much of a clip is worked on between two reports."""


class StoppedError(Exception):
    """The work was stopped in the middle of a clip."""


class Detecting:
    """Runs a model over clips.

    Args:
        model: finds the objects; used by as many threads at a time as it takes requests.
        limits: which objects are kept.
        stride: show it every Nth picture; ``None`` for by the speed of the car.
    """

    def __init__(self, model: Model, limits: ScoreLimits, *, stride: int | None) -> None:
        self._model = model
        self._limits = limits
        self._stride = stride

    def run(self, clip: Clip, stop: threading.Event, on_progress: Callable[[float], None]) -> ClipDetections:
        """Return what is on a clip, as far as it can be decoded; a clip that cannot be is empty, with a note.

        Args:
            clip: the file.
            stop: set to stop in the middle.
            on_progress: called now and then with how many seconds of it were worked on since the last call.

        Raises:
            ModelError: when the model fails.
            StoppedError: when the work was stopped.
        """
        found, pace, fault = ClipDetectionsBuilder(), Pace(self._stride, clip.gps), ""
        reader = file_reader(clip.path)
        told_s = media_s = 0.0
        try:
            for captured in pictures_of(reader):
                if stop.is_set():
                    raise StoppedError
                media_s = max(captured.pts_s - reader.begin_s, 0.0)
                self._add(found, captured, glance(captured.picture, media_s), shown=pace.takes(media_s))
                if media_s - told_s >= REPORT_EVERY_S:
                    on_progress(media_s - told_s)
                    told_s = media_s
            lost_s = reader.lost_s
        except SourceError as error:
            fault, lost_s = str(error).replace(str(clip.path), printable(clip.path.name)), reader.lost_s
        finally:
            reader.close()
        on_progress(max((clip.duration_s or media_s) - told_s, 0.0))
        if reader.salvaged is not None:
            fault = f"{printable(clip.path.name)} {reader.salvaged}"
        return found.finish(lost_s=round(lost_s if len(found) else clip.duration_s or 0.0, 3), note=fault)

    def _add(self, found: ClipDetectionsBuilder, captured: Captured, seen: Glance, *, shown: bool) -> None:
        picture, place = captured.picture, captured.place
        found.picture_px = picture.width_px, picture.height_px
        objects = self._model.find([picture], limits=[self._limits])[0].detections if shown else None
        found.add(place.frame if place is not None else len(found), captured.pts_s, seen, objects)


def file_reader(path: Path) -> FileReader:
    """Return a reader of a file, not yet open."""
    spec = parse_source(str(path), policy="file")
    reader = create_reader(spec, config=StreamConfig(source=spec.uri, policy="file"))
    assert isinstance(reader, FileReader)
    return reader


def pictures_of(reader: FileReader) -> Iterator[Captured]:
    """Yield the pictures of a file.

    Raises:
        SourceError: when it cannot be read, or not to its end; what came before has been yielded then.
    """
    reader.open()
    while (captured := reader.read()) is not None:
        if captured is not NOT_YET:
            yield captured
