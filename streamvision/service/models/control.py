"""What the web and others ask of a service about its models; see :mod:`streamvision.core.model_control`."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from pathlib import Path
from typing import Any

from exporters.pictures import pictures_in
from pipelines.model_groups import ModelGroups
from streamvision.core.addresses import MASK
from streamvision.core.config.model import CHOICE_KEYS, ModelConfig
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError, StateError, StreamVisionError
from streamvision.core.files import exists
from streamvision.core.model_control import (
    DEFAULT_MODEL,
    ENDED,
    ModelChange,
    ModelChangeError,
    RunningModel,
    UnknownModelError,
)
from streamvision.core.model_location import ModelAddress, ModelLocation, is_without_network, model_location, written
from streamvision.core.redaction import short
from streamvision.evaluation.gate import gate_file
from streamvision.inference.backends.registry import check_model
from streamvision.inference.classical.detector import Detector
from streamvision.models import model_file
from streamvision.service.models.change import Change
from streamvision.service.models.chosen import ChosenModels
from streamvision.service.models.progress import Order
from streamvision.service.models.proving import MOST_FILES
from streamvision.service.models.report import report_of
from streamvision.state.audit import Audit

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 2.0
"""Longest wait for changes that go on, when the run ends."""
OF_THE_MACHINE = ("device", "threads", "requests")
"""Keys that stay as they are set for the present model where nothing else is asked for."""
OURSELVES = "streamvision"
"""Who is said to have done what nobody asked for at that moment."""


class ServiceModels:
    """Replaces models of a running service; any thread may use it.

    Args:
        groups: the models that run.
        chosen: which models have taken over.
        audit: where it is written what happens by itself.
    """

    def __init__(self, groups: ModelGroups, chosen: ChosenModels, audit: Audit) -> None:
        self._groups = groups
        self._chosen = chosen
        self._audit = audit
        self._lock = threading.Lock()
        self._changes: dict[str, Change] = {}
        self._numbers = itertools.count(1)
        self._stopped = False

    def running(self) -> list[RunningModel]:
        """Return the models of the run, the default first."""
        return [self._running(name) for name in (DEFAULT_MODEL, *self._groups.config.models)]

    def change(self, name: str) -> ModelChange | None:
        """Return the change of a model that goes on, or the last one; ``None`` where there was none in this run."""
        self._config_of(name)
        change = self._changes.get(name)
        return None if change is None else self._shown(change)

    def replace(self, name: str, request: ModelRequest) -> ModelChange:
        """Begin to replace a model, and return at once."""
        before = self._config_of(name)
        request = self._as_named(request)
        if any(is_without_network(path) for path in (before.path, model_location(request.path))):
            raise ModelChangeError(
                f"{before.path} cannot give way to {short(request.path)} while it runs, since one of them is no "
                "network; set the other as one of `models`, and let streams choose it"
            )
        given = {key: getattr(request, key) for key in CHOICE_KEYS}
        given |= {key: getattr(before, key) for key in OF_THE_MACHINE if given[key] is None}
        chosen = _from_anywhere(validate(ModelConfig, given, origin=f"models {name}"))
        config = before.choosing(chosen.model_copy(update={"path": self._with_secret(chosen.path)}))
        _check_there(config, request)
        return self._begin(name, request, config, before)

    def accept(self, name: str) -> ModelChange:
        """Let the new model take over between two frames, whatever the figures say."""
        change = self._change_of(name)
        change.progress.accept()
        return self._shown(change)

    def cancel(self, name: str) -> ModelChange:
        """Drop the new model; the present one has never stopped."""
        change = self._change_of(name)
        change.progress.cancel()
        return self._shown(change)

    def rollback(self, name: str) -> ModelChange:
        """Let the model come back that the last change has replaced."""
        present = self._config_of(name)
        change = self._changes.get(name)
        if change is not None and change.progress.state == "taking_over":
            change.progress.go_back()
            return self._shown(change)
        previous = self._chosen.previous(name)
        if previous is None:
            raise ModelChangeError(f"there is no model before {present.path} to go back to; replace it instead")
        request = ModelRequest(path=str(previous.path), prove="none", shadow_s=0, shadow_share=0)
        return self._begin(name, request, previous, present, is_rollback=True)

    def example_picture(self, name: str, number: int) -> bytes | None:
        """Return the picture of an example as a JPEG file; ``None`` where there is none."""
        self._config_of(name)
        change = self._changes.get(name)
        return None if change is None else change.progress.example_picture(number)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Give up what goes on, since the run ends."""
        with self._lock:
            self._stopped = True
            changes = list(self._changes.values())
        deadline_s = time.monotonic() + timeout_s
        for change in changes:
            change.progress.give_up()
        for change in changes:
            change.join(max(deadline_s - time.monotonic(), 0.0))

    def _begin(
        self, name: str, request: ModelRequest, config: ModelConfig, before: ModelConfig, *, is_rollback: bool = False
    ) -> ModelChange:
        with self._lock:
            last = self._changes.get(name)
            if last is not None and last.progress.state in ENDED:
                last.join(STOP_TIMEOUT_S)  # it is closing what it has opened
            if self._stopped:
                raise ModelChangeError("the run is being stopped")
            if last is not None and last.hangs and not is_rollback:
                raise ModelChangeError(
                    f"a call of the model that was to replace {name} has not come back, and holds memory; wait for it, "
                    "or start the service anew"
                )
            if last is not None and last.goes_on:
                raise ModelChangeError(
                    f"a change of the model {name} goes on already: {last.progress.sentence} Wait for its "
                    "end, or cancel it"
                )
            order = Order(next(self._numbers), name, _key(name), request, config, before, is_rollback)
            change = Change(order, self._groups, self._chosen, on_end=self._note_end)
            self._changes[name] = change
            change.start()
        return self._shown(change)

    def _note_end(self, change: Change) -> None:
        """Write down what nobody has asked for at that moment."""
        if not change.happened_by_itself:
            return
        order, sentence = change.progress.order, change.progress.sentence
        action = "model taken over" if change.progress.state == "done" else "model rolled back"
        details = {"path": str(order.config.path), "previous": str(order.before.path), "why": sentence}
        try:
            self._audit.add(who=OURSELVES, address="", action=action, target=order.name, details=details)
        except StateError as error:
            log.error("what the model %s did is not written down: %s", order.name, error)

    def _as_named(self, request: ModelRequest) -> ModelRequest:
        """Return a request for a model of the run by its name as one for that model, fed and executed as that is."""
        named = self._groups.config.models.get(request.path)
        if named is None or exists(Path(request.path)):
            return request
        set_for_it = {key: getattr(named, key) for key in CHOICE_KEYS if key not in request.model_fields_set}
        return request.model_copy(update={**set_for_it, "path": written(named.path)})

    def _with_secret(self, path: ModelLocation) -> ModelLocation:
        """Return an address with the secret that a ``***`` in it stands for, as addresses are shown.

        Raises:
            ConfigError: when it stands for nothing that is known.
        """
        if not isinstance(path, ModelAddress) or MASK not in path.address:
            return path
        names = (DEFAULT_MODEL, *self._groups.config.models)
        configs = [*map(self._config_of, names), *filter(None, map(self._chosen.previous, names))]
        for known in configs:
            if isinstance(known.path, ModelAddress) and path.address == str(known.path):
                return known.path
        raise ConfigError(f"path holds {MASK} in place of a secret that is not known here; write the secret itself")

    def _shown(self, change: Change) -> ModelChange:
        previous = self._chosen.previous(change.progress.order.name)
        return change.progress.snapshot(goes_on=change.goes_on, may_roll_back=previous is not None)

    def _change_of(self, name: str) -> Change:
        self._config_of(name)
        change = self._changes.get(name)
        if change is None:
            raise ModelChangeError(f"no change of the model {name} goes on; begin one")
        return change

    def _config_of(self, name: str) -> ModelConfig:
        config = self._groups.config
        if name == DEFAULT_MODEL:
            return config.model
        if name not in config.models:
            known = ", ".join((DEFAULT_MODEL, *config.models))
            raise UnknownModelError(f"there is no model {short(name)!r}; the models are: {known}")
        return config.models[name]

    def _running(self, name: str) -> RunningModel:
        config, previous = self._config_of(name), self._chosen.previous(name)
        group = self._groups.usable(_key(name))
        model = group.models.first if group is not None else None
        return RunningModel(
            name=name,
            path=str(config.path),
            description=None if model is None else model.describe(),
            task=None if model is None else model.card.task,
            classes=group.models.names if group is not None else None,
            card=None if model is None else model.own_card.model_dump(mode="json", exclude_defaults=True),
            steps=_steps_of(config),
            streams=tuple(stream.id for stream in group.streams) if group is not None else (),
            previous_path=None if previous is None else str(previous.path),
        )


def _steps_of(config: ModelConfig) -> tuple[dict[str, Any], ...] | None:
    if not is_without_network(config.path):
        return None
    return tuple(step.model_dump(mode="json") for step in Detector(config).steps)


def _key(name: str) -> str | None:
    return None if name == DEFAULT_MODEL else name


def _from_anywhere(config: ModelConfig) -> ModelConfig:
    """Return the same, found by the next start, too, though it begins in another folder."""
    path = config.path
    if isinstance(path, Path) and exists(path):
        return config.model_copy(update={"path": path.absolute()})
    return config


def _check_there(config: ModelConfig, request: ModelRequest) -> None:
    """Refuse at once what can be told without opening anything.

    Raises:
        ConfigError: when there is no such file, no picture to prove it on, or no file that does.
    """
    try:
        check_model(config.path)
        if request.data is not None:
            pictures_in(Path(request.data), count=1, most=MOST_FILES)
        if request.prove == "gate" and not (gate := gate_file(model_file(config.path))).is_file():
            raise ConfigError(
                f"there is no comparison {gate}; train with --add, use `streamvision eval compare --record`, or prove "
                "it otherwise"
            )
        if request.prove == "report" and not (report := report_of(model_file(config.path))).is_file():
            raise ConfigError(f"there is no report {report}; export the model with streamvision, or prove it otherwise")
    except ConfigError:
        raise
    except StreamVisionError as error:
        raise ConfigError(str(error)) from error
