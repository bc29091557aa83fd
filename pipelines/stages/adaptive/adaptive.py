"""How much of each frame of one stream the network is shown, and what is known of the rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from pipelines.stages.adaptive.budget import Budget
from pipelines.stages.adaptive.expectation import NOTHING, Expected
from pipelines.stages.adaptive.inference_plan import CARRIED, PLAN_KINDS, STILL, WHOLE, InferencePlan, PlanKind
from pipelines.stages.adaptive.memory import Memory
from pipelines.stages.adaptive.motion import Cells, MotionGrid, box_of
from pipelines.stages.adaptive.region import can_look_at_parts, plan_around, share_of
from pipelines.stages.tracking.base import Tracker
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame
from streamvision.core.status import AdaptiveStatus
from streamvision.inference.model import Prediction
from streamvision.inference.model_card import ModelCard

SETTLE_S = 0.6
"""For how long after the last motion, in stream time, objects are looked at that came, went, or have no identity yet.
The tracker confirms unsure ones after half a second."""

AHEAD_S = 0.1
"""How far ahead the tracker is asked for the way that objects go."""

OBJECT_TASKS = ("detect", "segment", "pose", "obb")


class AdaptiveInference:
    """The effort of one stream: :meth:`decide` before the network, :meth:`complete` behind it.

    Args:
        card: the model's card; what it says of the whole picture cannot be had from parts.
        refresh_s: how often the whole frame is looked at in any case, in stream time.
        sure_score: from this score on an object that comes or goes is looked at again.
        budget: what live streams share; ``None`` where every change may be looked at.
        dropped: says how many frames of the stream were lost to newer ones.
    """

    def __init__(
        self,
        card: ModelCard,
        *,
        refresh_s: float,
        sure_score: float,
        budget: Budget | None = None,
        dropped: Callable[[], int] = lambda: 0,
    ) -> None:
        self._input = card.input
        self._by_parts = card.task in OBJECT_TASKS and can_look_at_parts(card.input)
        self._refresh_s = refresh_s
        self._budget = budget
        self._dropped = dropped
        self._motion = MotionGrid()
        self._memory = Memory(sure_score=sure_score)
        self._segment: int | None = None
        self._expected = NOTHING
        self._refreshed_at_s = 0.0
        self._looked_at_s = 0.0
        self._settle_until_s = 0.0
        self._dropped_before = 0
        self._counts: Counter[PlanKind] = Counter()
        self._effort = 0.0

    def decide(self, frame: Frame) -> InferencePlan:
        """Return what the network is shown of the stream's next frame; one thread asks at a time, frame by frame."""
        due = abs(frame.pts_s - self._refreshed_at_s) >= self._refresh_s
        if frame.segment != self._segment:
            self._segment = frame.segment
            self._motion.reset()
            due = True
        cells = self._motion.changed(frame.picture)
        look = WHOLE if due else self._needed(frame, cells)
        if look.uses_network and not self._granted(look, frame, cells, due=due):
            look = CARRIED
        if look.uses_network:
            self._looked_at_s = frame.pts_s
            self._motion.accept(frame.picture, look.window)
        if look is WHOLE:
            self._refreshed_at_s = frame.pts_s
            self._settle_until_s = frame.pts_s + SETTLE_S
        self._counts[look.kind] += 1
        self._effort += self._cost(look, frame)
        return look

    def complete(self, look: InferencePlan, found: Prediction | None, *, new_segment: bool) -> Prediction:
        """Return what the tracker is to be told of a frame; the stream's lane asks, frame by frame.

        Args:
            look: what :meth:`decide` said.
            found: what the network found, in pixels of the frame; ``None`` where it was not called.
            new_segment: whether nothing from before holds any more, as after a reconnect.
        """
        if new_segment:
            self._memory.reset()
        return self._memory.update(look, found)

    def follow(self, look: InferencePlan, told: Prediction, tracker: Tracker | None, frame: Frame) -> Detections:
        """Learn what the tracker made of a frame, and return all that is known of it; the stream's lane tells.

        Args:
            look: what :meth:`decide` said.
            told: what :meth:`complete` returned, with the identities that the tracker gave.
            tracker: the stream's tracker; ``None`` without any.
            frame: the frame.
        """
        if look.kind == "carried":
            return self._memory.with_doubted(_with_identity(told.detections))
        if look.uses_network and tracker is not None:
            picture_px = frame.picture.width_px, frame.picture.height_px
            ahead = tracker.carry(pts_s=frame.pts_s + AHEAD_S, picture_px=picture_px)
            self._expected = Expected.of(told.detections, ahead, at_s=frame.pts_s, ahead_s=AHEAD_S)
        return self._memory.keep(told.detections, told.whole)

    def status(self) -> AdaptiveStatus:
        """Return the looks so far."""
        frames = sum(self._counts.values())
        return AdaptiveStatus(
            looks={kind: self._counts[kind] for kind in PLAN_KINDS},
            share=round(self._effort / frames, 4) if frames else 0.0,
        )

    def _needed(self, frame: Frame, cells: Cells) -> InferencePlan:
        picture_px = frame.picture.width_px, frame.picture.height_px
        changed = box_of(cells, picture_px=picture_px)
        if changed is None:
            unsettled = self._memory.unsettled
            if frame.pts_s > self._settle_until_s or not len(unsettled):
                return STILL
            changed = np.concatenate([unsettled[:, :2].min(axis=0), unsettled[:, 2:].max(axis=0)]).astype(np.float64)
        else:
            self._settle_until_s = frame.pts_s + SETTLE_S
            if self._expected.explains(cells, picture_px=picture_px, now_s=frame.pts_s, looked_s=self._looked_at_s):
                return CARRIED
        if not self._by_parts:
            return WHOLE
        return plan_around(changed, self._memory.boxes, picture_px=picture_px, card=self._input)

    def _granted(self, look: InferencePlan, frame: Frame, cells: Cells, *, due: bool) -> bool:
        if self._budget is None:
            return True
        dropped = self._dropped()
        behind, self._dropped_before = dropped > self._dropped_before, dropped
        return self._budget.grant(
            changed=float(cells.mean()), cost=self._cost(look, frame), now_s=time.monotonic(), behind=behind, due=due
        )

    def _cost(self, look: InferencePlan, frame: Frame) -> float:
        return share_of(look, picture_px=(frame.picture.width_px, frame.picture.height_px), card=self._input)


def _with_identity(detections: Detections) -> Detections:
    if detections.track_id is None:
        return detections
    return detections[np.flatnonzero(~np.ma.getmaskarray(detections.track_id))]
