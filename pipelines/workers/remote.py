"""A worker process as seen from outside: its streams' frames, states and analytics."""

from __future__ import annotations

import itertools
import logging
import math
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from pipelines.rendering.renderer import JpegEncoder
from pipelines.workers.process import Call, Order, Published, Ready, Reply, Report, Start, Started, Stop, Watch
from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.live import LiveChannel
from streamvision.core.picture import BgrPicture, Canvas
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import FINAL_STATES, StreamState
from streamvision.core.telemetry import Distribution
from streamvision.core.upright import decode_upright

M = TypeVar("M")
log = logging.getLogger(__name__)

CALL_TIMEOUT_S = 2.0
"""Longest wait for an answer."""
SILENT_S = 5.0
"""A process that tells ten times a second how it is doing, and has told nothing for so long, hangs."""
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from streamvision.core.importing import import_uncollected; "
    "import_uncollected('pipelines.workers.process').main()"
)
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
        self._encode = JpegEncoder((order.config.serve or ServeConfig()).jpeg_quality)
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
        self._heard_s = math.inf
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

    def statuses(self) -> list[StreamStatus]:
        """Return how its streams are doing; where it hangs, what it told last, with that."""
        silent_s = self._silent_s()
        if silent_s < SILENT_S:
            return self.report.statuses
        return [_silenced(status, silent_s) for status in self.report.statuses]

    def _silent_s(self) -> float:
        return 0.0 if self.over else time.monotonic() - self._heard_s

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
        self._heard_s = time.monotonic()
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
        if not self._thread.is_alive() or self._silent_s() >= SILENT_S:
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
                self._heard_s = time.monotonic()
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
        """Note that it is gone without a word: by itself, or ended since it did not stop in time."""
        self._lost = True
        if self._stopping:
            self.report = replace(self.report, statuses=self._ended(StreamState.STOPPED, ""))
            return
        statuses = self._ended(StreamState.FAILED, "its worker process ended unexpectedly")
        code = self._process.wait(1.0)
        words = f"worker process {self.number} with {', '.join(self.channels)} ended unexpectedly (code {code})"
        self.report = replace(self.report, statuses=statuses, failures=[*self.report.failures, words])

    def _ended(self, state: StreamState, reason: str) -> list[StreamStatus]:
        """Return the statuses that it told last, where streams that had not ended by then are in another state."""
        return [
            status
            if status.state in {final.value for final in FINAL_STATES}
            else replace(status, state=state.value, reason=reason, state_age_s=0.0)
            for status in self.report.statuses
        ]

    def _publish(self, message: Published) -> None:
        stream_id = message.result.frame.stream_id
        channel = self.channels[stream_id]
        if message.jpeg is None and channel.viewers:
            return  # finished before the worker process knew that somebody watches; the next one has its picture
        channel.publish(RemoteFrame(message, partial(self.ask, stream_id, "jpeg"), self._encode), encode=False)

    def _send(self, message: Any) -> None:
        try:
            with self._sending:
                self.connection.send(message)
        except OSError:
            return  # it is gone; the listening thread says so


def _silenced(status: StreamStatus, silent_s: float) -> StreamStatus:
    """Return the status of a stream whose process has told nothing for so long."""
    if status.state in {state.value for state in FINAL_STATES}:
        return status
    return replace(
        status,
        state=StreamState.STALLED.value,
        reason=f"its worker process has told nothing for {silent_s:.0f} s",
        state_age_s=silent_s,
        fps=0.0,
        newest_age_s=None if status.newest_age_s is None else status.newest_age_s + silent_s,
        pending_s=status.pending_s + silent_s,
    )


class RemoteFrame(RenderedFrame):
    """A frame of a worker process: its JPEG file came along, or is fetched."""

    def __init__(self, published: Published, fetch: Any, encode: JpegEncoder) -> None:
        super().__init__(published.result, draw=self._decoded, encode=encode, needs_drawing=True)
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

    def scaled_jpeg(self, width_px: int) -> bytes:
        """Return the drawn picture as a JPEG file of that width, made of the one that came along."""
        canvas = self.canvas()
        return self.jpeg() if width_px >= canvas.width_px else self._encode(canvas.scaled(width_px))

    def _decoded(self) -> Canvas:
        picture = decode_upright(self.jpeg())
        assert picture is not None, "a worker process sends whole pictures"
        return BgrPicture(picture).to_canvas()


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
