"""The models of a run: each is open while a stream has it, and opens and closes while other streams go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from pipelines.model_group import ModelGroup
from pipelines.model_tuning import while_others_run
from pipelines.stages.secondary import SecondaryModels
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import Model

CLOSE_TIMEOUT_S = 2.0
"""Longest wait for the threads of a model that no stream has any more."""


class ModelGroups:
    """Hands out the group of each model, from any thread.

    Args:
        config: which models, and what holds for the run.
        model: the run's model, already open; by default it is opened when a stream needs it.
        times: where the seconds of each stage are recorded.
        on_rest: called while all streams of a group are over; see :class:`ModelGroup`.
        on_exchange: called when another model has taken over.
    """

    def __init__(
        self,
        config: AppConfig,
        *,
        model: Model | None,
        times: StageTimes,
        on_rest: Callable[[], None],
        on_exchange: Callable[[], None],
    ) -> None:
        self.config = config
        """What holds for the run, with the models that are in use or are opened next."""
        self._on_exchange = on_exchange
        self._given = model
        self._times = times
        self._on_rest = on_rest
        self._secondary = SecondaryModels(config)
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._usable: dict[str | None, ModelGroup] = {}
        self._groups: tuple[ModelGroup, ...] = ()
        self._started = self._stopped = False

    @property
    def open(self) -> tuple[ModelGroup, ...]:
        """All groups that a stream has, broken ones included, the oldest first."""
        return self._groups

    def usable(self, name: str | None) -> ModelGroup | None:
        """Return the group of a model that is open and works; ``None`` where none is. Whoever needs it holds it."""
        return self._usable.get(name)

    def models(self) -> dict[str | None, Model]:
        """Return the models that are open and work, by name."""
        with self._lock:
            return {name: group.models.first for name, group in self._usable.items()}

    def describe(self) -> str:
        """Return one line about the models that are open and where they execute."""
        return _described(self._groups) or f"{self.config.model.path.name}: not open, since no stream needs it"

    def describe_of(self, stream_ids: Collection[str]) -> str:
        """Return one line about the models that these streams have open; empty where they have none."""
        ids = set(stream_ids)
        return _described(group for group in self._groups if any(one.id in ids for one in group.streams))

    def acquire(self, name: str | None) -> ModelGroup:
        """Return the group of a model for one stream more, until :meth:`release`; the model is opened if need be.

        Args:
            name: which of ``models``; ``None`` for the run's own.

        Raises:
            StreamVisionError: when the model is not there or cannot be run, or the run has been stopped meanwhile.
        """
        if (group := self._acquired(name)) is not None:
            return group
        with self._opening:
            if (group := self._acquired(name)) is not None:
                return group
            group = self._opened(name)
            with self._lock:
                is_late = self._stopped
                if not is_late:
                    group.users = 1
                    self._usable[name] = group
                    self._groups = (*self._groups, group)
                if self._started and not is_late:
                    group.start()
        if is_late:
            group.close(0.0)
            raise StreamVisionError("the run has been stopped; begin another")
        return group

    def release(self, group: ModelGroup, *, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Say that a stream has a group no more; the last one closes its model."""
        with self._lock:
            group.users -= 1
            if group.users:
                return
            self._groups = tuple(one for one in self._groups if one is not group)
            self._usable = {name: one for name, one in self._usable.items() if one is not group}
        group.close(timeout_s)

    @contextmanager
    def kept_open(self, name: str | None) -> Iterator[None]:
        """Have a model open meanwhile, where it can be: what takes long is done before others wait.

        Args:
            name: as for :meth:`acquire`; whoever begins a stream of it is told why it cannot be opened.
        """
        group = None
        with suppress(StreamVisionError):
            group = self.acquire(name)
        try:
            yield
        finally:
            if group is not None:
                self.release(group)

    def hold(self, name: str | None) -> ModelGroup | None:
        """Return the group of a model that is open, and keep it so until :meth:`release`; ``None`` where it is not."""
        return self._acquired(name)

    def choose(self, name: str | None, model: ModelConfig) -> None:
        """Open this model from now on where one of that name is needed, or say that it is in use.

        Args:
            name: which of ``models``; ``None`` for the run's own.
            model: which model, how it is fed and where it executes.
        """
        with self._lock:
            config = self.config
            if name is None:
                self.config = config.model_copy(update={"model": config.model.choosing(model)})
            else:
                models = {**config.models, name: config.models[name].choosing(model)}
                self.config = config.model_copy(update={"models": models})
        self._on_exchange()

    def start(self) -> None:
        """Begin to take frames through the networks, also of those that are opened later."""
        with self._lock:
            self._started = True
            groups = self._groups
        self._secondary.start()
        for group in groups:
            group.start()

    def request_stop(self) -> None:
        """Begin no further batch and open no further model."""
        with self._lock:
            self._stopped = True
        for group in self._groups:
            group.request_stop()

    def join(self, deadline_s: float) -> None:
        """Wait for the networks' threads until a moment of the monotonic clock; one that hangs is left behind."""
        for group in self._groups:
            group.join(deadline_s)

    def close(self, timeout_s: float) -> None:
        """Release all models, within about ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        self._secondary.close(timeout_s)
        for group in self._groups:
            group.close(max(deadline_s - time.monotonic(), 0.0))

    def _opened(self, name: str | None) -> ModelGroup:
        given = None
        if name is None:
            given, self._given = self._given, None
        config = self.config
        model = config.model if name is None else config.models[name]
        if self._started and self._groups:
            model = while_others_run(model)
        own = config.model_copy(update={"model": model})
        return ModelGroup(
            own,
            model=given,
            secondary=self._secondary,
            times=self._times,
            on_rest=self._on_rest,
            on_exchange=partial(self.choose, name),
        )

    def _acquired(self, name: str | None) -> ModelGroup | None:
        with self._lock:
            group = self._usable.get(name)
            if group is None or group.error is not None or self._stopped:
                return None
            group.users += 1
            return group


def _described(groups: Iterable[ModelGroup]) -> str:
    return "; ".join(dict.fromkeys(group.models.first.describe() for group in groups))
