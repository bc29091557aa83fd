"""Slow models for whole pictures: they see a key frame now and then, and what they say goes along with later frames."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.stages.base import FrameStage, StageContext
from pipelines.stages.secondary.model_worker import Crop, ModelWorker, open_auxiliary
from streamvision.core.config.secondary import KeyFrameConfig
from streamvision.core.errors import ConfigError
from streamvision.core.frame import KeyFrame, Result
from streamvision.core.image_result import ImageResult
from streamvision.core.status import StageStatus
from streamvision.core.telemetry import StageTimes
from streamvision.inference.heads.base import ObjectHead
from streamvision.inference.model import Model, Prediction

MAX_PICTURES = 4
"""Most key frames in one call; slow models have large inputs."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model said of a key frame."""

    image_result: ImageResult | None
    """All of it; ``None`` where it was not sure enough."""
    summary: dict[str, Any]
    """It in the form that files carry, made once and not on each frame that it goes along with."""


class KeyFrameModel(ModelWorker[Seen]):
    """A model that is shown key frames of all streams.

    Args:
        config: how often.
        model: already open; :meth:`close` closes it.

    Raises:
        ConfigError: when it finds objects or makes pictures, which belong to their own frame alone, or reads crops.
    """

    def __init__(self, config: KeyFrameConfig, model: Model) -> None:
        super().__init__(config.name, model)
        if isinstance(model.head, ObjectHead) or model.card.task in ("image", "cuboid"):
            raise ConfigError(
                f"key_frames {config.name!r}: {model.describe()} is for {model.card.task!r}; give a model that "
                "says something of the whole picture: classes, classes of pixels, distances, a description or a text"
            )
        self.config = config
        """How often it is shown one."""
        self.names = model.names
        """Its class names, by class id."""

    @classmethod
    def open(cls, config: KeyFrameConfig, *, times: StageTimes | None = None) -> KeyFrameModel:
        """Load the model.

        Raises:
            ConfigError: when it is not for whole pictures.
            StreamVisionError: when it is not there, or cannot be run.
        """
        model = open_auxiliary(config, max_batch=MAX_PICTURES, times=times)
        try:
            return cls(config, model)
        except BaseException:
            model.close()
            raise

    def read(self, crop: Crop, found: Prediction) -> Seen:
        """Return what it says of the picture; that it is not sure takes the place of what it said before, too."""
        whole = found.image_result
        if whole is None or not self._sure(whole):
            return Seen(None, {})
        return Seen(whole, whole.summary(self.names))

    def _sure(self, whole: ImageResult) -> bool:
        if whole.text is not None:
            return bool(whole.text) and (whole.text_score or 0.0) >= self.config.score
        return whole.class_score is None or float(whole.class_score.max()) >= self.config.score


class KeyFrames(FrameStage):
    """Adds what the models last said of a stream's key frames.

    Args:
        models: the models, shared by all streams.
        wait: wait for the models on each key frame, as files do.
    """

    name = "secondary_models"

    def __init__(self, models: Sequence[KeyFrameModel], *, wait: bool) -> None:
        self._models = models
        self.owner = object()
        """First part of its keys: what is known of a stream that has left is not another's that has its name."""
        self._wait = wait
        self._handed_s: dict[str, float] = {}
        self._segment: int | None = None

    def process(self, result: Result) -> None:
        """Hand the frame to the models that are due for one, and add what each last said."""
        if result.plan.kind == "off":
            return
        frame = result.frame
        key: Hashable = self.owner, frame.segment
        if frame.segment != self._segment:
            for model in self._models:
                model.forget((self.owner, self._segment))  # maps are large, and a camera may reconnect for weeks
            self._segment = frame.segment
            self._handed_s.clear()
        known = []
        for model in self._models:
            last_s = self._handed_s.get(model.name)
            if last_s is None or frame.pts_s - last_s >= model.config.every_s or model.waits(key):
                # A busy model takes nothing and is offered the next frame; of frames that wait, the newest is kept.
                taken = model.submit([Crop(key, frame.picture, frame.pts_s)])
                if taken:
                    self._handed_s[model.name] = frame.pts_s
                if taken and self._wait:
                    model.wait(taken)
            (kept,) = model.known([key])
            if kept is not None and kept.value is not None and (said := kept.value.image_result) is not None:
                age_s = round(max(frame.pts_s - kept.quality, 0.0), 3)
                known.append(KeyFrame(model.name, said, model.names, age_s, kept.value.summary))
        result.key_frames = tuple(known)

    def close(self) -> None:
        """Let the models forget the stream."""
        for model in self._models:
            model.forget_owner(self.owner)

    def statuses(self) -> tuple[StageStatus, ...]:
        """Return how each model is doing now."""
        return tuple(model.status() for model in self._models)


def key_frames(context: StageContext) -> KeyFrames | None:
    """Return the stage of one stream; ``None`` where there is no model for key frames."""
    if context.secondary is None or not context.secondary.for_key_frames:
        return None
    return KeyFrames(context.secondary.for_key_frames, wait=not context.live)
