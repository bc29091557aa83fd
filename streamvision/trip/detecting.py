"""The first pass: each clip is decoded once, and a model says what is on its pictures. No clip knows of another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.source import NOT_YET, Captured
from streamvision.core.config.app import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.telemetry import DropCounter
from streamvision.dashcam.clip import Clip
from streamvision.inference.model import Model, ScoreLimits
from streamvision.trip.clip_detections import ClipDetections, ClipDetectionsBuilder
from streamvision.trip.pace import Pace

REPORT_EVERY_S = 1.0
"""How much of a clip is worked on between two reports."""
UNSAID_LOSS_S = 0.5
"""A clip that ends by less than this before its header says has lost nothing: headers round."""


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
        found, pace, drops, note = ClipDetectionsBuilder(), Pace(self._stride, clip.gps), DropCounter(), ""
        told_s = first_s = media_s = 0.0
        try:
            for number, captured in enumerate(_pictures(clip.path, drops)):
                if stop.is_set():
                    raise StoppedError
                first_s = first_s if number else captured.pts_s
                media_s = captured.pts_s - first_s
                self._add(found, captured, number, shown=pace.takes(media_s))
                if media_s - told_s >= REPORT_EVERY_S:
                    on_progress(media_s - told_s)
                    told_s = media_s
        except SourceError as error:
            note = str(error)
        on_progress(max((clip.duration_s or media_s) - told_s, 0.0))
        return _finished(found, clip, drops, note)

    def _add(self, found: ClipDetectionsBuilder, captured: Captured, number: int, *, shown: bool) -> None:
        picture, place = captured.picture, captured.place
        found.picture_px = picture.width_px, picture.height_px
        objects = self._model.find([picture], limits=[self._limits])[0].detections if shown else None
        found.add(place.frame if place is not None else number, captured.pts_s, objects)


def _pictures(path: Path, drops: DropCounter) -> Iterator[Captured]:
    """Yield the pictures of a file.

    Raises:
        SourceError: when it cannot be read, or not to its end; what came before has been yielded then.
    """
    spec = parse_source(str(path), policy="file")
    reader = create_reader(spec, config=StreamConfig(source=spec.uri, policy="file"), drops=drops)
    try:
        reader.open()
        while (captured := reader.read()) is not None:
            if captured is not NOT_YET:
                yield captured
    finally:
        reader.close()


def _finished(found: ClipDetectionsBuilder, clip: Clip, drops: DropCounter, note: str) -> ClipDetections:
    """Return what was found, with how much is missing: within the clip, and of the end that its header promised."""
    all_there = found.finish(lost_s=0.0, note=note)
    played_s, frames = all_there.duration_s, len(all_there)
    tail_s = max((clip.duration_s or 0.0) - played_s, 0.0)
    within_s = drops.total * played_s / frames if frames else 0.0
    lost_s = within_s + (tail_s if tail_s >= UNSAID_LOSS_S or note else 0.0)
    return replace(all_there, lost_s=round(lost_s, 3))
