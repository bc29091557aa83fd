"""The lane of one stream behind the network: in order, track -> analyse -> draw once -> encode once -> all."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import numpy as np

from pipelines.outputs.sink import Sink
from pipelines.rendering.overlay import Overlay
from pipelines.scheduling.reorder_buffer import ReorderBuffer
from pipelines.stages.adaptive import AdaptiveInference
from pipelines.stages.adaptive.inference_plan import WHOLE, InferencePlan
from pipelines.stages.analytics import Analytics
from pipelines.stages.keypoint_smoother import KeypointSmoother
from pipelines.stages.score_smoother import ScoreSmoother
from pipelines.stages.secondary.secondary_inference import SecondaryInference
from pipelines.stages.tracking.base import Tracker
from pipelines.stages.user_code.chain import StageChain
from streamvision.core.detections import Detections
from streamvision.core.errors import StreamVisionError
from streamvision.core.frame import Frame, Result
from streamvision.core.live import LiveChannel
from streamvision.core.picture import Canvas
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import Distribution, Rate, StageTimes
from streamvision.inference.model import Prediction

T = TypeVar("T")
log = logging.getLogger(__name__)

FRAMES_BEHIND = 1
"""Frames of a stream on their way beyond those in the network: one in the lane's work; more would only get older."""


class StreamWorker:
    """Runs in a thread of its own. A fault of one output ends that output, not the stream.

    Args:
        stream_id: the stream.
        effort: who decides what the network is shown of each frame; ``None`` where it is shown all.
        tracker: who gives identities; ``None`` for nobody.
        keypoints: who smooths the keypoints of identities; ``None`` for nobody.
        classes: who steadies the classes of whole pictures; ``None`` for nobody.
        analyst: who counts and measures what they do; ``None`` for nobody.
        second: models that look at the objects; ``None`` for none.
        stages: the user's own code; ``None`` where there is none.
        overlay: what is drawn.
        encode: how a drawn picture becomes JPEG.
        channel: where those who watch find the newest frame.
        times: where the seconds of each stage are recorded.
        on_room: called when another frame of this stream may enter the network.
        requests: how many of its frames may be in the network at a time.
    """

    def __init__(
        self,
        stream_id: str,
        *,
        effort: AdaptiveInference | None = None,
        tracker: Tracker | None,
        keypoints: KeypointSmoother | None = None,
        classes: ScoreSmoother | None = None,
        analyst: Analytics | None = None,
        second: SecondaryInference | None = None,
        stages: StageChain | None = None,
        overlay: Overlay,
        encode: Callable[[Canvas], bytes],
        channel: LiveChannel,
        times: StageTimes,
        on_room: Callable[[], None],
        requests: int = 1,
    ) -> None:
        self.stream_id = stream_id
        self.channel = channel
        self.frames_done = 0
        self.age_s = Distribution()
        self.rate = Rate()
        self.identities: Counter[str] = Counter()
        self.failures: list[str] = []
        self.effort = effort
        self.analyst = analyst
        self.second = second
        self.stages = stages
        self._tracker = tracker
        self._keypoints = keypoints
        self._classes = classes
        self._analysing = analyst is not None
        self._overlay = overlay
        self._encode = encode
        self._sinks: list[Sink] = []
        self._times = times
        self._on_room = on_room
        self._inbox: ReorderBuffer[tuple[Result, InferencePlan]] = ReorderBuffer()
        self._room = requests + FRAMES_BEHIND
        self._ended = False
        self._segment: int | None = None
        self._highest_identity = -1
        self._first_done_s: float | None = None
        self._last_done_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"lane-{stream_id}", daemon=True)

    def start(self, sinks: Sequence[Sink]) -> None:
        """Start the lane's thread; it closes the sinks at the end."""
        self._sinks = list(sinks)
        self._thread.start()

    def has_room(self) -> bool:
        """Say whether a frame of this stream may enter the network."""
        return self._inbox.unfinished < self._room

    def expect(self) -> int:
        """Announce that the stream's next frame enters the network; return the turn that its result has."""
        return self._inbox.expect()

    def put(self, turn: int, result: Result | None, look: InferencePlan = WHOLE) -> None:
        """Hand over what the network found on the frame of that turn, and what it was shown of it.

        ``None`` where the frame is gone.
        """
        self._inbox.put(turn, None if result is None else (result, look))
        if result is None:
            self._on_room()

    def end(self) -> None:
        """Tell that no more frames will come: what waits is worked off, then the outputs are closed."""
        if not self._ended:
            self._ended = True
            self._inbox.end()

    def idle(self) -> bool:
        """Say whether everything that was announced has gone the whole way."""
        return self._inbox.unfinished == 0

    def finish(self, timeout_s: float) -> bool:
        """Work off what is waiting, close the outputs and end the thread; return whether that fitted the time."""
        if self._thread.ident is None:
            return True
        self.end()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def mean_fps(self) -> float:
        """Return frames per second from the first finished frame to the last."""
        if self._first_done_s is None or self.frames_done < 2:
            return 0.0
        return (self.frames_done - 1) / max(self._last_done_s - self._first_done_s, 1e-9)

    def _run(self) -> None:
        while (arrived := self._inbox.get()) is not None:
            result, look = arrived
            try:
                self._advance(result, look)
            except Exception as error:
                log.exception("stream %s, frame %d", self.stream_id, result.frame.index)
                self._fail(f"stream {self.stream_id}: frame {result.frame.index} could not be finished: {error!r}")
            finally:
                self._inbox.finish()
                self._on_room()
        for sink in tuple(self._sinks):
            self._guard(sink, sink.close)
        if self.stages is not None:
            self.stages.close()
        self._on_room()

    def _advance(self, result: Result, look: InferencePlan) -> None:
        frame = result.frame
        new_segment = self._segment is not None and frame.segment != self._segment
        self._segment = frame.segment
        if self.effort is not None:
            found = Prediction(result.detections, result.whole) if look.uses_network else None
            known = self.effort.complete(look, found, new_segment=new_segment)
            result = replace(result, detections=known.detections, whole=known.whole)
        with self._times.measure("track"):
            detections = self._track(frame, result.detections, look, new_segment=new_segment)
            if self.effort is not None:
                detections = self.effort.follow(look, Prediction(detections, result.whole), self._tracker, frame)
            result = self._steadied(replace(result, detections=detections))
        self._count(detections)
        result = self._analyse(result)
        if self.second is not None:
            with self._times.measure("second"):
                result = self.second.apply(result)
        if self.stages is not None:
            with self._times.measure("stages"):
                result = self.stages.apply(result)
        scene = self._overlay.plan(result, fps=self.rate.per_second())
        annotated = RenderedFrame(
            result,
            draw=lambda: self._timed("draw", scene.draw),
            encode=lambda canvas: self._timed("encode", lambda: self._encode(canvas)),
        )
        with self._times.measure("write"):
            for sink in tuple(self._sinks):
                self._guard(sink, lambda sink=sink: sink.write(annotated))  # type: ignore[misc]
        self.channel.publish(annotated)
        self.rate.tick()
        self.age_s.add(frame.age_s())
        self.frames_done += 1
        self._last_done_s = time.monotonic()
        self._first_done_s = self._first_done_s or self._last_done_s

    def _track(self, frame: Frame, detections: Detections, look: InferencePlan, *, new_segment: bool) -> Detections:
        if new_segment:
            for one in (self._tracker, self._keypoints, self._classes):
                if one is not None:
                    one.reset()
        if self._tracker is None:
            return detections
        if look.kind == "carried":
            picture_px = frame.picture.width_px, frame.picture.height_px
            return self._tracker.carry(pts_s=frame.pts_s, picture_px=picture_px)
        return self._tracker.update(detections, pts_s=frame.pts_s, picture=frame.picture)

    def _steadied(self, result: Result) -> Result:
        """Return the result with keypoints and classes that do not tremble."""
        frame, detections, whole = result.frame, result.detections, result.whole
        if self._keypoints is not None:
            detections = self._keypoints.update(detections, pts_s=frame.pts_s)
        if self._classes is not None and whole is not None:
            whole = self._classes.update(whole, pts_s=frame.pts_s)
        return replace(result, detections=detections, whole=whole)

    def _analyse(self, result: Result) -> Result:
        """Add what the analytics say; a fault of theirs ends them, not the stream."""
        if self.analyst is None or not self._analysing:
            return result
        try:
            with self._times.measure("analyse"):
                return replace(result, analysis=self.analyst.update(result))
        except Exception as error:
            self._analysing = False
            log.exception("stream %s, frame %d: analytics", self.stream_id, result.frame.index)
            self._fail(f"stream {self.stream_id}: its analytics broke on frame {result.frame.index}: {error!r}")
            return result

    def _count(self, detections: Detections) -> None:
        if detections.track_id is None:
            return
        identity = detections.track_id.filled(-1)
        new = identity > self._highest_identity
        if new.any():
            self.identities.update(detections[new].count_by_name(self.channel.names))
            self._highest_identity = int(np.max(identity))

    def _timed(self, stage: str, work: Callable[[], T]) -> T:
        with self._times.measure(stage):
            return work()

    def _guard(self, sink: Sink, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            if not isinstance(error, StreamVisionError):
                log.exception("stream %s: an output", self.stream_id)
            self._sinks.remove(sink)
            self._fail(str(error) if isinstance(error, StreamVisionError) else f"an output failed: {error!r}")
            with suppress(Exception):
                sink.close()

    def _fail(self, message: str) -> None:
        if len(self.failures) < 20:
            self.failures.append(message)
        log.info("%s", message)  # the pipeline's owner reports it
