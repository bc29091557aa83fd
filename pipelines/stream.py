"""One stream of a running pipeline: its capture before the network and its lane behind it."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.capture.source import SourceSpec
from pipelines.capture.stream import StreamCapture
from pipelines.stages.adaptive.inference_plan import WHOLE, InferencePlan
from pipelines.stream_worker import StreamWorker
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import FINAL_STATES, StreamState
from streamvision.inference.model import Prediction


@dataclass(frozen=True, eq=False)
class Pending:
    """A frame on its way through the network; its lane waits for one of :meth:`deliver` and :meth:`give_up`."""

    frame: Frame
    """The frame."""
    lane: StreamWorker
    """Where the result goes."""
    turn: int
    """The place of the result among those of its stream."""
    look: InferencePlan = WHOLE
    """What the network is shown of it."""

    def deliver(self, found: Prediction) -> None:
        """Hand over what was found on the frame."""
        self.lane.put(self.turn, Result(self.frame, found.detections, found.whole), self.look)

    def deliver_unseen(self) -> None:
        """Hand over a frame that the network is not shown."""
        self.lane.put(self.turn, Result(self.frame, Detections.empty()), self.look)

    def give_up(self) -> None:
        """Tell that there will be no result."""
        self.lane.put(self.turn, None)


class Stream:
    """What the engine and the batcher know of a stream."""

    def __init__(self, spec: SourceSpec, capture: StreamCapture, lane: StreamWorker) -> None:
        self.spec = spec
        self.capture = capture
        self.lane = lane

    def ready(self) -> bool:
        """Say whether a frame waits and the lane has room for it."""
        return self.capture.slot.has_frame() and self.lane.has_room()

    def take(self) -> Pending | None:
        """Take the waiting frame."""
        turn = self.lane.expect()  # before the slot is emptied, so that the stream never looks drained in between
        if (frame := self.capture.slot.take(0)) is not None:
            return Pending(frame, self.lane, turn, self.lane.effort.decide(frame) if self.lane.effort else WHOLE)
        self.lane.put(turn, None)
        return None

    def active(self) -> bool:
        """Say whether a frame may come soon."""
        return self.capture.state.state is StreamState.LIVE and self.lane.has_room()

    def drained(self) -> bool:
        """Say whether no frame is left anywhere and none will come."""
        return self.capture.finished and self.lane.idle()

    def failures(self) -> list[str]:
        """Return what went wrong for good, one sentence each."""
        lost = [self.capture.failure] if self.capture.failure else []
        return lost + self.lane.failures

    def status(self) -> StreamStatus:
        """Return how the stream is doing now."""
        capture, lane = self.capture, self.lane
        state, reason, state_age_s = capture.state.snapshot()
        latest = lane.channel.latest
        frame = latest.annotated.result.frame if latest else None
        fps = lane.mean_fps() if state in FINAL_STATES else lane.rate.per_second()
        return StreamStatus(
            id=lane.stream_id,
            source=self.spec.safe_uri,
            state=state.value,
            reason=reason,
            state_age_s=round(state_age_s, 3),
            live=self.spec.live,
            frames_in=capture.frames_in,
            frames_done=lane.frames_done,
            frames_expected=capture.expected_frames,
            drops=capture.drops.by_cause(),
            fps=round(fps, 2),
            age_s=lane.age_s.quantiles(),
            newest_age_s=round(frame.age_s(), 3) if frame else None,
            width_px=frame.picture.width_px if frame else None,
            height_px=frame.picture.height_px if frame else None,
            reconnects=capture.reconnects,
            objects=latest.annotated.result.detections.count_by_name(lane.channel.names) if latest else {},
            identities=dict(lane.identities),
            viewers=lane.channel.viewers,
            analytics=lane.analyst.report() if lane.analyst else {},
            effort=lane.effort.status() if lane.effort else None,
            stages=(
                *(lane.second.statuses() if lane.second else ()),
                *(lane.stages.statuses() if lane.stages else ()),
            ),
        )
