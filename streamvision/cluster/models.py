"""The models of a cluster's nodes, as the page asks for them; each node has its own, and none is replaced."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

from streamvision.cluster.messages import OpenModel
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.model_control import (
    DEFAULT_MODEL,
    ModelChange,
    ModelChangeError,
    RunningModel,
    UnknownModelError,
)
from streamvision.core.redaction import short

OpenModels = Callable[[], Mapping[str | None, OpenModel]]
"""Returns the models that are open on a node, by name; ``None`` is the name of the run's own."""
StreamsByModel = Callable[[], Mapping[str | None, tuple[str, ...]]]
"""Returns the ids of the streams of each model, by name."""


class ClusterModels:
    """Of one head; see :class:`streamvision.core.model_control.ModelControl`.

    Args:
        config: the run.
        opened: returns the models that nodes have open.
        streams: returns whose streams go through which.
    """

    def __init__(self, config: AppConfig, opened: OpenModels, streams: StreamsByModel) -> None:
        self._paths: dict[str | None, str] = {None: str(config.model.path)}
        self._paths |= {name: str(one.path) for name, one in config.models.items()}
        self._opened = opened
        self._streams = streams

    def running(self) -> list[RunningModel]:
        """Return the models of the run, the default first."""
        opened, streams = self._opened(), self._streams()
        return [_running(name, path, opened.get(name), streams.get(name, ())) for name, path in self._paths.items()]

    def describe_of(self, stream_ids: Collection[str]) -> str:
        """Return one line about the models that are open and that these streams go through."""
        ids = set(stream_ids)
        return "; ".join(one.description for one in self.running() if one.description and ids.intersection(one.streams))

    def change(self, name: str) -> ModelChange | None:
        """Return that there was none."""
        self._check(name)
        return None

    def replace(self, name: str, request: ModelRequest) -> ModelChange:
        """Refuse it."""
        self._refuse(name)

    def accept(self, name: str) -> ModelChange:
        """Refuse it."""
        self._refuse(name)

    def cancel(self, name: str) -> ModelChange:
        """Refuse it."""
        self._refuse(name)

    def rollback(self, name: str) -> ModelChange:
        """Refuse it."""
        self._refuse(name)

    def example_picture(self, name: str, number: int) -> bytes | None:
        """Return that there is none."""
        self._check(name)
        return None

    def _refuse(self, name: str) -> NoReturn:
        self._check(name)
        raise ModelChangeError(
            "each machine of a cluster opens its models when it joins; set another one in the configuration, and "
            "restart the service"
        )

    def _check(self, name: str) -> None:
        if (None if name == DEFAULT_MODEL else name) not in self._paths:
            known = ", ".join(DEFAULT_MODEL if one is None else one for one in self._paths)
            raise UnknownModelError(f"there is no model {short(name)!r}; the models are: {known}")


def _running(name: str | None, path: str, opened: OpenModel | None, streams: tuple[str, ...]) -> RunningModel:
    return RunningModel(
        name=DEFAULT_MODEL if name is None else name,
        path=path,
        description=None if opened is None else opened.description,
        task=None if opened is None else opened.task,
        classes=None if opened is None else opened.classes,
        card=None if opened is None else opened.card,
        streams=streams,
        previous_path=None,
    )
