"""The embedding model that describes objects for all cameras: crops that wait go into one call."""

from __future__ import annotations

from pipelines.stages.across_cameras.records import Vector
from pipelines.stages.secondary.model_worker import Crop, ModelWorker, open_auxiliary
from streamvision.core.config.across_cameras import AcrossCamerasConfig
from streamvision.core.config.secondary import AuxiliaryModelConfig
from streamvision.core.errors import ConfigError
from streamvision.inference.model import Model, Prediction

NAME = "across_cameras"
"""What the model and the stage are called."""


class AppearanceModel(ModelWorker[Vector]):
    """Says what objects look like; of one object the newest crop counts.

    Args:
        model: already open; :meth:`close` closes it.

    Raises:
        ConfigError: when the model does not give embeddings.
    """

    def __init__(self, model: Model) -> None:
        if model.card.task != "embed":
            raise ConfigError(
                f"across_cameras: {model.describe()} is for {model.card.task!r}; give an embedding model, whose card "
                "says 'embed', or say head: embed"
            )
        super().__init__(NAME, model, lasting=False)

    @classmethod
    def open(cls, config: AcrossCamerasConfig) -> AppearanceModel:
        """Load the model.

        Raises:
            ConfigError: when the model does not give embeddings.
            StreamVisionError: when it is not there, or cannot be run.
        """
        keys = ("model", "head", "backend", "device", "threads")
        model = open_auxiliary(AuxiliaryModelConfig(name=NAME, **{key: getattr(config, key) for key in keys}))
        try:
            return cls(model)
        except BaseException:
            model.close()
            raise

    def read(self, crop: Crop, found: Prediction) -> Vector | None:
        """Return the embedding."""
        return found.image_result.embedding if found.image_result is not None else None
