"""Shares the streams of a run out over worker processes and answers for the whole, as a :class:`Pipeline` does.

Python runs one thread at a time in each process. Where the network is fast, that limits what a machine with many cores
can do, and each worker process lifts the limit once more, at the price of a model of its own in memory. Budgets that
live streams share are shared within a process.
"""

from __future__ import annotations

import itertools
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, TypeVar

from pipelines.assembly import name_streams
from pipelines.capture.registry import source_files
from pipelines.outputs.outputs import check_outputs, create_shared_files
from pipelines.workers.process import Call, Order, Published, Ready, Reply, Report, Start, Started, Stop, Watch
from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.app import AppConfig, StreamConfig
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.picture import Canvas
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import FINAL_STATES, StreamState
from streamvision.core.telemetry import Distribution, quantiles_ms
from streamvision.inference.backends.cores import usable_cores

M = TypeVar("M")
log = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
"""Longest wait for a worker process to open its model; some devices compile for minutes."""
STOP_TIMEOUT_S = 3.0
REPLY_S = 0.5
"""Of the time to stop, what is kept for the last report and the end of the process."""
CALL_TIMEOUT_S = 2.0
"""Longest wait for an answer."""
POLL_S = 0.05
_PROGRAM = "import sys; sys.path[:] = sys.argv[2:]; from pipelines.workers.process import main; main()"
"""What a worker process executes: it finds the same modules as this one, whatever its folder holds."""


class WorkerProcess:
    """One worker process, as seen from outside.

    Args:
        number: its place among all, from 0.
        order: what it does.
    """

    def __init__(self, number: int, order: Order) -> None:
        self.number = number
        self.order = order
        self.ready: Ready | None = None
        """What it said of its model, once it is ready."""
        self.report = Report([], [], over=False)
        """What it told last."""
        self.channels: dict[str, LiveChannel] = {}
        """Where its frames are published."""
        own, other = socket.socketpair()
        with other:
            command = [sys.executable, "-c", _PROGRAM, str(other.fileno()), *sys.path]
            # In a session of its own: Ctrl-C is for this process, which then stops the others in order.
            self._process = subprocess.Popen(
                command, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self.connection = Connection(own.detach())
        self._sending = threading.Lock()
        self._numbers = itertools.count()
        self._replies: dict[int, Reply | None] = {}  # by number, of the questions that somebody waits for
        self._replied = threading.Condition()
        self._lost = False
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, name=f"worker-{number}", daemon=True)
        self._send(order)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def over(self) -> bool:
        """Whether all its streams have ended."""
        return self._lost or self.report.over

    def read_ready(self) -> Ready:
        """Read what it says of its model, once its connection has something to read.

        Raises:
            StreamVisionError: as the worker process raises it.
        """
        self.ready = self._read(Ready)
        self.report = Report(self.ready.statuses, [], over=False)
        return self.ready

    def start(self, deadline_s: float) -> None:
        """Let it open its outputs and begin, and listen to what it tells.

        Raises:
            StreamVisionError: as the worker process raises it, or where it does not answer in time.
        """
        self._send(Start())
        if not self.connection.poll(max(deadline_s - time.monotonic(), 0.0)):
            raise StreamVisionError(f"worker process {self.number} did not start in time; its outputs may hang")
        self._read(Started)
        self._thread.start()

    def _read(self, kind: type[M]) -> M:
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            message = StreamVisionError(f"worker process {self.number} ended before it began; its log says why")
        if isinstance(message, Exception):
            raise message
        assert isinstance(message, kind)
        return message

    def stage_times(self) -> dict[str, Distribution]:
        """Return the seconds spent in each of its stages."""
        if self.report.stage_times is not None:
            return self.report.stage_times
        return self.ask("", "stage_times") or {}

    def watch(self, stream_id: str, viewers: int) -> None:
        """Tell how many watch a stream."""
        self._send(Watch(stream_id, viewers))

    def ask(self, stream_id: str, method: str, *arguments: Any) -> Any:
        """Return the answer to a question; ``None`` where there is none in time.

        Raises:
            StreamVisionError: as the worker process raises it.
        """
        reply = self._call(stream_id, method, arguments)
        return None if reply is None else reply.value

    def tell(self, stream_id: str, method: str, *arguments: Any) -> None:
        """Let it do something.

        Raises:
            StreamVisionError: as the worker process raises it, or where it does not answer in time.
        """
        if self._call(stream_id, method, arguments) is None:
            raise StreamVisionError(f"{method} of stream {stream_id}: its worker process does not answer; try again")

    def _call(self, stream_id: str, method: str, arguments: tuple[Any, ...]) -> Reply | None:
        if not self._thread.is_alive():
            return None
        number = next(self._numbers)
        self._replies[number] = None
        self._send(Call(number, stream_id, method, arguments))
        with self._replied:
            self._replied.wait_for(lambda: self._replies[number] is not None or self._lost, CALL_TIMEOUT_S)
            reply = self._replies.pop(number)
        if reply is not None and reply.error is not None:
            raise reply.error
        return reply

    def request_stop(self, timeout_s: float) -> None:
        """Let it end its streams and finish its outputs."""
        self._stopping = True
        self._send(Stop(timeout_s))

    def join(self, timeout_s: float) -> None:
        """Wait for its end; a process that has not ended by then is ended."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            log.warning("worker process %d did not end in time", self.number)
            self._process.kill()
            self._process.wait(1.0)
        if self._thread.is_alive():
            self._thread.join(1.0)
        self.connection.close()

    def _listen(self) -> None:
        try:
            while True:
                message = self.connection.recv()
                if isinstance(message, Report):
                    self.report = message
                elif isinstance(message, Published):
                    self._publish(message)
                elif isinstance(message, Reply):
                    with self._replied:
                        if message.number in self._replies:
                            self._replies[message.number] = message
                        self._replied.notify_all()
        except (EOFError, OSError):
            if self.report.stage_times is None:
                self._lose()
        with self._replied:
            self._replied.notify_all()

    def _lose(self) -> None:
        """Note that it is gone though nobody asked it to go."""
        self._lost = True
        if self._stopping:
            return
        fault = "its worker process ended unexpectedly"
        statuses = [
            status
            if status.state in {state.value for state in FINAL_STATES}
            else replace(status, state=StreamState.FAILED.value, reason=fault, state_age_s=0.0)
            for status in self.report.statuses
        ]
        code = self._process.wait(1.0)
        words = f"worker process {self.number} with {', '.join(self.channels)} ended unexpectedly (code {code})"
        self.report = replace(self.report, statuses=statuses, failures=[*self.report.failures, words])

    def _publish(self, message: Published) -> None:
        stream_id = message.result.frame.stream_id
        channel = self.channels[stream_id]
        if message.jpeg is None and channel.viewers:
            return  # finished before the worker process knew that somebody watches; the next one has its picture
        channel.publish(RemoteFrame(message, partial(self.ask, stream_id, "jpeg")), encode=False)

    def _send(self, message: Any) -> None:
        try:
            with self._sending:
                self.connection.send(message)
        except OSError:
            return  # it is gone; the listening thread says so


class RemoteFrame(RenderedFrame):
    """A frame of a worker process: its JPEG file came along, or is fetched."""

    def __init__(self, published: Published, fetch: Any) -> None:
        super().__init__(published.result, draw=self._no_canvas, encode=lambda canvas: b"")
        self._jpeg = published.jpeg
        self._fetch = fetch

    def jpeg(self) -> bytes:
        """Return the drawn picture as a JPEG file; that of the newest frame where it did not come along.

        Raises:
            StreamVisionError: when the worker process does not answer.
        """
        if self._jpeg is None:
            fetched: bytes | None = self._fetch()
            if fetched is None:
                raise StreamVisionError(f"{self!r} has no picture: its worker process does not answer")
            self._jpeg = fetched
        return self._jpeg

    def _no_canvas(self) -> Canvas:
        raise StreamVisionError(f"{self!r} is of another process; only its JPEG file can be had")


class RemoteAnalytics:
    """The analytics of a stream in a worker process; see :class:`streamvision.core.analysis.AnalyticsControl`."""

    def __init__(self, worker: WorkerProcess, stream_id: str, config: AnalyticsConfig) -> None:
        self._ask, self._tell = partial(worker.ask, stream_id), partial(worker.tell, stream_id)
        self.config = config
        """What is counted and measured now, or will be from the next frame on."""

    def apply(self, config: AnalyticsConfig) -> None:
        """Count and measure this from the next frame on; a region that stays as it was keeps its counts.

        Raises:
            ConfigError: when a line or zone asks for a class that the network does not know; nothing changes then.
            StreamVisionError: when the worker process does not answer.
        """
        self._tell("apply", config)
        self.config = config

    def report(self) -> dict[str, Any]:
        """Return the counts so far as plain values."""
        return self._ask("report") or {}

    def recent(self) -> list[AnalyticsEvent]:
        """Return the newest events, the newest last."""
        return self._ask("recent") or []

    def heat_map_png(self) -> bytes | None:
        """Return the heat map as a PNG file; ``None`` where there is none."""
        png: bytes | None = self._ask("heat_map_png")
        return png


def _parts(config: AppConfig, streams: Iterable[StreamConfig]) -> list[AppConfig]:
    """Return the configuration of each worker process: every n-th stream, and its share of the cores."""
    named = list(streams)
    count = min(config.workers, len(named))
    model = config.model
    if model.device in ("auto", "cpu"):
        share = max(usable_cores() // count, 1)
        model = model.model_copy(update={"requests": model.requests or share, "threads": model.threads or 1})
    own = {"workers": 1, "model": model}
    return [config.model_copy(update={**own, "streams": tuple(named[number::count])}) for number in range(count)]


class WorkerPool:
    """A whole run in several processes: built from a configuration, started once, stopped once.

    Args:
        config: everything that can be set; ``workers`` says how many processes.

    Raises:
        StreamVisionError: from the constructor, when a source, the model or an output is refused; nothing runs then.
    """

    def __init__(self, config: AppConfig) -> None:
        sources = name_streams(config.streams)
        read = [path for spec, _ in sources.values() for path in source_files(spec)]
        check_outputs(config.outputs, stream_ids=list(sources), inputs=[config.model.path, *read])
        if config.outputs.sinks:
            raise ConfigError("sinks of other packages take frames, which do not cross processes; leave out --workers")
        self._config = config
        self._stopping = threading.Event()
        self._stopped = False
        named = [stream.model_copy(update={"id": name}) for name, (_, stream) in sources.items()]
        self._workers = [
            WorkerProcess(number, Order(part, tuple(sources))) for number, part in enumerate(_parts(config, named))
        ]
        try:
            ready = self._wait_ready()
        except BaseException:
            self.stop(0.0)
            raise
        self.names = ready[0].names
        """Class names of the model, by class id."""
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
        self._watching = threading.Thread(target=self._watch, name="viewers", daemon=True)

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
        """Open the outputs, which replaces old files, and start all streams.

        Raises:
            OutputError: when an output cannot be opened.
        """
        try:
            create_shared_files(self._config.outputs)
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
        known = {s.id: s for worker in self._workers for s in worker.report.statuses}
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
