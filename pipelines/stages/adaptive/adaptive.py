"""How much of each frame of one stream the network is shown, and what is known of the rest."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from pipelines.stages.adaptive.budget import Budget
from pipelines.stages.adaptive.expectation import NOTHING, Expected
from pipelines.stages.adaptive.memory import Memory
from pipelines.stages.adaptive.motion import Cells, MotionGrid, box_of
from pipelines.stages.adaptive.partial import can_infer_parts, plan_around, share_of
from pipelines.stages.adaptive.tiles import plan_tiles, regions_of
from pipelines.stages.base import FrameStage, StageContext
from pipelines.stages.tracking import Tracker
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.inference_plan import FULL, PLAN_KINDS, PREDICTED, SKIPPED, InferencePlan, PlanKind
from streamvision.core.status import AdaptiveStatus
from streamvision.inference.model import Prediction
from streamvision.inference.model_card import OBJECT_TASKS, ModelCard
from streamvision.inference.slicing.tiles import Tiling

SETTLE_S = 0.6
"""For how long after the last motion, in stream time, the network is shown objects that came, went, or have no identity
yet. The tracker confirms unsure ones after half a second."""

AHEAD_S = 0.1
"""How far ahead the tracker is asked for the motion of objects."""


class AdaptiveInference:
    """The plan of each frame of one stream: a gate before the network, and two stages behind it that it learns from.

    Args:
        card: the model's card; what it says of the whole picture cannot be had from parts.
        tiling: what cuts pictures into tiles; ``None`` where they are shown whole.
        refresh_s: how often the network is shown the full frame in any case, in stream time.
        sure_score: from this score on an object that comes or goes is shown to the network again.
        tracker: the stream's tracker, which predicts where objects are; ``None`` without any.
        budget: what live streams share; ``None`` where every change may be shown.
        dropped: says how many frames of the stream were lost to newer ones.
    """

    def __init__(
        self,
        card: ModelCard,
        *,
        tiling: Tiling | None = None,
        refresh_s: float,
        sure_score: float,
        tracker: Tracker | None = None,
        budget: Budget | None = None,
        dropped: Callable[[], int] = lambda: 0,
    ) -> None:
        self.use_card(card, tiling)
        self._refresh_s = refresh_s
        self._tracker = tracker
        self._budget = budget
        self._dropped = dropped
        # The gate runs in a thread of the network, the stages in the stream's own: this lock is between them.
        self._lock = threading.Lock()
        self._motion = MotionGrid()
        self._memory = Memory(sure_score=sure_score)
        self._segment: int | None = None
        self._expected = NOTHING
        self._refreshed_at_s = 0.0
        self._inferred_at_s = 0.0
        self._settle_until_s = 0.0
        self._dropped_before = 0
        self._counts: Counter[PlanKind] = Counter()
        self._cost_sum = 0.0

    def plan(self, frame: Frame) -> InferencePlan:
        """Return what the network is shown of the stream's next frame; frames come in their order."""
        new_segment = frame.segment != self._segment
        if new_segment:
            self._segment = frame.segment
            self._motion.reset()
        due = new_segment or abs(frame.pts_s - self._refreshed_at_s) >= self._refresh_s
        cells = self._motion.changed(frame.picture)
        with self._lock:
            plan = self._full(frame) if due else self._needed(frame, cells)
            if plan.uses_network and not self._granted(plan, frame, cells, due=due):
                plan = PREDICTED
            if plan.uses_network:
                self._inferred_at_s = frame.pts_s
                for window in plan.tiles if plan.kind == "partial" and plan.tiles else (plan.window,):
                    self._motion.accept(frame.picture, window)
            if plan.kind == "full":
                self._refreshed_at_s = frame.pts_s
                self._settle_until_s = frame.pts_s + SETTLE_S
            self._counts[plan.kind] += 1
            self._cost_sum += self._cost(plan, frame)
            return plan

    def complete(self, result: Result) -> None:
        """Add to a result, before the tracker, what is known of the part that the network was not shown."""
        if result.plan.kind == "off":
            with self._lock:
                self._memory.reset()
                self._segment = None  # so that the network is shown all of the first frame when it is on again
            return
        found = Prediction(result.detections, result.image_result) if result.plan.uses_network else None
        with self._lock:
            known = self._memory.update(result.plan, found)
        result.detections, result.image_result = known.detections, known.image_result

    def learn(self, result: Result) -> None:
        """Remember, behind the tracker, what it made of a result; add the unconfirmed objects that it was not shown."""
        with self._lock:
            if result.plan.kind == "predicted":
                result.detections = self._memory.with_unconfirmed(_with_identity(result.detections))
                return
            if result.plan.uses_network and self._tracker is not None:
                frame = result.frame
                picture_px = frame.picture.width_px, frame.picture.height_px
                ahead = self._tracker.predict(pts_s=frame.pts_s + AHEAD_S, picture_px=picture_px)
                self._expected = Expected.of(result.detections, ahead, at_s=frame.pts_s, ahead_s=AHEAD_S)
            result.detections = self._memory.keep(result.detections, result.image_result)

    def reset(self) -> None:
        """Forget what was known of earlier pictures, as after a reconnect."""
        with self._lock:
            self._memory.reset()

    def set_sure_score(self, score: float) -> None:
        """Show objects of this score on to the network again when they come or go, from the next frame on."""
        with self._lock:
            self._memory.sure_score = score

    def use_card(self, card: ModelCard, tiling: Tiling | None) -> None:
        """Plan for this model, and what cuts pictures for it, from the next frame on."""
        self._tiling = tiling
        self._input = card.input
        self._by_parts = card.task in OBJECT_TASKS and can_infer_parts(card.input)

    def status(self) -> AdaptiveStatus:
        """Return the plans so far."""
        with self._lock:
            frames = sum(self._counts.values())
            return AdaptiveStatus(
                plans={kind: self._counts[kind] for kind in PLAN_KINDS},
                share=round(self._cost_sum / frames, 4) if frames else 0.0,
            )

    def _full(self, frame: Frame) -> InferencePlan:
        tiling = self._tiling
        return FULL if tiling is None else tiling.plan_of(frame.picture.width_px, frame.picture.height_px)

    def _needed(self, frame: Frame, cells: Cells) -> InferencePlan:
        picture_px = frame.picture.width_px, frame.picture.height_px
        changed = box_of(cells, picture_px=picture_px)
        unsettled = self._memory.unsettled
        if changed is None:
            if frame.pts_s > self._settle_until_s or not len(unsettled):
                return SKIPPED
            changed = np.concatenate([unsettled[:, :2].min(axis=0), unsettled[:, 2:].max(axis=0)]).astype(np.float64)
        else:
            self._settle_until_s = frame.pts_s + SETTLE_S
            if self._expected.explains(cells, picture_px=picture_px, now_s=frame.pts_s, inferred_s=self._inferred_at_s):
                return PREDICTED
        full = self._full(frame)
        if full.tiles:
            regions = regions_of(cells, self._memory.boxes, picture_px=picture_px) if cells.any() else unsettled
            return plan_tiles(regions, full)
        if not self._by_parts:
            return FULL
        return plan_around(changed, self._memory.boxes, picture_px=picture_px, card=self._input)

    def _granted(self, plan: InferencePlan, frame: Frame, cells: Cells, *, due: bool) -> bool:
        if self._budget is None:
            return True
        dropped = self._dropped()
        behind, self._dropped_before = dropped > self._dropped_before, dropped
        return self._budget.grant(
            changed=float(cells.mean()), cost=self._cost(plan, frame), now_s=time.monotonic(), behind=behind, due=due
        )

    def _cost(self, plan: InferencePlan, frame: Frame) -> float:
        if plan.tiles:
            return len(plan.windows) / len(self._full(frame).windows)
        return share_of(plan, picture_px=(frame.picture.width_px, frame.picture.height_px), card=self._input)


class CompletePrediction(FrameStage):
    """Before the tracker: adds what is known of the part that the network was not shown."""

    name = "adaptive"
    waits = False

    def __init__(self, adaptive: AdaptiveInference) -> None:
        self._adaptive = adaptive

    def process(self, result: Result) -> None:
        """Complete the result."""
        self._adaptive.complete(result)

    def reset(self) -> None:
        """Forget earlier pictures."""
        self._adaptive.reset()


class LearnMotion(FrameStage):
    """Behind the tracker: learns what the next plans can rely on."""

    name = "adaptive"
    waits = False

    def __init__(self, adaptive: AdaptiveInference) -> None:
        self._adaptive = adaptive

    def process(self, result: Result) -> None:
        """Learn from the result."""
        self._adaptive.learn(result)


def complete(context: StageContext) -> CompletePrediction | None:
    """Return the stage before the tracker; ``None`` where the network is shown every frame."""
    return CompletePrediction(context.adaptive) if context.adaptive is not None else None


def learn(context: StageContext) -> LearnMotion | None:
    """Return the stage behind the tracker; ``None`` where the network is shown every frame."""
    return LearnMotion(context.adaptive) if context.adaptive is not None else None


def _with_identity(detections: Detections) -> Detections:
    if detections.track_id is None:
        return detections
    return detections[np.flatnonzero(~np.ma.getmaskarray(detections.track_id))]
