"""The model that every frame of a group's streams goes to, with what describes the objects that it finds."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from pipelines.stages.adaptive.partial import can_infer_parts
from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.appearance import Appearance
from pipelines.stream import Taken
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.core.picture import Picture
from streamvision.core.telemetry import StageTimes
from streamvision.inference.classical.model import ClassicalModel
from streamvision.inference.model import Model, Prediction
from streamvision.inference.score_limits import ScoreLimits
from streamvision.inference.slicing.planned import find_planned
from streamvision.inference.slicing.tiles import can_slice


class FirstModel:
    """As many calls of it go on at a time as it takes requests; further ones wait.

    Args:
        model: the model, already open.
        config: what it was opened by, and which model describes objects where the tracker compares them.
        times: where the seconds of each stage are recorded.

    Raises:
        StreamVisionError: when the model that describes objects is not there or cannot be run.
    """

    def __init__(self, model: Model, config: AppConfig, *, times: StageTimes) -> None:
        self.model = model
        """The model."""
        self._config = config
        self._times = times
        self._appearance = Appearance.open(config.tracker, requests=model.requests)
        self._free = threading.BoundedSemaphore(model.requests)
        self._lock = threading.Lock()
        self._calls = 0
        self._retired = False
        self.is_closed = False
        """Whether it cannot be used any more, or not until it is opened again."""

    @classmethod
    def open(
        cls, config: AppConfig, *, model: Model | None = None, times: StageTimes, known_names: tuple[str, ...] = ()
    ) -> FirstModel:
        """Open the model that ``config.model`` names.

        Args:
            config: which model and which tracker.
            model: the model, already open; closed when this fails.
            times: where the seconds of each stage are recorded.
            known_names: class names by the numbers that its classes are to have, where these are known already.

        Raises:
            StreamVisionError: when a model is not there or cannot be run; none is left open then.
        """
        tracker = create_tracker(config.tracker, score=config.model.score)
        floor = tracker.low_score if tracker else None
        with ExitStack() as opened:
            model = model or Model.open(config.model, score_floor=floor, times=times, known_names=known_names)
            opened.callback(model.close)
            first = cls(model, config, times=times)
            opened.pop_all()
        return first

    @property
    def config(self) -> ModelConfig:
        """What the model was opened by."""
        return self._config.model

    def infer(self, batch: Sequence[Taken]) -> None:
        """Fill in what the model finds on each frame, as its plan says, with embeddings for the tracker.

        Raises:
            ModelError: when a model fails, or returns something else than its card says.
        """
        with self._called():
            self._infer(batch)

    def find(self, pictures: Sequence[Picture], *, limits: Sequence[ScoreLimits]) -> list[Prediction]:
        """Return what the model says about pictures beside those of its streams; see :meth:`Model.find`."""
        with self._called():
            return self.model.find(pictures, limits=limits)

    def _spare(self) -> AbstractContextManager[None] | None:
        """Return the right to one more call at the same time; ``None`` while all go on."""
        return self._freed() if self._free.acquire(blocking=False) else None

    @contextmanager
    def _freed(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._free.release()

    @contextmanager
    def _called(self) -> Iterator[None]:
        with self._lock:
            self._calls += 1
        try:
            with self._free:
                yield
        finally:
            with self._lock:
                self._calls -= 1
                is_over = self._retired and not self._calls
            if is_over:
                self.close()

    def _infer(self, batch: Sequence[Taken]) -> None:
        if isinstance(self.model, ClassicalModel):
            return  # the stage of each stream finds the objects
        results = [result for _, result in batch]
        pictures = [result.frame.picture for result in results]
        limits = [stream.settings.limits for stream, _ in batch]
        for result in results:
            if result.plan is not FULL and not self._can_follow(result.plan):  # which may be for another model
                result.plan = FULL
        if all(result.plan is FULL for result in results):
            predictions = self.model.find(pictures, limits=limits)
        else:
            plans = [result.plan for result in results]
            predictions = find_planned(self.model, pictures, plans, limits=limits, spare=self._spare)
        if self._appearance is not None:
            wanted = [stream.settings.run.tracker.appearance is not None for stream, _ in batch]
            with self._times.measure("appearance"):
                predictions = self._appearance.describe(pictures, predictions, wanted=wanted)
        for result, prediction in zip(results, predictions, strict=True):
            result.detections, result.image_result = prediction.detections, prediction.image_result

    def _can_follow(self, plan: InferencePlan) -> bool:
        if plan.tiles:
            return can_slice(self.model.card)
        return plan.window is None or can_infer_parts(self.model.card.input)

    def reopened(self) -> FirstModel:
        """Return the same, loaded once more; this one is closed before, though a call of it may hang.

        Raises:
            StreamVisionError: when that is not possible.
        """
        self.close()
        return FirstModel(self.model.reopened(), self._config, times=self._times)

    def retire(self) -> None:
        """Release the models as soon as no call of them goes on."""
        with self._lock:
            self._retired = True
            is_over = not self._calls
        if is_over:
            self.close()

    def record(self, times: StageTimes) -> None:
        """Record the seconds of each stage here from now on."""
        self.model.times = self._times = times

    def close(self) -> None:
        """Release the models at once; calling it twice is harmless."""
        self.is_closed = True
        if self._appearance is not None:
            self._appearance.close()
        self.model.close()
