"""All models of a run that stand beside the first one: opened, started and closed together."""

from __future__ import annotations

import time
from typing import Any

from pipelines.stages.secondary.key_frames import KeyFrameModel, KeyFrames
from pipelines.stages.secondary.model_worker import ModelWorker
from pipelines.stages.secondary.secondary_inference import SecondaryInference
from pipelines.stages.secondary.secondary_model import SecondaryModel, check_names
from streamvision.core.config.app import AppConfig


class SecondaryModels:
    """Second looks at objects, and models for key frames.

    Args:
        config: which models.
        names: class names of the first model, by class id.

    Raises:
        ConfigError: when the configuration asks for classes that the first model does not have, or a model is for
            something else.
        StreamVisionError: when a model is not there, or cannot be run; none is left open then.
    """

    def __init__(self, config: AppConfig, *, names: tuple[str, ...]) -> None:
        check_names([*config.secondary_models, *config.key_frames], names)
        self._names = names
        self._draw = config.overlay.boxes
        self._looks: list[SecondaryModel] = []
        self._key_looks: list[KeyFrameModel] = []
        try:
            self._looks += (SecondaryModel.open(one) for one in config.secondary_models)
            self._key_looks += (KeyFrameModel.open(one) for one in config.key_frames)
        except BaseException:
            self.close()
            raise

    def stage(self, *, patient: bool) -> SecondaryInference | None:
        """Return the side of one stream; ``None`` where there is no model.

        Args:
            patient: wait for the findings on each frame, as files do.
        """
        if not self._looks and not self._key_looks:
            return None
        key_frames = KeyFrames(self._key_looks, patient=patient) if self._key_looks else None
        return SecondaryInference(
            self._looks, names=self._names, patient=patient, draw=self._draw, key_frames=key_frames
        )

    def start(self) -> None:
        """Begin to look."""
        for look in self._all():
            look.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop looking and release the models, within about ``timeout_s``; calling it twice is harmless."""
        deadline_s = time.monotonic() + timeout_s
        for look in self._all():
            look.close(max(deadline_s - time.monotonic(), 0.1))

    def _all(self) -> list[ModelWorker[Any]]:
        return [*self._looks, *self._key_looks]
