"""The worker of one stream behind the network: results in order, through the stages, to viewers and sinks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from itertools import groupby

from pipelines.outputs.output import Output
from pipelines.outputs.sink import Sink
from pipelines.rendering.renderer import Renderer
from pipelines.scheduling.reorder_buffer import ReorderBuffer
from pipelines.scheduling.turns import Turns
from pipelines.stages.base import FrameStage
from streamvision.core.errors import StreamVisionError
from streamvision.core.frame import Result
from streamvision.core.live import LiveChannel
from streamvision.core.redaction import redact_outside
from streamvision.core.status import OutputStatus, StageStatus
from streamvision.core.telemetry import Distribution, DropCounter, Rate, StageTimes

log = logging.getLogger(__name__)

FRAMES_BEHIND = 1
"""Frames of a stream behind the network beyond those in it; more would only get older."""
UNFINISHED = "unfinished"
"""Cause under which frames are counted on which something broke behind the network."""
MAX_FAILURES = 20
"""Most sentences about what went wrong that are kept."""


class StreamWorker:
    """Runs in a thread of its own. A fault of a sink or of an optional stage ends that one, not the stream.

    Args:
        stream_id: the stream.
        stages: what happens to each result, in this order.
        renderer: makes the pictures.
        channel: where those who watch find the newest frame.
        times: where the seconds of each stage are recorded.
        on_capacity: called when another frame of this stream may enter the network.
        requests: how many of its frames may be in the network at a time.
        drops: where frames are counted that could not be finished.
        turns: one is taken for the stages that do not wait.
    """

    def __init__(
        self,
        stream_id: str,
        *,
        stages: Sequence[FrameStage] = (),
        renderer: Renderer,
        channel: LiveChannel,
        times: StageTimes,
        on_capacity: Callable[[], None],
        requests: int = 1,
        drops: DropCounter | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.stream_id = stream_id
        self.channel = channel
        self.frames_done = 0
        self.age_s = Distribution()
        self.rate = Rate()
        self.failures: list[str] = []
        self._drops = drops or DropCounter()
        self._stages = list(stages)
        self._closing = tuple(stages)
        self._renderer = renderer
        self._sinks: list[Sink] = []
        self._outputs: list[Output] = []
        self._names = channel.names
        self._times = times
        self._on_capacity = on_capacity
        self._results: ReorderBuffer[Result] = ReorderBuffer()
        self.requests = requests
        """How many of its frames may be in the network at a time."""
        self._turns = turns or Turns()
        self._ended = False
        self._segment: int | None = None
        self._waiting_since_s: float | None = None
        self._first_done_s: float | None = None
        self._last_done_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"stream-{stream_id}", daemon=True)

    @property
    def stages(self) -> tuple[FrameStage, ...]:
        """What happens to each result, in this order; one that was switched off after a fault is not among them."""
        return tuple(self._stages)

    def put_in(self, stage: FrameStage, place: int) -> None:
        """Let a further stage work at a place among the others, from the next frame on; any thread may ask for it."""
        self._stages.insert(place, stage)
        self._closing = (stage, *self._closing)

    def start(self, sinks: Sequence[Sink]) -> None:
        """Start the thread; it closes the sinks at the end."""
        self._sinks = list(sinks)
        self._outputs = [sink for sink in sinks if isinstance(sink, Output)]
        for output in self._outputs:
            output.use_names(self._names)  # which may have grown since it was opened
        self._thread.start()

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from now on; those that there were have stayed the same."""
        if names == self._names:
            return
        self._names = self.channel.names = names
        for stage in self._closing:
            stage.use_names(names)
        for output in self._outputs:
            output.use_names(names)

    def has_capacity(self) -> bool:
        """Say whether a frame of this stream may enter the network."""
        return self._results.unfinished < self.requests + FRAMES_BEHIND

    def note_waiting(self) -> None:
        """Take note that a frame waits before the network or is in it."""
        if self._waiting_since_s is None:
            self._waiting_since_s = time.monotonic()

    def pending_s(self) -> float:
        """Return for how long a frame has been waiting without any being finished; 0 where none waits."""
        since_s = self._waiting_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def expect(self) -> int:
        """Announce that the stream's next frame enters the network; return the sequence number of its result."""
        return self._results.expect()

    def put(self, sequence: int, result: Result | None) -> None:
        """Hand over the result of that sequence number; ``None`` where there will be none."""
        self._results.put(sequence, result)
        if result is None:
            self._waiting_since_s = None
            self._on_capacity()

    def end(self) -> None:
        """Tell that no more frames will come: what waits is finished, then the sinks are closed."""
        if not self._ended:
            self._ended = True
            self._results.end()

    def idle(self) -> bool:
        """Say whether everything that was announced is done."""
        return self._results.unfinished == 0

    def output_statuses(self) -> tuple[OutputStatus, ...]:
        """Return how the outputs are doing."""
        return tuple(output.status() for output in self._outputs)

    def output_failures(self) -> list[str]:
        """Return what went wrong with the outputs, one sentence each."""
        return [failure for output in self._outputs for failure in output.failures]

    def finish(self, timeout_s: float) -> bool:
        """Finish what is waiting, close the sinks and end the thread; return whether that fitted the time."""
        if self._thread.ident is None:
            self._close()
            return True
        self.end()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def statuses(self) -> tuple[StageStatus, ...]:
        """Return how the stages are doing that have something to tell."""
        return tuple(status for stage in self._closing for status in stage.statuses())

    def mean_fps(self) -> float:
        """Return frames per second from the first finished frame to the last."""
        if self._first_done_s is None or self.frames_done < 2:
            return 0.0
        return (self.frames_done - 1) / max(self._last_done_s - self._first_done_s, 1e-9)

    def _run(self) -> None:
        while (result := self._results.get()) is not None:
            try:
                self._process(result)
            except BaseException as error:  # sys.exit() in somebody's stage must not end the thread without a word
                log.exception("stream %s, frame %d", self.stream_id, result.frame.index)
                self.note_failure(
                    f"stream {self.stream_id}: frame {result.frame.index} could not be finished: {error!r}"
                )
                self._drops.add(UNFINISHED)
            finally:
                self._waiting_since_s = None
                self._results.finish()
                self._on_capacity()
        self._close()
        self._on_capacity()

    def _close(self) -> None:
        for sink in tuple(self._sinks):
            self._guard(sink, sink.close)
        for stage in self._closing:
            with suppress(Exception):
                stage.close()

    def _process(self, result: Result) -> None:
        frame = result.frame
        if frame.segment != self._segment:
            if self._segment is not None:
                for stage in self._stages:
                    stage.reset()
            self._segment = frame.segment
        for waits, stages in groupby(tuple(self._stages), key=lambda stage: stage.waits):
            with nullcontext() if waits else self._turns.taken():
                for stage in stages:
                    begin_s = time.perf_counter()
                    self._apply(stage, result)
                    self._times.add(stage.name, time.perf_counter() - begin_s)
        rendered = self._renderer.render(result, fps=self.rate.per_second())
        begin_s = time.perf_counter()
        for sink in tuple(self._sinks):
            self._guard(sink, lambda sink=sink: sink.write(rendered))  # type: ignore[misc]
        if self._sinks:
            self._times.add("write", time.perf_counter() - begin_s)
        self.channel.publish(rendered)
        self.rate.tick()
        self.age_s.add(frame.age_s())
        self.frames_done += 1
        self._last_done_s = time.monotonic()
        self._first_done_s = self._first_done_s or self._last_done_s

    def _apply(self, stage: FrameStage, result: Result) -> None:
        try:
            stage.process(result)
        except BaseException as error:
            if not stage.optional:
                raise
            self._stages.remove(stage)
            log.exception("stream %s, frame %d: %s", self.stream_id, result.frame.index, stage.name)
            self.note_failure(
                f"stream {self.stream_id}: its {stage.name} broke on frame {result.frame.index}: {error!r}"
            )

    def _guard(self, sink: Sink, action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:
            if not isinstance(error, StreamVisionError):
                log.exception("stream %s: an output", self.stream_id)
            self._sinks.remove(sink)
            self.note_failure(str(error) if isinstance(error, StreamVisionError) else f"an output failed: {error!r}")
            with suppress(Exception):
                sink.close()

    def note_failure(self, message: str) -> None:
        """Keep a sentence about what went wrong for good."""
        message = redact_outside(message)
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(message)
        log.info("%s", message)  # the pipeline's owner reports it
