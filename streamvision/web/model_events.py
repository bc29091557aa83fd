"""Tells administrators who listen for events of each step of a model's replacement."""

from __future__ import annotations

import logging

from streamvision.core.errors import StreamVisionError
from streamvision.core.model_control import ModelChange, ModelControl
from streamvision.web.fanout import Fanout
from streamvision.web.wire import event

_log = logging.getLogger(__name__)


class ModelEvents:
    """Compares the changes with those of the last look.

    Args:
        models: who replaces models.
        fanout: those who listen.
    """

    def __init__(self, models: ModelControl, fanout: Fanout) -> None:
        self._models = models
        self._fanout = fanout
        self._seen: dict[str, tuple[int, str] | None] = {}
        self._serial = 0

    def tell(self) -> None:
        """Send an event for each change that is new or stands elsewhere than at the last look."""
        try:
            changes = {one.name: self._models.change(one.name) for one in self._models.running()}
        except StreamVisionError as error:
            _log.warning("the replacement of models cannot be told of: %s", error)
            return
        for name, change in changes.items():
            if change is not None and name in self._seen and self._seen[name] != _stand(change):
                self._serial += 1  # each step is sent, even to a listener that lags
                data = {"model": name, "number": change.number, "state": change.state, "sentence": change.sentence}
                self._fanout.broadcast(event("model", data), key=f"model {self._serial}", scope="admin")
        self._seen = {name: None if change is None else _stand(change) for name, change in changes.items()}


def _stand(change: ModelChange) -> tuple[int, str]:
    return change.number, change.state
