"""One stream of a running pipeline: its capture before the network and its worker behind it."""

from __future__ import annotations

import logging
import threading

from pipelines.capture.source import SourceSpec
from pipelines.capture.stream import StreamCapture
from pipelines.stages.adaptive import AdaptiveInference
from pipelines.stages.analytics import Analytics
from pipelines.stages.tracking.stage import Tracking
from pipelines.stream_worker import StreamWorker
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import FINAL_STATES, StreamState

log = logging.getLogger(__name__)


class Stream:
    """What the engine and the batcher know of a stream.

    Args:
        spec: where its frames come from.
        capture: decodes them.
        worker: what happens to them behind the network.
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
        adaptive: AdaptiveInference | None = None,
        tracking: Tracking | None = None,
        analytics: Analytics | None = None,
    ) -> None:
        self.spec = spec
        self.capture = capture
        self.worker = worker
        self.analytics = analytics
        self._adaptive = adaptive
        self._tracking = tracking
        self._taking = threading.Lock()

    def ready(self) -> bool:
        """Say whether a frame waits and the worker can take it."""
        return len(self.capture.buffer) > 0 and self.worker.has_capacity()

    def take(self) -> Result | None:
        """Take the waiting frame, as a result that the network has yet to fill in."""
        with self._taking:
            if not self.ready():
                return None  # another thread was faster
            # Before the buffer is emptied, so that the stream never looks drained in between.
            sequence = self.worker.expect()
            self.worker.note_waiting()
            frame = self.capture.buffer.get(0)
            if frame is not None:
                return Result(frame, Detections.empty(), plan=self._plan(frame), sequence=sequence)
        self.worker.put(sequence, None)
        return None

    def _plan(self, frame: Frame) -> InferencePlan:
        if self._adaptive is None:
            return FULL
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
            reason=reason,
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
            analytics=self.analytics.report() if self.analytics else {},
            adaptive=self._adaptive.status() if self._adaptive else None,
            stages=worker.statuses(),
            outputs=worker.output_statuses(),
            pending_s=round(worker.pending_s(), 3),
        )
