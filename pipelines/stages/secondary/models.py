"""All models of a run that stand beside the first one: opened, started and closed together."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipelines.stages.secondary.key_frames import KeyFrameModel
from pipelines.stages.secondary.model_worker import ModelWorker
from pipelines.stages.secondary.secondary_inference import SecondaryModel, check_names
from streamvision.core.config.app import AppConfig

if TYPE_CHECKING:
    from pipelines.stages.across_cameras import CameraIdentities


class SecondaryModels:
    """Models for the crops of objects, and models for key frames; one of each for a run, opened when they are needed.

    Args:
        config: which models.
    """

    def __init__(self, config: AppConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._opened = self._started = self._closed = False
        self.for_objects: list[SecondaryModel] = []
        """Models that are shown the crops of objects."""
        self.for_key_frames: list[KeyFrameModel] = []
        """Models that are shown a whole frame now and then."""
        self.across_cameras: CameraIdentities | None = None
        """What gives objects one identity in all cameras; ``None`` without."""

    def open(self, *, names: tuple[str, ...]) -> None:
        """Open the models, where they are not open already.

        Args:
            names: class names of the model whose objects they are shown, by class id.

        Raises:
            ConfigError: when the configuration asks for classes that this model does not have (where there are several
                models, secondary ones work beside those that do), or a model is for something else.
            StreamVisionError: when a model is not there, or cannot be run; none is left open then.
        """
        config = self._config
        check_names([*config.secondary_models, *config.key_frames], None if config.models else names)
        with self._lock:
            if self._opened or self._closed:
                return
            try:
                self.for_objects += (SecondaryModel.open(one) for one in config.secondary_models)
                self.for_key_frames += (KeyFrameModel.open(one) for one in config.key_frames)
                if config.across_cameras is not None:
                    from pipelines.stages.across_cameras import CameraIdentities

                    self.across_cameras = CameraIdentities.open(config.across_cameras)
            except BaseException:
                self._close(0.0)
                raise
            self._opened = True
            if self._started:
                self._start()

    def start(self) -> None:
        """Begin to work on what is handed over, at once or as soon as the models are open."""
        with self._lock:
            self._started = True
            self._start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop and release the models, within about ``timeout_s`` in all; calling it twice is harmless."""
        with self._lock:
            self._closed = True
            self._close(timeout_s)

    def _start(self) -> None:
        for worker in self._workers:
            worker.start()

    def _close(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.request_close()
        for worker in self._workers:
            worker.close(max(deadline_s - time.monotonic(), 0.0))

    @property
    def _workers(self) -> Sequence[ModelWorker[Any]]:
        across = [] if self.across_cameras is None else [self.across_cameras.model]
        return [*self.for_objects, *self.for_key_frames, *across]
