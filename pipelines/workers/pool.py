"""Shares the streams of a run out over worker processes and answers for the whole, as a :class:`Pipeline` does.

Python runs one thread at a time in each process. Where the network is fast, that limits what a machine with many cores
can do, and each worker process lifts the limit once more, at the price of a model of its own in memory. Budgets that
live streams share are shared within a process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType

from pipelines.assembly import name_streams
from pipelines.capture.registry import source_files
from pipelines.capture.source import STDIN
from pipelines.outputs.outputs import check_outputs, prepare_shared_files
from pipelines.workers.process import Order, Ready
from pipelines.workers.remote import RemoteAnalytics, WorkerProcess
from streamvision.core.config.app import AppConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution, quantiles_ms
from streamvision.inference.backends.cores import core_groups, usable_cores
from streamvision.inference.output_check import note_without_numbers

START_TIMEOUT_S = 120.0
"""Longest wait for a worker process to open its model; some devices compile for minutes."""
STOP_TIMEOUT_S = 3.0
REPLY_S = 0.5
"""Of the time to stop, what is kept for the last report and the end of the process."""
POLL_S = 0.05


def _orders(config: AppConfig, streams: Iterable[StreamConfig], stream_ids: tuple[str, ...]) -> list[Order]:
    """Return what each worker process is to do: every n-th stream, on its share of the cores."""
    named = list(streams)
    count = min(config.workers, len(named))
    model = config.model
    if model.device in ("auto", "cpu") and isinstance(model.path, Path):
        share = max(usable_cores() // count, 1)
        model = model.model_copy(update={"requests": model.requests or share, "threads": model.threads or 1})
    own = {"workers": 1, "model": model}
    parts = [config.model_copy(update={**own, "streams": tuple(named[number::count])}) for number in range(count)]
    return [Order(part, stream_ids, cores) for part, cores in zip(parts, core_groups(count), strict=True)]


class WorkerPool:
    """A whole run in several processes: built from a configuration, started once, stopped once.

    Args:
        config: everything that can be set; ``workers`` says how many processes.

    Raises:
        StreamVisionError: from the constructor, when a source, the model or an output is refused; nothing runs then.
    """

    def __init__(self, config: AppConfig) -> None:
        if not config.streams:
            raise ConfigError("there is no stream to run; give at least one source")
        sources = name_streams(config.streams)
        read = [path for spec, _ in sources.values() for path in source_files(spec)]
        check_outputs(config.outputs, stream_ids=list(sources), inputs=[config.model.path, *read])
        if any(spec.uri == STDIN for spec, _ in sources.values()):
            raise ConfigError("worker processes do not get the standard input (-); leave out --workers")
        if config.outputs.sinks:
            raise ConfigError("sinks of other packages take frames, which do not cross processes; leave out --workers")
        self._config = config
        self._any_live = any(spec.live for spec, _ in sources.values())
        self._stopping = threading.Event()
        self._stopped = False
        named = [stream.model_copy(update={"id": name}) for name, (_, stream) in sources.items()]
        orders = _orders(config, named, tuple(sources))
        self._workers = [WorkerProcess(number, order) for number, order in enumerate(orders)]
        try:
            ready = self._wait_ready()
        except BaseException:
            self.stop(0.0)
            raise
        self.names = ready[0].names
        """Class names of the model, by class id."""
        self._notes = ready[0].notes
        owners = {stream.id: worker for worker in self._workers for stream in worker.order.config.streams}
        channels = {name: LiveChannel(name, self.names) for name in sources}
        analytics = {}
        for name, channel in channels.items():
            owners[name].channels[name] = channel
            analytics[name] = RemoteAnalytics(owners[name], name, owners[name].ready.analytics[name])  # type: ignore[union-attr]
        self._owners = {name: owners[name] for name in sources}
        self.view = LiveView(
            channels,
            statuses=self.statuses,
            stage_times=self._stage_times,
            model=f"{ready[0].model}, {len(self._workers)} processes",
            analytics=analytics,
        )
        self.view.frame_ages = self.ages
        self._watching = threading.Thread(target=self._watch, name="viewers", daemon=True)

    @property
    def relays(self) -> None:
        """Packets do not cross processes, so that nobody passes them on."""

    def notes(self) -> tuple[str, ...]:
        """Return what had to be assumed of the model, and what its outputs have shown so far, a sentence each."""
        return (*self._notes, *note_without_numbers(sum(w.report.pictures_without_numbers for w in self._workers)))

    def _wait_ready(self) -> list[Ready]:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        waiting = {worker.connection: worker for worker in self._workers}
        while waiting:
            came = wait(list(waiting), timeout=max(deadline_s - time.monotonic(), 0.0))
            if not came:
                slow = ", ".join(str(worker.number) for worker in waiting.values())
                raise StreamVisionError(f"worker processes {slow} did not open their model in {START_TIMEOUT_S:.0f} s")
            for connection in came:
                waiting.pop(connection).read_ready()  # type: ignore[call-overload]
        return [worker.ready for worker in self._workers if worker.ready is not None]

    def start(self) -> None:
        """Open the outputs and start all streams.

        Raises:
            OutputError: when an output cannot be opened.
        """
        try:
            prepare_shared_files(self._config.outputs, live=self._any_live)
            deadline_s = time.monotonic() + START_TIMEOUT_S
            for worker in self._workers:
                worker.start(deadline_s)
        except BaseException:
            self.stop(0.0)
            raise
        self._watching.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until every stream has ended or failed; return whether they have."""
        deadline_s = time.monotonic() + timeout_s
        while not (over := all(worker.over for worker in self._workers)):
            if self._stopping.wait(min(POLL_S, max(deadline_s - time.monotonic(), 0.0))):
                break
            if time.monotonic() >= deadline_s:
                break
        return over

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop all processes and finish the outputs; one deadline holds for all. Calling it twice is harmless."""
        deadline_s = time.monotonic() + timeout_s
        first, self._stopped = not self._stopped, True
        self._stopping.set()
        for worker in self._workers if first else ():
            worker.request_stop(max(timeout_s - REPLY_S, 0.0))
        for worker in self._workers if first else ():
            worker.join(max(deadline_s - time.monotonic(), 0.0))

    def statuses(self) -> list[StreamStatus]:
        """Return how each stream is doing now, in the order of the configuration."""
        known = {s.id: s for worker in self._workers for s in worker.statuses()}
        return [known[name] for name in self._owners]

    def failures(self) -> list[str]:
        """Return what went wrong for good, one sentence each."""
        return [failure for worker in self._workers for failure in worker.report.failures]

    def ages(self) -> dict[str, Distribution]:
        """Return the ages of each stream's frames when they were finished, in seconds."""
        found: dict[str, Distribution] = {}
        for worker in self._workers:
            found |= worker.ask("", "ages") or {}
        return {name: found[name] for name in self._owners if name in found}

    @property
    def pids(self) -> list[int]:
        """The worker processes."""
        return [worker.pid for worker in self._workers]

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Return p50, p95 and p99 of the newest durations of each stage, in milliseconds, over all streams."""
        return quantiles_ms(self._stage_times())

    def _stage_times(self) -> dict[str, Distribution]:
        parts: dict[str, list[Distribution]] = {}
        for worker in self._workers:
            for stage, samples in worker.stage_times().items():
                parts.setdefault(stage, []).append(samples)
        return {stage: Distribution.merged(samples) for stage, samples in parts.items()}

    def __enter__(self) -> WorkerPool:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _watch(self) -> None:
        """Tell each worker process how many watch its streams, whenever that changes."""
        told: dict[str, int] = {}
        while not self._stopping.wait(POLL_S):
            for name, channel in self.view.channels.items():
                if told.get(name, 0) != channel.viewers:
                    told[name] = channel.viewers
                    self._owners[name].watch(name, channel.viewers)
