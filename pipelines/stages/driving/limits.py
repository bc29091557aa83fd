"""The speed limit of a live stream as its signs say it, read beside the stream: no frame waits for it."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack

from streamvision.core.config.driving import DrivingConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.picture import Picture
from streamvision.evaluation.driving.limit_reading import LimitOfSigns
from streamvision.evaluation.model import open_model
from streamvision.inference.model import Model
from streamvision.models import DEFAULT_MODEL, find_model

log = logging.getLogger(__name__)

CLOSE_WITHIN_S = 10.0
"""Longest wait for a call of the models that is under way."""
_POLL_S = 0.5


class LimitWatch:
    """Reads signs on the newest frame that there is, in a thread of its own.

    Args:
        detector: finds signs; closed with this.
        reader: reads their numbers; closed with this.
        waits: read each frame before it goes on, as for files.

    Raises:
        ConfigError: when the detector finds no speed limits.
    """

    def __init__(self, detector: Model, reader: Model, *, waits: bool) -> None:
        self._signs, self._models, self._waits = LimitOfSigns(detector, reader), (detector, reader), waits
        self._changed = threading.Condition()
        self._newest: Picture | None = None
        self._begins = self._closed = False
        self._thread = threading.Thread(target=self._read, name="speed limits", daemon=True)
        if not waits:
            self._thread.start()

    @classmethod
    def open(cls, config: DrivingConfig, *, waits: bool) -> LimitWatch:
        """Load the models.

        Raises:
            StreamVisionError: when one is not there, or cannot be run.
        """
        with ExitStack() as failing:
            models = [
                failing.enter_context(open_model(find_model(path)))
                for path in (config.limit_detector or DEFAULT_MODEL, config.limit_reader)
            ]
            watch = cls(*models, waits=waits)
            failing.pop_all()
        return watch

    @property
    def limit_m_s(self) -> float:
        """What the last sign that was passed says."""
        return self._signs.read_m_s

    def see(self, picture: Picture, *, begins: bool) -> None:
        """Take the next frame; ``begins`` says that it is the first of another drive."""
        if self._waits:
            self._look(picture, begins)
            return
        with self._changed:
            self._newest, self._begins = picture, self._begins or begins
            self._changed.notify()

    def close(self) -> None:
        """End the thread and release the models, unless a call of theirs hangs; calling it twice is harmless."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN_S)
        if not self._thread.is_alive():
            for model in self._models:
                model.close()

    def _read(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._is_awaited, _POLL_S)
                if self._closed:
                    return
                picture, begins, self._newest, self._begins = self._newest, self._begins, None, False
            if picture is not None:
                try:
                    self._look(picture, begins)
                except StreamVisionError as error:
                    log.error("speed limits are read no more: %s", error)
                    return

    def _is_awaited(self) -> bool:
        return self._closed or self._newest is not None

    def _look(self, picture: Picture, begins: bool) -> None:
        if begins:
            self._signs.begin()
        self._signs.look(picture)
