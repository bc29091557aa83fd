"""What stands in the place of a model where there is no network: the classes, and what counts as found.

In a running stream its own stage finds the objects, since each stream needs its own background and its own frame
before; see ``pipelines/stages/classical.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from streamvision.core.config.classical import StepConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ModelError
from streamvision.core.model_location import NO_NETWORK
from streamvision.core.picture import Picture
from streamvision.core.telemetry import StageTimes
from streamvision.inference.classical.detector import SIDE_PX, Detector, reported
from streamvision.inference.classical.registry import DEFAULT
from streamvision.inference.input_sizes import Size
from streamvision.inference.model import Model, Prediction
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.score_limits import ScoreLimits
from streamvision.inference.tensors import TensorSpec

SINGLE_PICTURES = (
    "steps of the model none compare the frames of a stream, and here are single pictures; give it to run, serve or "
    "streamvision.stream, or steps that look at one picture alone, such as in_range or canny"
)


class ClassicalModel(Model):
    """Steps of OpenCV in the place of a network.

    Args:
        config: the steps, thresholds and filters.
        score_floor: as for :class:`streamvision.inference.model.Model`.
        times: as there.

    Raises:
        ConfigError: when a step is not known or does not take its settings, or a class is named that none finds.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        score_floor: float | None = None,
        times: StageTimes | None = None,
    ) -> None:
        self._detector = Detector(config)
        side_px = config.side_px or SIDE_PX
        fed = InputCard(width_px=side_px, height_px=side_px, dtype="uint8", color="bgr", scale=1, dynamic_batch=True)
        card = ModelCard(head="rows", names=self._detector.names, input=fed)
        super().__init__(_OpenCv(), card, config, score_floor=score_floor, times=times)

    @property
    def steps(self) -> tuple[StepConfig, ...]:
        """All its steps, with those that were not given and follow of themselves."""
        return self._detector.steps

    def describe(self) -> str:
        """Return one line about the steps."""
        steps = ", ".join(step.name for step in self._config.steps or DEFAULT)
        return f"{NO_NETWORK}: {steps} of OpenCV on cpu, for {', '.join(self.own_card.names)}"

    def find(
        self,
        pictures: Sequence[Picture],
        *,
        sizes: Sequence[Size | None] | None = None,
        limits: Sequence[ScoreLimits] | None = None,
    ) -> list[Prediction]:
        """Return what the steps find on single pictures; ``sizes`` is for networks.

        Raises:
            ModelError: when a step compares a picture with those before it.
        """
        if self._detector.remembers:
            raise ModelError(SINGLE_PICTURES)
        by_picture = [self.limits] * len(pictures) if limits is None else limits
        return [
            Prediction(reported(self._detector.find(picture), one.lowest, max_detections=self.max_detections), None)
            for picture, one in zip(pictures, by_picture, strict=True)
        ]


class _OpenCv:
    """What a backend says of itself, with no network behind it."""

    name, device, precision = "opencv", "cpu", "uint8"
    requests = 1
    max_batch = useful_batch = None
    input = TensorSpec("pictures", (None, 3, None, None), "uint8")
    outputs = (
        TensorSpec("boxes", (None, None, 4), "float32"),
        TensorSpec("scores", (None, None), "float32"),
        TensorSpec("labels", (None, None), "int64"),
    )
    metadata: Mapping[str, str] = {}

    def run(self, tensor: NDArray[Any], companions: Mapping[str, NDArray[Any]] | None = None) -> list[NDArray[Any]]:
        """Refuse: there is no network that takes tensors."""
        raise ModelError("the model is none, so there is no network to run; give the file of a model")

    def close(self) -> None:
        """Do nothing: nothing is open."""
