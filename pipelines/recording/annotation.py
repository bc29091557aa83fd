"""Boxes drawn on recorded pictures, from what stands beside the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pipelines.recording.recorded_boxes import BoxFrame, BoxObject, recorded_boxes
from pipelines.recording.recorded_file import RecordedFile
from pipelines.rendering.overlay import Overlay
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import Canvas, YuvPicture

HOLD_S = 0.5
"""So long the boxes of a frame are drawn on those after it, where the network saw fewer frames than were recorded."""
_EARLY_S = 0.02
"""Boxes that are earlier than their picture by less are its own: they are placed by arrival, pictures by the camera."""
_MAX_CLASSES = 1000
"""Classes that are called by their names; others are by their numbers."""


class RecordedOverlay:
    """Draws the pictures of files, in order.

    Args:
        config: how it is drawn.
    """

    def __init__(self, config: OverlayConfig) -> None:
        # Ages of frames say nothing here.
        self._overlay = Overlay(config.model_copy(update={"status": False}), ())
        self._names: list[str] = []
        self._file: RecordedFile | None = None
        self._lines: Iterator[BoxFrame] = iter(())
        self._next: BoxFrame | None = None
        self._held: BoxFrame | None = None
        self._index = 0

    def __call__(self, file: RecordedFile, time_s: float, picture: YuvPicture) -> Canvas:
        """Return the picture of a file, so many seconds after its first one, with what was found on it."""
        if file is not self._file:
            self._file, self._lines, self._held = file, recorded_boxes(file.path), None
            self._next = next(self._lines, None)
        frame = Frame(file.recording.stream, self._index, file.recording.start_unix_s + time_s, 0.0, picture)
        self._index += 1
        result = Result(frame, self._detections(self._objects_at(time_s), picture))
        return replace(self._overlay.plan(result, fps=0.0), names=tuple(self._names)).draw()

    def _objects_at(self, time_s: float) -> tuple[BoxObject, ...]:
        while self._next is not None and self._next.t_s <= time_s + _EARLY_S:
            self._held, self._next = self._next, next(self._lines, None)
        held = self._held
        return held.objects if held is not None and held.t_s >= time_s - HOLD_S else ()

    def _detections(self, objects: tuple[BoxObject, ...], picture: YuvPicture) -> Detections:
        if not objects:
            return Detections.empty()
        for one in objects:
            self._name(one)
        size_px = np.array([picture.width_px, picture.height_px] * 2, np.float32)
        identities = [one.track_id for one in objects]
        known = [one is not None for one in identities]
        return Detections(
            np.array([one.box for one in objects], np.float32) * size_px,
            np.array([one.score for one in objects], np.float32),
            np.array([one.class_id for one in objects], np.int32),
            np.ma.MaskedArray([one or 0 for one in identities], ~np.array(known), np.int64) if any(known) else None,
        )

    def _name(self, one: BoxObject) -> None:
        if one.class_id < _MAX_CLASSES:
            self._names += [str(number) for number in range(len(self._names), one.class_id + 1)]
            self._names[one.class_id] = one.class_name
