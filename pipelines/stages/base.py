"""What every stage behind the network offers to the worker of its stream, and what it is made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamvision.core.config.app import AppConfig
from streamvision.core.config.section import Section
from streamvision.core.config.stream import StreamConfig
from streamvision.core.frame import Result
from streamvision.core.status import StageStatus
from streamvision.inference.model_card import ModelCard

if TYPE_CHECKING:
    from pipelines.stages.adaptive import AdaptiveInference
    from pipelines.stages.secondary import SecondaryModels
    from pipelines.stages.tracking import Tracker


class FrameStage(ABC):
    """One step behind the network, called with each result of a stream in order, from the stream's own thread."""

    name: str = "stage"
    """Under which its time is recorded and messages speak of it."""
    optional: bool = False
    """Whether the stream goes on without it after a fault, instead of losing the frame."""
    waits: bool = True
    """Whether it may wait for something else than a processor, as for a model or a disk."""

    @abstractmethod
    def process(self, result: Result) -> None:
        """Fill in or change what is known of the frame."""

    def reset(self) -> None:
        """Forget earlier frames: the stream was reconnected or changed its size."""

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id: there are more of them than before; any thread may ask for it."""

    def statuses(self) -> tuple[StageStatus, ...]:
        """Return how it is doing now, from any thread; empty where there is nothing to tell."""
        return ()

    def close(self) -> None:
        """Release what it holds; it is not called for further frames."""


@dataclass(frozen=True)
class StageContext:
    """What a stage is made from: the stream that it belongs to, and what all streams share."""

    stream_id: str
    """The stream."""
    live: bool
    """Whether the newest frame counts, so that nothing may wait; a file waits for every stage."""
    config: AppConfig
    """Everything that is set."""
    stream: StreamConfig
    """What is set for this stream."""
    card: ModelCard
    """The contract of the model that the results come from."""
    tracker: Tracker | None = None
    """The stream's tracker."""
    adaptive: AdaptiveInference | None = None
    """What decides what the network is shown; ``None`` where it is shown every frame."""
    secondary: SecondaryModels | None = None
    """Models for objects and key frames, shared by all streams; ``None`` without any."""
    options: Section | None = None
    """The settings of a stage of another package, checked by its configuration class."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of the model, by class id."""
        return self.card.names
