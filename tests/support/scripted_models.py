"""Models of a run whose changes end as a test says, for what asks for changes."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from streamvision.core.config.model_request import ModelRequest
from streamvision.core.errors import StreamVisionError
from streamvision.core.model_control import ENDED, ModelChange, ModelChangeError, ModelChangeState, RunningModel


class ScriptedModels:
    """See :class:`streamvision.core.model_control.ModelControl`.

    Args:
        paths: the path of each model that runs, by its name.
    """

    def __init__(self, **paths: str) -> None:
        self.requests: list[tuple[str, ModelRequest]] = []
        """What was asked for."""
        self.fault: StreamVisionError | None = None
        """What the next request is answered with."""
        self.streams: tuple[str, ...] = ("gate",)
        """The streams that go through each."""
        self._lock = threading.Lock()
        self._paths = dict(paths)
        self._previous: dict[str, str] = {}
        self._changes: dict[str, ModelChange] = {}

    def put(self, name: str, path: str) -> None:
        """Let a model be another from now on."""
        self._paths[name] = path

    def running(self) -> list[RunningModel]:
        """Return the models of the run."""
        with self._lock:
            return [
                RunningModel(name, path, None, None, None, None, self.streams, self._previous.get(name))
                for name, path in self._paths.items()
            ]

    def change(self, name: str) -> ModelChange | None:
        """Return the last change of a model."""
        return self._changes.get(name)

    def replace(self, name: str, request: ModelRequest) -> ModelChange:
        """Begin to replace a model."""
        with self._lock:
            if self.fault is not None:
                fault, self.fault = self.fault, None
                raise fault
            if (before := self._changes.get(name)) is not None and before.state not in ENDED:
                raise ModelChangeError(f"{name} is being replaced already")
            self.requests.append((name, request))
            self._changes[name] = ModelChange(
                number=len(self.requests), name=name, state="loading", sentence="it is loaded", path=request.path,
                previous_path=self._paths[name], take_over=request.take_over, began_unix_s=time.time(),
                ended_unix_s=None, may_accept=False, may_cancel=True, may_roll_back=False, card=None, description=None,
                memory=None, proof=None, shadow=None,
            )  # fmt: skip
            return self._changes[name]

    def accept(self, name: str) -> ModelChange:
        """Let the new model take over."""
        return self.end(name, "done", "it has taken over")

    def cancel(self, name: str) -> ModelChange:
        """Drop the new model."""
        return self.end(name, "cancelled", "somebody has cancelled it")

    def rollback(self, name: str) -> ModelChange:
        """Let the model before come back."""
        with self._lock:
            self._paths[name] = self._previous.pop(name)
            self._changes[name] = replace(self._changes[name], state="rolled_back", sentence="somebody went back")
            return self._changes[name]

    def example_picture(self, name: str, number: int) -> bytes | None:
        """Return no picture: there is none."""
        return None

    def end(self, name: str, state: ModelChangeState, sentence: str) -> ModelChange:
        """Let the change that goes on end, as a test says."""
        with self._lock:
            change = replace(self._changes[name], state=state, sentence=sentence, ended_unix_s=time.time())
            if state == "done":
                self._previous[name], self._paths[name] = self._paths[name], change.path
            self._changes[name] = change
            return change
