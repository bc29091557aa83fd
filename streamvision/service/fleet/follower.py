"""Follows a channel of a store: what is new there is fetched, checked, and takes over as a replaced model does.

Without the store a service goes on with what it has, and says since when.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from streamvision.artifacts.cache import Accepted, Cache, open_cache
from streamvision.artifacts.pulling import Source, StoppedError, pull_manifest, pull_model
from streamvision.artifacts.signing import PublicKeys
from streamvision.artifacts.store import open_store
from streamvision.core.config.fleet import FleetConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.fleet import FleetStatus
from streamvision.core.model_control import ModelControl
from streamvision.core.redaction import redact_outside, redact_source
from streamvision.service.fleet.outcomes import Outcomes
from streamvision.service.fleet.taking_over import TakingOver
from streamvision.service.periodic_task import PeriodicTask

_log = logging.getLogger(__name__)

FIRST_RETRY_S = 5.0
"""Wait after a fault of the store, doubled with each that follows, up to the time between two looks."""
GO_ON_S = 1.0
"""How often a change that goes on is looked at."""
STOP_S = 5.0
MAX_BEGIN_S = 30.0
"""Longest time until the first look: after a power cut many devices begin at once."""
JITTER = 0.1
"""By how much of it the time between two looks differs, so that devices that began together do not ask together."""


class FleetFollower:
    """See :class:`streamvision.core.fleet.Fleet`.

    Args:
        config: what is followed.
        folder: where models are kept.
        control: replaces models.
        present: returns what is set for a model, by its name; ``None`` where there is none of that name.

    Raises:
        ConfigError: when a key is none, or the store cannot be reached as it is set.
        MissingDependencyError: when a library that this needs is not installed.
    """

    def __init__(
        self, config: FleetConfig, folder: Path, control: ModelControl, present: Callable[[str], ModelConfig | None]
    ) -> None:
        self._config, self._folder = config, folder.absolute()
        self._source = Source(open_store(config.store, config.s3), config.channel, PublicKeys(config.public_key))
        self._held = ExitStack()
        self._cache: Cache | None = None
        self._outcomes = Outcomes(self._folder / "outcomes.json")
        self._taking_over = TakingOver(control, present, config.replace, self._outcomes, Cache(self._folder))
        self._accepted: Accepted | None = None
        self._fault: str | None = None
        self._came_bytes = 0
        self._retry_s = FIRST_RETRY_S
        self._due_s = time.monotonic() + random.uniform(0, min(JITTER * config.every_s, MAX_BEGIN_S))
        self._is_stopping = False
        self._task = PeriodicTask(self._work, name="fleet", longest_retry_s=60.0)

    def prepare(self) -> None:
        """Check what lies here: a model that was damaged since it came is removed, so that nothing opens it."""
        try:
            self._open()
        except StreamVisionError as error:  # another process has it, say; it is tried again
            _log.warning("%s", error)

    def start(self) -> None:
        """Begin to follow."""
        self._task.start()

    def stop(self) -> None:
        """End within a few seconds; what has come of a model is gone on with at the next start."""
        self._is_stopping = True
        self._task.stop(STOP_S)

    def check(self) -> None:
        """Ask the store soon."""
        self._due_s = 0.0
        self._task.wake()

    @property
    def fault(self) -> str | None:
        """Why the last try failed; ``None`` where it did not."""
        return self._fault or self._task.fault

    def status(self) -> FleetStatus:
        """Return how it is."""
        accepted, cache = self._accepted, self._cache
        manifest = None if accepted is None else accepted.manifest
        return FleetStatus(
            store=redact_source(self._config.store),
            channel=self._config.channel,
            number=None if manifest is None else manifest.number,
            created_unix_s=None if manifest is None else manifest.created_unix_s,
            confirmed_unix_s=None if cache is None else cache.confirmed_unix_s(self._config.channel),
            fault=self.fault,
            models=() if manifest is None else tuple(self._taking_over.models(manifest)),
        )

    # --- in its own thread --------------------------------------------------------------------------------------------

    def _work(self, is_last: bool) -> float:
        if is_last:
            self._held.close()
            return 0.0
        cache = self._open()
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + self._every_s
            self._look(cache)
        goes_on = self._accepted is not None and self._taking_over.go_on(self._accepted.manifest)
        left_s = max(self._due_s - time.monotonic(), 0.0)
        return min(left_s, GO_ON_S) if goes_on else left_s

    def _open(self) -> Cache:
        if self._cache is None:
            self._cache = self._held.enter_context(open_cache(self._folder))
            self._outcomes.read()
            self._accepted = self._cache.accepted(self._config.channel, self._source.keys)
            before = self._cache.previous(self._config.channel, self._source.keys)
            for accepted in filter(None, (self._accepted, before)):
                for artifact in accepted.manifest.models.values():
                    if self._cache.has(artifact) and not self._cache.is_whole(artifact):
                        _log.warning("%s was damaged and is fetched again", self._cache.path_of(artifact))
        return self._cache

    def _look(self, cache: Cache) -> None:
        """Ask the store, and fetch what is needed of it."""
        came_bytes = self._came_bytes
        try:
            self._accepted = pull_manifest(self._source, cache)
            self._fetch(cache, self._accepted)
        except StoppedError:
            return
        except StreamVisionError as error:
            self._note(error, cache)
            if self._came_bytes > came_bytes:
                self._retry_s = FIRST_RETRY_S  # a slow network gets there in many tries
            self._due_s = time.monotonic() + min(self._retry_s, self._every_s)
            self._retry_s = min(2 * self._retry_s, self._config.every_s)
        else:
            if self._fault is not None:
                _log.info("%s answers again", self._source.store.place)
            self._fault, self._retry_s = None, FIRST_RETRY_S

    def _fetch(self, cache: Cache, accepted: Accepted) -> None:
        needed = self._taking_over.needed(accepted.manifest)
        before = cache.previous(self._config.channel, self._source.keys)
        last = set() if before is None else {one.id for one in before.manifest.models.values()}
        cache.make_room(needed, keep=self._taking_over.kept() | last, max_bytes=int(self._config.max_gb * 1e9))
        for artifact in needed:
            if not cache.has(artifact):
                pull_model(
                    artifact, self._source, cache, is_ended=lambda: self._is_stopping, progress=self._note_progress
                )
                _log.info("%s has come from %s", cache.path_of(artifact).name, self._source.store.place)

    def _note_progress(self, came_bytes: int) -> None:
        self._came_bytes += came_bytes

    def _note(self, error: StreamVisionError, cache: Cache) -> None:
        fault = redact_outside(str(error))
        if self._accepted is not None:
            confirmed_unix_s = cache.confirmed_unix_s(self._config.channel)
            since = (
                ""
                if confirmed_unix_s is None
                else time.strftime(" of %Y-%m-%d %H:%M", time.localtime(confirmed_unix_s))
            )
            number = self._accepted.manifest.number
            fault = f"{fault} (it goes on with manifest {number}, as the store gave it{since})"
        if fault != self._fault:
            _log.warning("%s", fault)
        self._fault = fault

    @property
    def _every_s(self) -> float:
        return self._config.every_s * random.uniform(1 - JITTER, 1 + JITTER)
