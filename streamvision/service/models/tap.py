"""Frames of running streams that a second model is shown, too: as many as are asked for, and never at their cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.stream import Stream, Taken
from streamvision.core.channel import Channel, Policy
from streamvision.core.frame import Frame
from streamvision.core.inference_plan import InferencePlan
from streamvision.core.telemetry import DropCounter
from streamvision.inference.model import Prediction

_BUSY = "busy"


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame that the present model was shown in full."""

    stream: Stream
    """The stream."""
    frame: Frame
    """The frame."""
    plan: InferencePlan
    """In which tiles beside the whole it was shown."""
    found: Prediction
    """What the present model says of it, weak objects for the tracker included."""
    seconds: float
    """How long it took for this picture."""


class FrameTap:
    """Takes a share of the frames of a group's streams; the newest waits until somebody has time for it.

    Args:
        share: share of each stream's frames, 0 to 1.
        every_s: shortest time between two frames of one stream.
    """

    def __init__(self, *, share: float, every_s: float = 0.0) -> None:
        self._share = share
        self._every_s = every_s
        self._drops = DropCounter()
        self._waiting: Channel[Shown] = Channel(policy=Policy.LATEST, capacity=1, drops=self._drops, cause=_BUSY)
        self._due: dict[str, tuple[float, float]] = {}  # by stream: what it has to its credit, and its last one's time
        self.batches = 0
        """How many batches have come back from the network."""

    @property
    def skipped(self) -> int:
        """How many frames were due, and were given up for newer ones."""
        return self._drops.by_cause().get(_BUSY, 0)

    def __call__(self, batch: Sequence[Taken], seconds: float) -> None:
        """Take what is due of a batch; from several threads, each of which may lose a frame's worth of the count."""
        self.batches += 1
        if not self._share:
            return
        for stream, result in batch:
            if result.plan.kind != "full" or not self._is_due(stream.id):
                continue
            found = Prediction(result.detections, result.image_result)
            self._waiting.put(Shown(stream, result.frame, result.plan, found, seconds / len(batch)))

    def get(self, timeout_s: float) -> Shown | None:
        """Return the next frame; ``None`` where none comes in time."""
        return self._waiting.get(timeout_s)

    def close(self) -> None:
        """Take nothing more, and let go of what waits."""
        self._waiting.close(discard=True)

    def _is_due(self, stream_id: str) -> bool:
        credit, last_s = self._due.get(stream_id, (1.0, float("-inf")))
        credit, now_s = min(credit + self._share, 2.0), time.monotonic()
        is_due = credit >= 1.0 and now_s - last_s >= self._every_s
        self._due[stream_id] = (credit - 1.0, now_s) if is_due else (credit, last_s)
        return is_due
