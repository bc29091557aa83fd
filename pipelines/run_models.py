"""The networks of a run: opened together, asked together, closed together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from pipelines.stages.adaptive.planned_inference import run_planned
from pipelines.stages.secondary.models import SecondaryModels
from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.appearance import Appearance
from pipelines.stream import Pending
from streamvision.core.config.app import AppConfig
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import Model, Prediction


class RunModels:
    """The model that every frame goes to, and those beside it.

    Args:
        config: which models.
        detector: the first model, already open; by default the one that ``config.model`` names is opened.
        times: where the seconds of each stage are recorded.

    Raises:
        StreamVisionError: when a model is not there or cannot be run; none is left open then.
    """

    def __init__(self, config: AppConfig, *, detector: Model | None, times: StageTimes) -> None:
        tracker = create_tracker(config.tracker, score=config.model.score)
        floor = tracker.low_score if tracker else None
        self._times = times
        with ExitStack() as opened:
            self.detector = detector or Model.open(config.model, score_floor=floor, times=times)
            """The model that every frame goes to."""
            opened.callback(self.detector.close)
            self.second = SecondaryModels(config, names=self.detector.names)
            """Models that look at objects and at key frames."""
            opened.callback(self.second.close)
            self._appearance = Appearance.open(config.tracker, requests=self.detector.requests)
            opened.pop_all()

    def find(self, batch: Sequence[Pending]) -> list[Prediction]:
        """Return what the first model finds on each frame, as far as it is shown to it, with looks for the tracker.

        Raises:
            ModelError: when a model fails, or returns something else than its card says.
        """
        pictures = [pending.frame.picture for pending in batch]
        found = run_planned(self.detector, pictures, [pending.look for pending in batch])
        if self._appearance is None:
            return found
        with self._times.measure("appearance"):
            return self._appearance.describe(pictures, found)

    def close(self, timeout_s: float) -> None:
        """Release all models, within about ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        self.second.close(max(deadline_s - time.monotonic(), 0.1))
        if self._appearance is not None:
            self._appearance.close()
        self.detector.close()
