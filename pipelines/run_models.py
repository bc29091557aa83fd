"""The models of a group: which one its frames go to now, and those beside it."""

from __future__ import annotations

import threading

from pipelines.first_model import FirstModel
from pipelines.stages.secondary import SecondaryModels
from streamvision.core.config.app import AppConfig
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
        self._lock = threading.Lock()
        self._closed = False
        self.current = FirstModel.open(config, model=model, times=times)
        """What the next batch goes through."""
        self.names: tuple[str, ...] = self.first.names
        """Class names by the numbers that results carry; they only grow, whatever model takes over."""
        self.secondary = secondary
        """Models that are shown objects and key frames."""
        try:
            secondary.open(names=self.names)
        except BaseException:
            self.current.close()
            raise

    @property
    def first(self) -> Model:
        """The model that the next batch goes through."""
        return self.current.model

    def exchange(self, other: FirstModel) -> None:
        """Let the next batch go through another model; the one before stays open."""
        with self._lock:
            self.current = other
            is_closed = self._closed
        if is_closed:
            other.close()

    def reopen(self) -> None:
        """Close the model that every frame goes to, and open it again; nothing where another has taken its place.

        Raises:
            StreamVisionError: when that is not possible.
        """
        before = self.current
        fresh = before.reopened()
        with self._lock:
            is_wanted = self.current is before and not self._closed
            if self.current is before:
                self.current = fresh
        if not is_wanted:
            fresh.close()

    def close(self) -> None:
        """Release the model that every frame goes to; the secondary ones are others' too."""
        with self._lock:
            self._closed = True
            current = self.current
        current.close()
