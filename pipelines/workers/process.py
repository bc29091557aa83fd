"""One worker process: runs some of the streams, and tells the process that started it how they are doing.

Its first argument is a socket of that process, over which pickled messages go both ways. Pictures never do: what
crosses are results, and JPEG files of the streams that somebody watches.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from pipelines.engine import Pipeline
from streamvision.core.config.app import AppConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.frame import Result
from streamvision.core.heap import limit_arenas
from streamvision.core.live import LiveChannel
from streamvision.core.logs import LogSettings, configure, log_settings, report_crashes
from streamvision.core.picture import Picture
from streamvision.core.redaction import known_secrets, remember_secrets
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution

log = logging.getLogger(__name__)

REPORT_S = 0.1
"""How often the state of the streams is told."""


class PictureSize(NamedTuple):
    """What crosses in place of a picture."""

    width_px: int
    """Width."""
    height_px: int
    """Height."""


@dataclass(frozen=True)
class Order:
    """What a worker process is to do."""

    config: AppConfig
    """Its streams, and everything else that is set."""
    stream_ids: tuple[str, ...]
    """All streams of the run, by which files are named."""
    cores: frozenset[int] = frozenset()
    """The cores to run on; all where none are named."""
    logs: LogSettings = field(default_factory=log_settings)
    """What it logs."""
    secrets: tuple[str, ...] = field(default_factory=known_secrets, repr=False)
    """What must not be shown."""


@dataclass(frozen=True)
class Ready:
    """The model is open and the outputs can be written."""

    names: tuple[str, ...]
    """Class names by class id."""
    model: str
    """The model in words."""
    analytics: dict[str, Any]
    """By stream, what is counted and measured."""
    statuses: list[StreamStatus]
    """Each stream, not yet started."""
    notes: tuple[str, ...] = ()
    """What had to be assumed of the model, a sentence each."""


@dataclass(frozen=True)
class Report:
    """How the streams are doing."""

    statuses: list[StreamStatus]
    """Each stream."""
    failures: list[str]
    """What went wrong for good, one sentence each."""
    over: bool
    """Whether all have ended."""
    stage_times: dict[str, Distribution] | None = None
    """Seconds spent in each stage; in the last report only."""
    pictures_without_numbers: int = 0
    """On how many pictures nothing was found and the model's outputs were no numbers."""


@dataclass(frozen=True, eq=False)
class Published:
    """A finished frame, for those who watch."""

    result: Result
    """The result, with a :class:`PictureSize` for its picture."""
    jpeg: bytes | None
    """The drawn picture; ``None`` where nobody watches."""


@dataclass(frozen=True)
class Watch:
    """How many watch a stream."""

    stream_id: str
    """The stream."""
    viewers: int
    """How many."""


@dataclass(frozen=True)
class Call:
    """A question that is answered by a :class:`Reply`."""

    number: int
    """Number of the question."""
    stream_id: str
    """The stream that is asked for."""
    method: str
    """``stage_times``, ``ages``, ``jpeg`` of the newest frame, or a method of the stream's analytics."""
    arguments: tuple[Any, ...] = ()
    """Arguments of the method."""


@dataclass(frozen=True)
class Reply:
    """The answer to a :class:`Call`."""

    number: int
    """Number of the question."""
    value: Any = None
    """The answer."""
    error: StreamVisionError | None = None
    """Why there is none."""


@dataclass(frozen=True)
class Start:
    """Open the outputs and begin."""


@dataclass(frozen=True)
class Started:
    """The outputs are open and the streams run."""


@dataclass(frozen=True)
class Stop:
    """End all streams and finish the outputs."""

    timeout_s: float
    """Within so many seconds."""


class Worker:
    """Serves one connection until its streams are over and it is told to stop, or the other side is gone."""

    def __init__(self, connection: Connection, order: Order) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._pipeline = Pipeline(order.config, stream_ids=order.stream_ids)
        view = self._pipeline.view
        self._serves = order.config.serve is not None
        self._published: dict[str, LiveChannel] = {}
        self._changed = threading.Event()
        self._stopped = False
        analytics = {name: control.config for name, control in view.analytics.items()}
        self._send(
            Ready(self._pipeline.names, view.model, analytics, self._pipeline.statuses(), self._pipeline.notes())
        )

    def run(self) -> None:
        """Run the streams, once that is asked for.

        Raises:
            StreamVisionError: when an output cannot be opened.
        """
        if not isinstance(self._connection.recv(), Start):
            self._pipeline.stop(0.0)
            return
        try:
            self._pipeline.start()
            self._send(Started())
            self._serve()
        finally:
            self._pipeline.stop()
        self._send(replace(self._report(), over=True, stage_times=self._pipeline.times.distributions()))

    def _serve(self) -> None:
        if self._serves:
            for channel in self._pipeline.view.channels.values():
                channel.add_listener(self._note)
            threading.Thread(target=self._forward, name="forward", daemon=True).start()
        report_at_s = 0.0
        while not self._stopped:
            if self._connection.poll(max(report_at_s - time.monotonic(), 0.0)):
                self._receive(self._connection.recv())
            if time.monotonic() >= report_at_s:
                self._send(self._report())
                report_at_s = time.monotonic() + REPORT_S

    def _report(self) -> Report:
        pipeline = self._pipeline
        return Report(
            pipeline.statuses(),
            pipeline.failures(),
            pipeline.wait(0),
            pictures_without_numbers=pipeline.pictures_without_numbers,
        )

    def _receive(self, message: Any) -> None:
        if isinstance(message, Stop):
            self._pipeline.stop(message.timeout_s)
            self._stopped = True
        elif isinstance(message, Watch):
            channel = self._pipeline.view.channels[message.stream_id]
            while channel.viewers < message.viewers:
                channel.add_viewer()
            while channel.viewers > message.viewers:
                channel.remove_viewer()
        elif isinstance(message, Call):
            self._send(self._answer(message))

    def _answer(self, call: Call) -> Reply:
        view = self._pipeline.view
        try:
            if call.method == "stage_times":
                return Reply(call.number, self._pipeline.times.distributions())
            if call.method == "ages":
                return Reply(call.number, self._pipeline.ages())
            if call.method == "jpeg":
                newest = view.channels[call.stream_id].latest
                return Reply(call.number, None if newest is None else newest.jpeg())
            return Reply(call.number, getattr(view.analytics[call.stream_id], call.method)(*call.arguments))
        except StreamVisionError as error:
            return Reply(call.number, error=error)
        except Exception as error:
            log.exception("stream %s: %s", call.stream_id, call.method)
            return Reply(call.number, error=StreamVisionError(f"{call.method} failed: {error!r}"))

    def _note(self, channel: LiveChannel) -> None:
        """Note that a channel has a new frame; a stream's worker calls, so it only leaves a mark."""
        self._published[channel.stream_id] = channel
        self._changed.set()

    def _forward(self) -> None:
        """Send the newest frame of each channel that has one; what is sent more slowly than it comes is passed over."""
        while True:
            self._changed.wait()
            self._changed.clear()
            while self._published:
                _, channel = self._published.popitem()
                try:
                    self._publish(channel)
                except OSError:
                    return  # the other side is gone
                except Exception:  # of one frame; the pictures of all others go on
                    log.exception("stream %s: a frame could not be published", channel.stream_id)

    def _publish(self, channel: LiveChannel) -> None:
        newest = channel.latest
        if newest is not None:
            self._send(Published(without_picture(newest.result), newest.jpeg() if channel.viewers else None))

    def _send(self, message: Any) -> None:
        with self._sending:
            self._connection.send(message)


def without_picture(result: Result) -> Result:
    """Return a result whose picture stays where it is: a :class:`PictureSize` is in its place."""
    picture: Picture = result.frame.picture
    size: Any = PictureSize(picture.width_px, picture.height_px)
    image_result = result.image_result
    if image_result is not None and image_result.picture is not None:
        image_result = replace(image_result, picture=None)
    return replace(result, frame=replace(result.frame, picture=size), image_result=image_result)


def main() -> None:
    """Run what the first message orders."""
    connection = Connection(int(sys.argv[1]))
    try:
        order = connection.recv()
        configure(order.logs)
        report_crashes()
        limit_arenas()
        remember_secrets(order.secrets)
        if order.cores:
            os.sched_setaffinity(0, order.cores)
        Worker(connection, order).run()
    except StreamVisionError as error:
        connection.send(error)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # whoever started this process is gone, and with it everybody who would want its results
