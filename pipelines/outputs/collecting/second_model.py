"""A second detector, whose objects are compared with those of a stream's own model."""

from __future__ import annotations

import numpy as np

from pipelines.stages.ignore import IgnoreAreas
from streamvision.collecting.committee import common_classes, disagreement
from streamvision.collecting.finding import Finding
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.detections import class_index
from streamvision.core.errors import ConfigError
from streamvision.core.frame import Result
from streamvision.inference.heads.base import ObjectHead
from streamvision.inference.model import Model
from streamvision.models import find_model


class SecondModel:
    """Used by one thread at a time.

    Args:
        path: the model's file or name.
        score: lowest score of its objects that count.

    Raises:
        ConfigError: when it finds no objects.
        StreamVisionError: when it is not there or cannot be run.
    """

    def __init__(self, path: str, *, score: float) -> None:
        self._model = Model.open(ModelConfig(path=find_model(path), score=score, requests=1, tune="off"))
        if not isinstance(self._model.head, ObjectHead):
            described = self._model.describe()
            self._model.close()
            raise ConfigError(f"second_model: {described} finds no objects; give a detector")

    def check(self, names: tuple[str, ...]) -> None:
        """Find out whether it can be compared with a model of these classes.

        Raises:
            ConfigError: when they have no class in common.
        """
        if not common_classes(names, self._model.names):
            mine, other = (", ".join(one[:5]) for one in (names, self._model.names))
            raise ConfigError(
                f"second_model: {self._model.describe()} knows {other} and no class of the stream's model ({mine}); "
                "give one that has classes in common"
            )

    def compare(
        self, result: Result, *, names: tuple[str, ...], model: ModelConfig, stream: StreamConfig
    ) -> Finding | None:
        """Return where it contradicts what was found on a frame; ``None`` where it does not.

        Objects in areas that the stream masks, and of classes that it leaves out, count for neither.

        Raises:
            ModelError: when the model fails.
        """
        found = self._model.find([result.frame.picture])[0].detections
        if model.classes is not None:
            wanted = [class_index(name, names) for name in model.classes]
            common = common_classes(names, self._model.names)
            kept = [common[one] for one in wanted if one is not None and one in common]
            found = found[np.flatnonzero(np.isin(found.class_id, kept))]
        if stream.ignore:
            other = Result(result.frame, found)
            IgnoreAreas(stream.ignore).process(other)
            found = other.detections
        return disagreement(result.detections, found, names=names, second_names=self._model.names)

    def close(self) -> None:
        """Release it."""
        self._model.close()
