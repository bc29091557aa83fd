"""A run that is left alone for months: what is changed while it runs is there again after the next start."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pipelines.assembly import PacketListeners
from pipelines.engine import Pipeline
from pipelines.live_video.relays import PacketRelays
from pipelines.outputs.sink import SinkFactory
from pipelines.runner import StreamRunner
from streamvision.core.analysis import CountingAnalytics
from streamvision.core.config.app import AppConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import BusyError, ConfigError, StateError, StreamVisionError
from streamvision.core.live import LiveView
from streamvision.core.logs import say
from streamvision.core.status import StreamStatus
from streamvision.notify.notifier import check_notify
from streamvision.service.absent import absent_statuses
from streamvision.service.beginning import Beginning, ReadDocument, changed_at
from streamvision.service.counting import restore_counts
from streamvision.service.effective import check_settings, stream_configs, waiting_keys
from streamvision.service.given_streams import with_given_streams
from streamvision.service.layers import Layers
from streamvision.service.memory import BEGINNING, DOCUMENT, GIVEN, given_ids, remember, remembered
from streamvision.service.models.chosen import ChosenModels
from streamvision.service.models.control import ServiceModels
from streamvision.service.values import parsed_run
from streamvision.service.writers import Writers
from streamvision.state.audit import Audit
from streamvision.state.database import Database

if TYPE_CHECKING:
    from streamvision.service.fleet.follower import FleetFollower

_log = logging.getLogger(__name__)

WATCH_S = 1.0
"""How often the configuration file is looked at."""
RETRY_S = 10.0
"""How often a stream is tried again that could not begin."""
CHANGE_TIMEOUT_S = 12.0
"""Longest wait for a change that somebody else is in the middle of; requests end after 15 s."""

MakeRunner = Callable[[AppConfig, Sequence[SinkFactory], PacketListeners], StreamRunner]
"""Makes what runs the streams of a service, from what is set for the run, further sinks, and who takes packets."""


def run_here(config: AppConfig, sinks: Sequence[SinkFactory], packets: PacketListeners) -> StreamRunner:
    """Return a pipeline in this process."""
    return Pipeline(config, sinks=sinks, packets=packets, service=True)


class Service:
    """Runs the streams of a state; used as a :class:`~pipelines.engine.Pipeline` is.

    Args:
        database: what is remembered.
        folder: the state folder, for pictures.
        beginning: a file and options; what was remembered of them where none are given anew.
        read: joins them to one document.
        runner: makes what runs the streams, from the run, further sinks and who takes packets; default: a pipeline.
        must_end: says whether it has to end, though nobody has stopped it.

    Raises:
        StreamVisionError: when the configuration or the state cannot be used; nothing runs then.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        beginning: Beginning,
        read: ReadDocument,
        *,
        runner: MakeRunner = run_here,
        must_end: Callable[[], bool] = lambda: False,
    ) -> None:
        self.database = database
        """What is remembered."""
        self._beginning = beginning
        self._read = read
        self._must_end = must_end
        self._changing = threading.RLock()
        self._running: dict[str, StreamConfig] = {}
        self._absent: dict[str, str] = {}
        self._counting: dict[str, CountingAnalytics] = {}
        self._stopping = threading.Event()
        self._file_at = beginning.file and changed_at(beginning.file)
        document = beginning.document(read)
        known = remembered(database)
        layers = Layers.begin(document, *known, origin=self._origin)
        self._layers, ids = with_given_streams(layers, beginning.streams, given_ids(database))
        self._opened = self._run_config(self._layers)
        self.writers = Writers(
            database, folder, self._opened, counting=self._counted, stream_config=lambda name: self._running.get(name)
        )
        """What takes the results beside the page."""
        self.pipeline = runner(self._opened, self.writers.sinks, self.writers.packets)
        self.pipeline.view.statuses = self.statuses
        self.writers.show(self.pipeline.view)
        settings = {BEGINNING: beginning.to_json(), GIVEN: ids, DOCUMENT: document}
        remember(database, Layers(**known._asdict()), self._layers, settings=settings)
        groups = self.pipeline.model_groups
        self._models = None if groups is None else ServiceModels(groups, ChosenModels(self), Audit(database))
        self.pipeline.view.models = self._models or self.pipeline.view.models
        self.follower: FleetFollower | None = None
        """Follows the store that models come from; begins behind the streams, and ends before them."""
        self._keeper = threading.Thread(target=self._keep, name="service", daemon=True)

    # --- as a pipeline ----------------------------------------------------------------------------------------------

    @property
    def config(self) -> AppConfig:
        """What the run was opened with."""
        return self._opened

    @property
    def run_config(self) -> AppConfig:
        """What is set for the run now."""
        return self._run_config(self._layers)

    @property
    def view(self) -> LiveView:
        """What the web may know of it."""
        return self.pipeline.view

    @property
    def relays(self) -> PacketRelays | None:
        """Who passes the packets of its streams on to those who watch."""
        return self.pipeline.relays

    def __enter__(self) -> Service:
        self.writers.start()
        self.pipeline.start()
        for stream_id in self._layers.documents:
            with self.changing():
                self._begin(stream_id)
        self._keeper.start()
        if self.follower is not None:
            self.follower.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self.follower is not None:
            self.follower.stop()  # before the changes of models that are given up now are taken for refused ones
        if self._models is not None:
            self._models.stop()
        self.pipeline.stop()
        for stream_id in self._counting:
            self.writers.events.note_counts(stream_id)
        self.writers.stop()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it was stopped or has to end; return whether that is so."""
        return self.pipeline.wait(timeout_s) or self._must_end()

    def notes(self) -> tuple[str, ...]:
        """Return what had to be assumed of the models."""
        return self.pipeline.notes()

    def failures(self) -> list[str]:
        """Return what went wrong for good, one sentence each."""
        return [*self._absent.values(), *self.pipeline.failures()]

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Return quantiles of the newest durations of each stage, in milliseconds."""
        return self.pipeline.stages_ms()

    def statuses(self) -> list[StreamStatus]:
        """Return how each stream is doing, those that could not begin among them."""
        running, absent = self._running, self._absent
        present = self.pipeline.statuses()
        return [*present, *absent_statuses(running, absent, begun={status.id for status in present})]

    # --- changes ----------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> Layers:
        """What is set."""
        return self._layers

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let nobody else change anything meanwhile.

        Raises:
            StateError: when somebody does, for long.
        """
        if not self._changing.acquire(timeout=CHANGE_TIMEOUT_S):
            raise StateError("another change is being made, which takes its time; try again in some seconds")
        try:
            yield
        finally:
            self._changing.release()

    def change(self, layers: Layers, *, settings: Mapping[str, Any] | None = None) -> None:
        """Run and remember what is set anew, or neither; within :meth:`changing`.

        Args:
            layers: what is set.
            settings: what else is to be remembered, by name.

        Raises:
            StreamVisionError: when something is refused, or cannot be remembered; nothing has changed then.
        """
        run = self._run_config(layers, origin="settings")
        wanted = self._stream_configs(layers, run)
        check_notify(run.notify)
        moves = {name: one for name, one in wanted.items() if one != self._running.get(name)}
        before, absent = dict(self._running), dict(self._absent)
        moved: list[str] = []
        try:
            check_settings(moves, before, run, opened=self._opened, groups=self.pipeline.model_groups)
            for name, config in moves.items():
                moved.append(name)
                is_absent = name in absent and config.source == before[name].source
                (self._try_move if is_absent else self._move)(name, config)
                if is_absent and self._absent.get(name, absent[name]) != absent[name]:
                    raise ConfigError(self._absent[name])  # it could not begin before, but for another reason
            remember(self.database, self._layers, layers, settings=settings or {})
        except BaseException:
            for name in reversed(moved):
                if name in before:
                    self._try_move(name, before[name])
                else:
                    self._remove(name)
            raise
        self._take(layers)
        for name in before.keys() - wanted.keys():
            self._remove(name)

    def reload(self) -> None:
        """Read the configuration file again: what it says now holds where nothing was changed since.

        Raises:
            ConfigError: when it is not accepted; nothing has changed then.
        """
        if self._beginning.file is None:
            _log.warning("there is no configuration file to read again; start the service with --config to have one")
            return
        self._file_at = changed_at(self._beginning.file)  # a fault is told once, whoever asked for the reading
        with self.changing():
            document = self._beginning.document(self._read)
            before = self._layers
            layers = Layers.begin(document, before.stored, before.changes, before.models, origin=self._origin)
            run = self._run_config(layers)
            wanted = self._stream_configs(layers, run)
            check_notify(run.notify)
            remember(self.database, before, layers, settings={DOCUMENT: document})
            self._say_what_waits(layers)
            self._take(layers)
            for name in self._running.keys() - wanted.keys():
                self._remove(name)
            for name, config in wanted.items():
                if config != self._running.get(name):
                    self._try_move(name, config)
        say(f"The configuration was read again: {self._origin}")

    def adopt(self, layers: Layers, opened: AppConfig) -> None:
        """Remember what runs already, and go by it; within :meth:`changing`.

        Args:
            layers: what is set.
            opened: what the run is opened with.

        Raises:
            StateError: when it cannot be remembered; nothing has changed then.
        """
        remember(self.database, self._layers, layers)
        self._layers, self._opened = layers, opened

    def _take(self, layers: Layers) -> None:
        self._layers = layers
        self.writers.configure(self._run_config(layers))

    def _run_config(self, layers: Layers, *, origin: str | None = None) -> AppConfig:
        return parsed_run({**layers.run_document, "streams": []}, origin=origin or self._origin)

    @property
    def _origin(self) -> str:
        return str(self._beginning.file or "the configuration")

    def _stream_configs(self, layers: Layers, run: AppConfig) -> dict[str, StreamConfig]:
        return stream_configs(layers, run, opened=self._opened)

    def _say_what_waits(self, layers: Layers) -> None:
        """Say what of the file takes effect at the next start only."""
        if waiting := waiting_keys(self._run_config(layers), opened=self._opened):
            _log.warning(
                "%s: %s was changed, which takes effect at the next start", self._origin, " and ".join(waiting)
            )

    # --- streams ----------------------------------------------------------------------------------------------------

    def _begin(self, stream_id: str) -> None:
        config = self._stream_configs(self._layers, self._run_config(self._layers)).get(stream_id)
        if config is not None and stream_id not in self._running:
            self._try_move(stream_id, config)

    def _try_move(self, stream_id: str, config: StreamConfig) -> None:
        """Change or add a stream; where that is refused, it is tried again later."""
        try:
            self._move(stream_id, config)
        except StreamVisionError as error:
            if self._absent.get(stream_id) != str(error):
                _log.error("stream %s: %s", stream_id, error)
            if stream_id not in self.pipeline.view.channels.keys() & self._running.keys():  # or has yet to end
                self._running = {**self._running, stream_id: config}
                self._absent = {**self._absent, stream_id: str(error)}

    def _move(self, stream_id: str, config: StreamConfig) -> None:
        analytics = self.pipeline.view.analytics.get(stream_id)
        if stream_id in self.pipeline.view.channels:
            with suppress(StateError):
                self.writers.events.flush()
            self.pipeline.replace_stream(stream_id, config)
        else:
            self.pipeline.add_stream(config)
        self._running = {**self._running, stream_id: config}
        self._absent = {name: why for name, why in self._absent.items() if name != stream_id}
        if self.pipeline.view.analytics.get(stream_id) is not analytics:
            self._restore(stream_id)
        self.writers.events.note_counts(stream_id)

    def _remove(self, stream_id: str) -> None:
        self._counting = {name: one for name, one in self._counting.items() if name != stream_id}
        self._running = {name: one for name, one in self._running.items() if name != stream_id}
        self._absent = {name: why for name, why in self._absent.items() if name != stream_id}
        if stream_id in self.pipeline.view.channels:
            with suppress(BusyError):  # it is remembered as gone, and ends when that is possible
                self.pipeline.remove_stream(stream_id)
        self.writers.events.forget(stream_id)

    def _restore(self, stream_id: str) -> None:
        """Let lines and zones go on counting from where they were; where that is not known yet, try again later."""
        analytics = self.pipeline.view.analytics.get(stream_id)
        if isinstance(analytics, CountingAnalytics) and restore_counts(self.database, stream_id, analytics):
            self._counting = {**self._counting, stream_id: analytics}

    def _counted(self) -> Mapping[str, CountingAnalytics]:
        """Return those whose counts are known in full, by stream id: one that began anew must be restored first."""
        present = self.pipeline.view.analytics
        return {name: one for name, one in self._counting.items() if present.get(name) is one}

    # --- housekeeping -----------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        tried_at_s = time.monotonic()
        while not self._stopping.wait(WATCH_S):
            try:
                self._watch()
                if time.monotonic() - tried_at_s >= RETRY_S:
                    tried_at_s = time.monotonic()
                    self._retry()
            except Exception:
                _log.exception("the service's housekeeping")

    def _watch(self) -> None:
        file = self._beginning.file
        if file is None or (found := changed_at(file)) in (None, self._file_at):
            return
        if self._stopping.wait(WATCH_S) or changed_at(file) != found or found == self._file_at:
            return  # it is still being written, or was read meanwhile
        try:
            self.reload()
        except StreamVisionError as error:
            _log.error("the configuration was not reloaded: %s", error)

    def _retry(self) -> None:
        """Try again what could not begin or end, and counts that could not be read."""
        for stream_id in self.pipeline.view.channels.keys() - self._running.keys():
            with self.changing():
                if stream_id not in self._running:
                    self._remove(stream_id)
        for stream_id in tuple(self._absent):
            config = self._running.get(stream_id)
            if config is None:
                continue
            groups = self.pipeline.model_groups if config.enabled else None
            with groups.kept_open(config.model) if groups else nullcontext(), self.changing():
                if stream_id in self._absent:
                    self._try_move(stream_id, self._running[stream_id])
        for stream_id in self.pipeline.view.analytics.keys() - self._counted().keys():
            with self.changing():
                self._restore(stream_id)
