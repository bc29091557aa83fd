"""One stream of a running pipeline: its capture before the network and its worker behind it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipelines.capture.source import SourceSpec
from pipelines.capture.stream import StreamCapture
from pipelines.outputs.sink import Sink
from pipelines.stages.adaptive import AdaptiveInference
from pipelines.stages.analytics import Analytics
from pipelines.stages.tracking.stage import Tracking
from pipelines.stream_settings import StreamSettings
from pipelines.stream_worker import StreamWorker
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.inference_plan import FULL, OFF, InferencePlan
from streamvision.core.live import LiveChannel
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import FINAL_STATES, StreamState

if TYPE_CHECKING:
    from pipelines.model_group import ModelGroup

log = logging.getLogger(__name__)

POLL_S = 0.01


class Taken(NamedTuple):
    """A frame on its way through the network, and whose it is: a stream may leave, and another come by its name."""

    stream: Stream
    """The stream."""
    result: Result
    """The frame, and what the network finds on it."""


class Stream:
    """What the engine and the batcher know of a stream.

    Args:
        spec: where its frames come from.
        capture: decodes them.
        worker: what happens to them behind the network.
        settings: what is set for it.
        group: the streams of its model.
        adaptive: decides what the network is shown of each frame; ``None`` where it is shown all.
        tracking: the stage that counts identities; ``None`` without a tracker.
        analytics: what counts and measures; ``None`` without.
    """

    def __init__(
        self,
        spec: SourceSpec,
        capture: StreamCapture,
        worker: StreamWorker,
        *,
        settings: StreamSettings,
        group: ModelGroup,
        adaptive: AdaptiveInference | None = None,
        tracking: Tracking | None = None,
        analytics: Analytics | None = None,
    ) -> None:
        self.spec = spec
        self.capture = capture
        self.worker = worker
        self.settings = settings
        self.group = group
        self.analytics = analytics
        self._adaptive = adaptive
        self._tracking = tracking
        self._taking = threading.Lock()

    @property
    def id(self) -> str:
        """Its name among all streams."""
        return self.worker.stream_id

    @property
    def config(self) -> StreamConfig:
        """What is set for it."""
        return self.settings.config

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of what is found on its frames, by class id."""
        return self.settings.own_names or self.group.models.names

    @property
    def safe_source(self) -> str:
        """Where its frames come from, without secrets."""
        return self.spec.safe_uri

    @property
    def model_config(self) -> ModelConfig:
        """The model that its frames go through now, and what counts as found."""
        return self.settings.run.model

    @property
    def channel(self) -> LiveChannel:
        """Where those who watch find its frames."""
        return self.worker.channel

    def start(self, sinks: Sequence[Sink]) -> None:
        """Begin; it closes the sinks at the end."""
        self.worker.start(sinks)
        self.capture.start()

    def ready(self) -> bool:
        """Say whether a frame waits and the worker can take it."""
        return len(self.capture.buffer) > 0 and self.worker.has_capacity()

    def note_frame(self) -> None:
        """Take note that its capture has left a frame, or has ended."""
        if len(self.capture.buffer):
            self.worker.note_waiting()
        self.group.batcher.notify(self)

    def take(self) -> Taken | None:
        """Take the waiting frame, with a result that the network has yet to fill in."""
        with self._taking:
            if not self.ready():
                return None  # another thread was faster
            # Before the buffer is emptied, so that the stream never looks drained in between.
            sequence = self.worker.expect()
            self.worker.note_waiting()
            frame = self.capture.buffer.get(0)
            if frame is not None:
                return Taken(self, Result(frame, Detections.empty(), plan=self._plan(frame), sequence=sequence))
        self.worker.put(sequence, None)
        return None

    def _plan(self, frame: Frame) -> InferencePlan:
        if not self.config.detect:
            return OFF
        tiling = self.settings.tiling
        if self._adaptive is None:
            return FULL if tiling is None else tiling.plan_of(frame.picture.width_px, frame.picture.height_px)
        try:
            return self._adaptive.plan(frame)
        except Exception:  # of this stream alone; the network sees all of the frame then
            log.exception("stream %s, frame %d: no inference plan", frame.stream_id, frame.index)
            return FULL

    def active(self) -> bool:
        """Say whether a frame may come soon."""
        return self.capture.state.state is StreamState.LIVE and self.worker.has_capacity()

    def drained(self) -> bool:
        """Say whether no frame is left anywhere and none will come."""
        return self.capture.finished and self.worker.idle()

    def give_up(self, reason: str) -> None:
        """End the stream for a fault that lies elsewhere, in words; what is behind the network is finished."""
        self.capture.give_up(reason)
        self.worker.end()

    def stop(self, timeout_s: float) -> None:
        """End the stream and finish its outputs, in every state, within about ``timeout_s``.

        What has not ended by then, such as a connection attempt that hangs, is left to its own timeouts; nothing that
        it brings is taken any more.
        """
        deadline_s = time.monotonic() + timeout_s
        self.capture.request_stop()
        while not self.worker.idle() and time.monotonic() < deadline_s - timeout_s / 2:
            time.sleep(POLL_S)  # what is in the network, or behind it
        self.finish_outputs(deadline_s)
        self.capture.join(max(deadline_s - time.monotonic(), 0.0))

    def finish_outputs(self, deadline_s: float) -> None:
        """Finish what is behind the network until a moment of the monotonic clock, and note where that is too short."""
        if not self.worker.finish(max(deadline_s - time.monotonic(), 0.0)):
            self.worker.note_failure(
                f"stream {self.worker.stream_id}: its outputs did not finish in time; their ends may be missing"
            )

    def _model_fault(self, state: StreamState) -> str:
        """Return why no frame gets through though the source is well; empty where all is."""
        return "" if state in FINAL_STATES else self.group.away or ""

    def failures(self) -> list[str]:
        """Return what went wrong for good, one sentence each."""
        lost = [self.capture.failure] if self.capture.failure else []
        return lost + self.worker.failures + self.worker.output_failures()

    def status(self) -> StreamStatus:
        """Return how the stream is doing now."""
        capture, worker = self.capture, self.worker
        state, reason, state_age_s = capture.state.snapshot()
        done, drops = worker.frames_done, capture.drops.by_cause()  # before those that came: a frame is in one of them
        latest = worker.channel.latest
        frame = latest.result.frame if latest else None
        fps = worker.mean_fps() if state in FINAL_STATES else worker.rate.per_second()
        return StreamStatus(
            id=worker.stream_id,
            source=self.spec.safe_uri,
            state=state.value,
            reason=reason or self._model_fault(state),
            state_age_s=round(state_age_s, 3),
            live=self.spec.live,
            frames_in=capture.frames_in,
            frames_done=done,
            frames_expected=capture.expected_frames,
            drops=drops,
            fps=round(fps, 2),
            age_s=worker.age_s.quantiles(),
            newest_age_s=round(frame.age_s(), 3) if frame else None,
            width_px=frame.picture.width_px if frame else None,
            height_px=frame.picture.height_px if frame else None,
            reconnects=capture.reconnects,
            objects=latest.result.detections.count_by_name(worker.channel.names) if latest else {},
            identities=dict(self._tracking.identities) if self._tracking else {},
            viewers=worker.channel.viewers,
            analytics={**self.analytics.report(), "event_counts": self.analytics.event_counts()}
            if self.analytics
            else {},
            adaptive=self._adaptive.status() if self._adaptive else None,
            stages=worker.statuses(),
            outputs=worker.output_statuses(),
            pending_s=round(worker.pending_s(), 3),
            name=self.config.name or worker.stream_id,
            task=self.settings.task,
        )
