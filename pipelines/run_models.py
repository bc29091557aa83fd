"""The models of a run: opened together, asked together, closed together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from pipelines.stages.adaptive.partial import run_planned
from pipelines.stages.secondary import SecondaryModels
from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.appearance import Appearance
from streamvision.core.config.app import AppConfig
from streamvision.core.frame import Result
from streamvision.core.inference_plan import FULL
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import Model


class RunModels:
    """The model that every frame goes to, and those beside it.

    Args:
        config: which models.
        model: the first model, already open; by default the one that ``config.model`` names is opened.
        times: where the seconds of each stage are recorded.

    Raises:
        StreamVisionError: when a model is not there or cannot be run; none is left open then.
    """

    def __init__(self, config: AppConfig, *, model: Model | None, times: StageTimes) -> None:
        tracker = create_tracker(config.tracker, score=config.model.score)
        floor = tracker.low_score if tracker else None
        self._times = times
        with ExitStack() as opened:
            self.first = model or Model.open(config.model, score_floor=floor, times=times)
            """The model that every frame goes to."""
            opened.callback(self.first.close)
            self.secondary = SecondaryModels(config, names=self.first.names)
            """Models that are shown objects and key frames."""
            opened.callback(self.secondary.close)
            self._tracker = config.tracker
            self._appearance = Appearance.open(config.tracker, requests=self.first.requests)
            opened.pop_all()

    def infer(self, batch: Sequence[Result]) -> None:
        """Fill in what the first model finds on each frame, as its plan says, with embeddings for the tracker.

        Raises:
            ModelError: when a model fails, or returns something else than its card says.
        """
        pictures = [result.frame.picture for result in batch]
        if all(result.plan is FULL for result in batch):
            predictions = self.first.find(pictures)
        else:
            predictions = run_planned(self.first, batch)
        if self._appearance is not None:
            with self._times.measure("appearance"):
                predictions = self._appearance.describe(pictures, predictions)
        for result, prediction in zip(batch, predictions, strict=True):
            result.detections, result.image_result = prediction.detections, prediction.image_result

    def reopen(self) -> None:
        """Close the models that every frame goes to, and open them again.

        Raises:
            StreamVisionError: when that is not possible.
        """
        self.first.close()
        if self._appearance is not None:
            self._appearance.close()
        self.first = self.first.reopened()
        self._appearance = Appearance.open(self._tracker, requests=self.first.requests)

    def close(self, timeout_s: float) -> None:
        """Release all models, within about ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        self.secondary.close(max(deadline_s - time.monotonic(), 0.0))
        if self._appearance is not None:
            self._appearance.close()
        self.first.close()
