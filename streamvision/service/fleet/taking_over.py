"""Lets models that have come from a store take the place of those that run, one try for each that is published."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from streamvision.artifacts.cache import Cache
from streamvision.artifacts.manifest import Artifact, Manifest
from streamvision.core.config.fleet import ReplaceConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.errors import ConfigError, ModelError, StreamVisionError
from streamvision.core.fleet import FleetModel, FleetModelState
from streamvision.core.model_control import ENDED, ModelChange, ModelChangeError, ModelControl, RunningModel
from streamvision.inference.backends.registry import BACKENDS, check_model
from streamvision.service.fleet.outcomes import Outcomes

_log = logging.getLogger(__name__)

KEPT_SETTINGS = ("precision", "side_px")
"""Settings of a model that hold for the next one, too, since they are about the device; others stay by themselves."""


class _Standing(NamedTuple):
    state: FleetModelState
    sentence: str


class TakingOver:
    """What a device does with the models of a channel.

    Args:
        control: replaces models.
        present: returns what is set for a model, by its name; ``None`` where there is none of that name.
        how: what new models have to show, and who lets them take over.
        outcomes: what became of those before.
        cache: where they lie.
    """

    def __init__(
        self,
        control: ModelControl,
        present: Callable[[str], ModelConfig | None],
        how: ReplaceConfig,
        outcomes: Outcomes,
        cache: Cache,
    ) -> None:
        self._control, self._present, self._how = control, present, how
        self._outcomes, self._cache = outcomes, cache
        self._begun: dict[str, tuple[Artifact, int]] = {}
        self._waits: dict[str, str] = {}

    def needed(self, manifest: Manifest) -> list[Artifact]:
        """Return the models that are to be here: those that run, or are yet to be tried."""
        running = self._running()
        states = {name: self._standing(name, one, running).state for name, one in manifest.models.items()}
        return [one for name, one in manifest.models.items() if states[name] in ("coming", "changing", "running")]

    def kept(self) -> set[str]:
        """Return the ids of the models that run, that may be gone back to, or that are about to take over."""
        paths = [path for one in self._running().values() for path in (one.path, one.previous_path) if path]
        changes = [(one, self._own_change(name, one)) for name, (one, _) in self._begun.items()]
        begun = {one.id for one, change in changes if change is not None and change.state not in ENDED}
        return {found for path in paths if (found := self._cache.id_at(path))} | begun

    def go_on(self, manifest: Manifest) -> bool:
        """Begin what can begin and write down what has ended; return whether something goes on.

        Raises:
            StateError: when the service's state does not answer.
            OutputError: when it cannot be written down.
        """
        running, busy = self._running(), False
        for name, artifact in manifest.models.items():
            standing = self._standing(name, artifact, running)
            if standing.state in ("running", "refused", "cancelled", "rolled_back"):
                self._outcomes.note(name, artifact, standing.state, standing.sentence)
            elif standing.state == "changing":
                busy = True
            elif standing.state == "coming" and self._cache.has(artifact):
                busy = self._began(name, artifact, running[name]) or busy
        return busy

    def models(self, manifest: Manifest) -> Iterator[FleetModel]:
        """Return how each model of a channel stands."""
        running = self._running()
        for name, artifact in manifest.models.items():
            state, sentence = self._standing(name, artifact, running)
            yield FleetModel(
                name=name,
                id=artifact.id,
                format=artifact.format,
                size_bytes=artifact.size_bytes,
                came_bytes=self._cache.came_bytes(artifact),
                state=state,
                sentence=sentence,
            )

    # --- inside -------------------------------------------------------------------------------------------------------

    def _running(self) -> dict[str, RunningModel]:
        return {one.name: one for one in self._control.running()}

    def _standing(self, name: str, artifact: Artifact, running: dict[str, RunningModel]) -> _Standing:
        one = running.get(name)
        if one is None:
            return _Standing("unused", f"no model {name} is set on this device; those that are: {', '.join(running)}")
        path = self._cache.path_of(artifact)
        if Path(one.path).absolute() == path:
            return _Standing("running", f"{name} runs {path.name} of manifest {artifact.number}")
        change = self._own_change(name, artifact)
        if change is not None and change.state not in ENDED:
            return _Standing("changing", change.sentence)
        if change is not None and change.state in ("refused", "cancelled", "rolled_back"):
            return _Standing(change.state, change.sentence)
        outcome = self._outcomes.of(name, artifact)
        if outcome is None and change is not None:  # done, and another has taken its place before it was seen to run
            return _Standing("overruled", f"{name} ran this model, and now runs {one.path}")
        if outcome is None:
            waits = self._waits.get(name, "it is here and waits for its turn")
            return _Standing("coming", waits if self._cache.has(artifact) else "it is not here yet")
        if outcome.state != "running":
            return _Standing(outcome.state, outcome.sentence)
        return _Standing(
            "overruled",
            f"{name} ran this model, and somebody has put {one.path} in its place since; it comes again when it is "
            "published again",
        )

    def _own_change(self, name: str, artifact: Artifact) -> ModelChange | None:
        """Return the change of a model that was begun here; ``None`` where there is none in this run."""
        begun, change = self._begun.get(name), self._control.change(name)
        if begun is None or change is None or begun != (artifact, change.number):
            return None
        return change

    def _began(self, name: str, artifact: Artifact, running: RunningModel) -> bool:
        """Begin to replace a model; return whether something goes on or is waited for."""
        if not running.streams and _is_there(running.path):
            # Without a stream it would be taken unproven, as while the streams of a service are beginning.
            self._waits[name] = f"it waits for a stream that goes through {name}, on whose pictures it is proven"
            return True
        try:
            change = self._control.replace(name, self._request(name, artifact))
        except ModelChangeError as error:  # another change of it goes on, or none is possible while this runs
            self._waits[name] = str(error)
            return True
        except (ConfigError, ModelError) as error:
            _log.error("model %s of the store is refused: %s", name, error)
            self._outcomes.note(name, artifact, "refused", str(error))
            return False
        self._begun[name] = (artifact, change.number)
        self._waits.pop(name, None)
        _log.info("model %s of manifest %d has come and is tried: %s", name, artifact.number, change.path)
        return True

    def _request(self, name: str, artifact: Artifact) -> ModelRequest:
        path, present = self._cache.path_of(artifact), self._present(name)
        own = {} if present is None else {key: getattr(present, key) for key in KEPT_SETTINGS}
        if present is not None and _reads(present.backend, path):
            own["backend"] = present.backend
        return ModelRequest(path=str(path), **own, **self._how.model_dump())


def _is_there(path: str) -> bool:
    """Say whether a model that is set could be opened, as far as that is told without opening it."""
    try:
        check_model(path)
    except StreamVisionError:
        return False
    return True


def _reads(backend: str, path: Path) -> bool:
    return backend == "auto" or any(one.name == backend and path.suffix.lower() in one.endings for one in BACKENDS)
