"""Writes identities and their pictures down, in a thread of its own, every few seconds: those that are still seen, too.

A stream's thread only adds to its log (:mod:`pipelines.outputs.tracklet_log`): a slow disk or a database that is away
costs it nothing.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.outputs.sink import Sink, SinkContext
from pipelines.outputs.tracklet_crops import CROP_PX, crop_name
from pipelines.outputs.tracklet_log import LOST, TrackletLog
from streamvision.core.config.tracklets import TrackletsConfig
from streamvision.core.crops import small_jpeg
from streamvision.core.detections import box_fractions
from streamvision.core.errors import OutputError
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter
from streamvision.core.tracklet import Tracklet
from streamvision.service.periodic_task import PeriodicTask
from streamvision.service.tracklets.store import TrackletStore
from streamvision.state.database import Database

_log = logging.getLogger(__name__)

FLUSH_S = 3.0
"""How often identities are written down; a crash loses so much of them."""
MAX_WAITING = 20_000
"""Most identities that wait for a database that is away; new ones beyond are lost, and counted."""
MAX_NAME = 256
"""Longest name of a class that is written down."""
CLOSE_S = 3.0
"""Longest wait for what is left at the end."""


class TrackletRecorder:
    """Takes the identities of all streams; called with the context of a stream, it makes what its worker writes to.

    Args:
        store: where to.
    """

    name = "tracklets"
    """What a stream's status calls it."""

    def __init__(self, store: TrackletStore) -> None:
        self.store = store
        """Where they are written to."""
        self._lock = threading.Lock()
        self._working = threading.Lock()
        self._logs: list[tuple[TrackletLog, DropCounter]] = []
        self._ended: set[TrackletLog] = set()
        self._waiting: dict[int, Tracklet] = {}
        self._ids: dict[int, int] = {}
        self._crops: dict[int, str] = {}
        self._task = PeriodicTask(self._write_down, name="tracklet-recorder")

    @classmethod
    def open(cls, database: Database, folder: Path, config: TrackletsConfig) -> TrackletRecorder | None:
        """Return what writes identities to a database and a state folder; ``None`` where they are not to be kept."""
        return cls(TrackletStore(database, folder, config)) if config.enabled else None

    def start(self) -> None:
        """Begin to write."""
        self._task.start()
        if self.store.describer is not None:
            self.store.describer.start()

    def stop(self) -> None:
        """Write what is left, within a few seconds, and end."""
        if self.store.describer is not None:
            self.store.describer.stop()
        self._task.stop(CLOSE_S)

    def __call__(self, context: SinkContext) -> Sink:
        """Return what takes the results of one stream."""
        log = TrackletLog(
            context.stream_id,
            context.names,
            memory_s=context.identity_memory_s,
            drops=context.drops,
            crops=self.store.config.crops_kept > 0,
        )
        with self._lock:
            self._logs.append((log, context.drops))
        return _RecorderSink(self, log)

    def end(self, log: TrackletLog) -> None:
        """Take note that a stream is over."""
        log.end()
        with self._lock:
            self._ended.add(log)

    def faults(self) -> list[str]:
        """Return why identities are not written down, or not described, in sentences; empty while they are."""
        fault = self._task.fault
        writing = [] if fault is None else [f"identities wait to be written down: {fault}"]
        describer = self.store.describer
        return writing + (describer.faults() if describer is not None else [])

    def flush(self) -> None:
        """Write down what has been seen so far.

        Raises:
            StateError: when the database cannot be written to.
        """
        with self._working:
            self.store.begin()
            self._take()
            self._write()
            self.store.purge()

    def _write_down(self, is_last: bool) -> float:
        self.flush()
        return FLUSH_S

    def _take(self) -> None:
        """Take what has changed, and write the pictures, before the rows that name them."""
        with self._lock:
            logs, ended = tuple(self._logs), set(self._ended)
            self._logs = [pair for pair in self._logs if pair[0] not in ended]
            self._ended -= ended
        for log, drops in logs:
            for one in log.take():
                if one.key not in self._waiting and len(self._waiting) >= MAX_WAITING:
                    drops.add(LOST)
                    self._forget(one)
                    continue
                if one.crop is not None:
                    self._write_crop(one, drops)
                self._waiting[one.key] = replace(one, crop=None)

    def _write_crop(self, one: Tracklet, drops: DropCounter) -> None:
        assert one.crop is not None
        name = crop_name(one)
        try:
            self.store.crops.write(name, small_jpeg(one.crop, longest_px=CROP_PX))
            self._crops[one.key] = name
        except OutputError as error:
            drops.add("pictures")
            _log.warning("the picture of an identity of %s is lost: %s", one.stream, error)

    def _write(self) -> None:
        if not self._waiting:
            return
        waiting = list(self._waiting.values())
        new = [one for one in waiting if one.key not in self._ids]
        changed = [{"id": self._ids[one.key], **self._row(one)} for one in waiting if one.key in self._ids]
        ids = self.store.write([self._row(one) for one in new], changed)
        self._ids |= {one.key: number for one, number in zip(new, ids, strict=True)}
        self._waiting.clear()
        for one in waiting:
            self._forget(one)

    def _forget(self, one: Tracklet) -> None:
        """Let go of what is known of an identity, if it is over."""
        if one.is_over:
            self._ids.pop(one.key, None)
            self._crops.pop(one.key, None)

    def _row(self, one: Tracklet) -> dict[str, Any]:
        ((left, top, right, bottom),) = box_fractions([one.best_box_xyxy_px], picture_px=one.picture_px)
        return {
            "stream": one.stream,
            "track_id": one.track_id,
            "class_name": one.class_name.replace("\0", "")[:MAX_NAME],
            "first_unix_s": one.first.captured_unix_s,
            "last_unix_s": one.last.captured_unix_s,
            "frames": one.frames,
            "best_score": one.best_score,
            "best_unix_s": one.best.captured_unix_s,
            "best_left": left,
            "best_top": top,
            "best_right": right,
            "best_bottom": bottom,
            "cells_0": one.cells[0],
            "cells_1": one.cells[1],
            "cells_2": one.cells[2],
            "crop": self._crops.get(one.key),
            "is_over": one.is_over,
        }


class _RecorderSink:
    """What one stream's worker writes to."""

    def __init__(self, recorder: TrackletRecorder, log: TrackletLog) -> None:
        self._recorder = recorder
        self._log = log

    def write(self, rendered: RenderedFrame) -> None:
        self._log.add(rendered.result)

    def use_names(self, names: tuple[str, ...]) -> None:
        self._log.use_names(names)

    def close(self) -> None:
        self._recorder.end(self._log)
