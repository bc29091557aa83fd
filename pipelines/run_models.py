"""The models of a run: opened together, asked together, closed together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from pipelines.stages.adaptive.partial import run_planned
from pipelines.stages.secondary import SecondaryModels
from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.appearance import Appearance
from pipelines.stream import Taken
from streamvision.core.config.app import AppConfig
from streamvision.core.inference_plan import FULL
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import Model


class RunModels:
    """The model that every frame of its streams goes to, and those beside it.

    Args:
        config: which models.
        model: the first model, already open; by default the one that ``config.model`` names is opened.
        secondary: models that are shown objects and key frames, shared with other first models.
        times: where the seconds of each stage are recorded.

    Raises:
        StreamVisionError: when a model is not there or cannot be run; none is left open then.
    """

    def __init__(
        self, config: AppConfig, *, model: Model | None, secondary: SecondaryModels, times: StageTimes
    ) -> None:
        tracker = create_tracker(config.tracker, score=config.model.score)
        floor = tracker.low_score if tracker else None
        self._times = times
        self._closed = False
        with ExitStack() as opened:
            self.first = model or Model.open(config.model, score_floor=floor, times=times)
            """The model that every frame goes to."""
            opened.callback(self.first.close)
            self.secondary = secondary
            """Models that are shown objects and key frames."""
            secondary.open(names=self.first.names)
            self._tracker = config.tracker
            self._appearance = Appearance.open(config.tracker, requests=self.first.requests)
            opened.pop_all()

    def infer(self, batch: Sequence[Taken]) -> None:
        """Fill in what the first model finds on each frame, as its plan says, with embeddings for the tracker.

        Raises:
            ModelError: when a model fails, or returns something else than its card says.
        """
        results = [result for _, result in batch]
        pictures = [result.frame.picture for result in results]
        limits = [stream.settings.limits for stream, _ in batch]
        if all(result.plan is FULL for result in results):
            predictions = self.first.find(pictures, limits=limits)
        else:
            predictions = run_planned(self.first, results, limits)
        if self._appearance is not None:
            wanted = [stream.settings.run.tracker.appearance is not None for stream, _ in batch]
            with self._times.measure("appearance"):
                predictions = self._appearance.describe(pictures, predictions, wanted=wanted)
        for result, prediction in zip(results, predictions, strict=True):
            result.detections, result.image_result = prediction.detections, prediction.image_result

    def reopen(self) -> None:
        """Close the models that every frame goes to, and open them again.

        Raises:
            StreamVisionError: when that is not possible.
        """
        self._close_own()
        self.first = self.first.reopened()
        self._appearance = Appearance.open(self._tracker, requests=self.first.requests)
        if self._closed:
            self._close_own()

    def close(self) -> None:
        """Release the models that every frame goes to; the secondary ones are others' too."""
        self._closed = True
        self._close_own()

    def _close_own(self) -> None:
        if self._appearance is not None:
            self._appearance.close()
        self.first.close()
