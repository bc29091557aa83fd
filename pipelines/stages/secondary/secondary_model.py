"""One model for second looks at objects: their crops go in, what is found on them goes to their attributes."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.stages.secondary.attributes import Finding, finding_of
from pipelines.stages.secondary.model_worker import Crop, ModelWorker, open_auxiliary
from streamvision.core.config.secondary import AuxiliaryModelConfig, SecondaryModelConfig
from streamvision.core.errors import ConfigError
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import Model, Prediction


class SecondaryModel(ModelWorker[Finding]):
    """A model that looks at objects; what it finds is remembered by their identity.

    Args:
        config: which objects, and how sure.
        detector: the model, already open; :meth:`close` closes it.
    """

    def __init__(self, config: SecondaryModelConfig, detector: Model) -> None:
        super().__init__(config.name, detector)
        self.config = config
        """Which objects are looked at, and when again."""
        keypoints = detector.card.keypoints
        self.skeleton = keypoints.skeleton if keypoints else ()
        """Pairs of keypoints to draw a line between, where it finds keypoints."""

    @classmethod
    def open(cls, config: SecondaryModelConfig, *, times: StageTimes | None = None) -> SecondaryModel:
        """Load the model.

        Raises:
            StreamVisionError: when it is not there, or cannot be run.
        """
        return cls(config, open_auxiliary(config, times=times))

    def read(self, crop: Crop, found: Prediction) -> Finding | None:
        """Return what is sure enough, in the form of attributes."""
        return finding_of(
            found,
            names=self._detector.names,
            origin_px=(crop.left_px, crop.top_px),
            box_xyxy_px=crop.box_xyxy_px,
            least_score=self.config.score,
        )


def check_names(configs: Sequence[AuxiliaryModelConfig], names: tuple[str, ...]) -> None:
    """Find out whether the first model has the classes that are to be looked at.

    Raises:
        ConfigError: naming the class that it does not have, or the name that two have.
    """
    for config in configs:
        if not isinstance(config, SecondaryModelConfig):
            continue
        unknown = [name for name in config.classes or () if name not in names]
        if unknown:
            raise ConfigError(
                f"second {config.name!r} looks at {unknown[0]!r}, which is not a class of the first model; it has "
                f"{', '.join(names[:10])}"
            )
    called = [config.name for config in configs]
    if twice := {name for name in called if called.count(name) > 1}:
        raise ConfigError(
            f"names of second models and of key frames must differ, but {sorted(twice)} stands more than once"
        )
