"""The stage that gives objects the identity that they have in all cameras."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.across_cameras.appearance_model import NAME
from pipelines.stages.across_cameras.records import Track
from pipelines.stages.across_cameras.shared import CameraIdentities
from pipelines.stages.base import FrameStage, StageContext
from pipelines.stages.secondary.model_worker import Crop
from streamvision.core.crops import crop_edges, cut
from streamvision.core.detections import Detections, class_index
from streamvision.core.frame import Frame, Result
from streamvision.core.status import StageStatus

FIRST_EVERY_S = 0.2
"""Seconds between the first views of an object, which decide who it is."""
EDGE_PATIENCE_S = 1.0
"""So long an object that touches the edge of the picture is waited for to come in: half of it looks like others."""
EDGE_PX = 2.0
RETRY_S = 2.0
"""After so many seconds another view is handed over where the model has said nothing."""
QUIET_S = 1.0
"""How much longer than the tracker a track is remembered."""
MAX_FOLLOWED = 2000
"""Most tracks of a stream that are remembered, those seen last."""


@dataclass(eq=False)
class _Followed:
    """One identity of the stream's own tracker."""

    track: Track
    key: Hashable
    seen_s: float
    """When it was last seen, on the stream's own clock."""
    viewed_s: float | None = None
    """When the newest view was taken, on the stream's own clock."""
    is_pending: bool = False
    """Whether the model has not answered yet."""


class AcrossCameras(FrameStage):
    """Gives the objects of one stream their identities across cameras, once its tracker has confirmed them.

    Args:
        shared: what all cameras share.
        stream_id: the stream.
        names: class names of its model, by class id.
        live: whether no frame waits for the model; files do, and take turns.
        memory_s: how long the stream's tracker remembers what is out of sight.
    """

    name = NAME
    optional = True

    def __init__(
        self, shared: CameraIdentities, *, stream_id: str, names: tuple[str, ...], live: bool, memory_s: float
    ) -> None:
        self._shared = shared
        self.stream_id = stream_id
        self._live = live
        self._quiet_s = memory_s + QUIET_S
        self._owner = object()  # what is known of a stream that has left is not another's that has its name
        self._followed: dict[int, _Followed] = {}
        self.use_names(names)
        shared.begin(live=live)
        if not live:
            shared.files.join(self._owner)

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id."""
        classes = self._shared.config.classes
        ids = None if classes is None else [class_index(name, names) for name in classes]
        self._class_ids = None if ids is None else np.array([one for one in ids if one is not None], np.int32)

    def process(self, result: Result) -> None:
        """Add the column ``global_id``."""
        frame = result.frame
        at_s = frame.captured_at_s if self._live else frame.pts_s
        with nullcontext() if self._live else self._shared.files.turn(self._owner, at_s):
            self._give(result, frame, at_s)

    def reset(self) -> None:
        """Forget the tracks: the stream's tracker has begun anew. The identities stay."""
        self._shared.model.forget_owner(self._owner)
        self._followed.clear()

    def statuses(self) -> tuple[StageStatus, ...]:
        """Return how the model and the gallery are doing now, over all streams."""
        counts = self._shared.gallery.counts()
        told = {
            "identities": counts.identities,
            "begun": counts.begun,
            "matches": counts.matches,
            "clashes": counts.clashes,
            "refused": counts.refused,
        }
        return (replace(self._shared.model.status(), counts=told),)

    def close(self) -> None:
        """Let nobody wait for the stream, and let the model forget it."""
        self._shared.files.leave(self._owner)
        self._shared.model.forget_owner(self._owner)

    def _give(self, result: Result, frame: Frame, at_s: float) -> None:
        found = result.detections
        column = np.empty(len(found), np.object_)
        rows = self._rows(found)
        if len(rows):
            assert found.track_id is not None
            seen = [self._follow(int(one), frame, at_s) for one in found.track_id.data[rows]]
            self._shared.gallery.see([one.track for one in seen], now_s=at_s)
            self.collect()
            submitted = self._submit(frame, found[rows], seen)
            if submitted and not self._live:
                self._shared.model.wait(submitted)
                self.collect()
            for row, one in zip(rows.tolist(), seen, strict=True):
                column[row] = one.track.global_id
        self._forget(frame.pts_s)
        result.detections = found.with_columns(global_id=column)

    def _rows(self, found: Detections) -> NDArray[np.intp]:
        """Return the objects that take part."""
        if found.track_id is None:
            return np.empty(0, np.intp)
        wanted = ~np.ma.getmaskarray(found.track_id)
        if self._class_ids is not None:
            wanted &= np.isin(found.class_id, self._class_ids)
        return np.flatnonzero(wanted)

    def _follow(self, identity: int, frame: Frame, at_s: float) -> _Followed:
        one = self._followed.pop(identity, None)
        if one is None:
            key = (self._owner, frame.segment, identity)
            one = _Followed(Track(self.stream_id, at_s, at_s), key, frame.pts_s)
        one.seen_s = frame.pts_s
        self._followed[identity] = one  # those seen last stand last
        return one

    def _submit(self, frame: Frame, found: Detections, seen: Sequence[_Followed]) -> list[Hashable]:
        """Hand over the views that are due; return whose they are."""
        config, picture = self._shared.config, frame.picture
        size_px = np.array([picture.width_px, picture.height_px], np.float32)
        edges = crop_edges(found.box_xyxy_px, picture_px=(picture.width_px, picture.height_px), margin=config.margin)
        is_large = (edges[:, 2:] - edges[:, :2]).min(axis=1) >= config.min_side_px
        box = found.box_xyxy_px
        inside = np.minimum(box[:, :2], size_px - box[:, 2:]).min(axis=1)
        at_edge = (inside <= EDGE_PX).tolist()
        crops = []
        for number, one in enumerate(seen):
            if is_large[number] and self._is_due(one, frame.pts_s, at_edge=at_edge[number]):
                left, top, right, bottom = edges[number].tolist()
                crops.append(Crop(one.key, cut(picture, left, top, right, bottom), frame.pts_s, pts_s=frame.pts_s))
                one.viewed_s, one.is_pending = frame.pts_s, True
        self._shared.model.submit(crops)
        return [crop.key for crop in crops]

    def _is_due(self, one: _Followed, now_s: float, *, at_edge: bool) -> bool:
        is_known = one.track.identity is not None
        if at_edge and not is_known and one.track.last_s - one.track.first_s < EDGE_PATIENCE_S:
            return False
        if one.viewed_s is None:
            return True
        every_s = self._shared.config.every_s if is_known else FIRST_EVERY_S
        return abs(now_s - one.viewed_s) >= (max(every_s, RETRY_S) if one.is_pending else every_s)

    def collect(self) -> None:
        """Give the gallery what the model has said meanwhile."""
        pending = [one for one in self._followed.values() if one.is_pending]
        for one, kept in zip(pending, self._shared.model.known([one.key for one in pending]), strict=True):
            if kept is None:
                continue
            self._shared.model.forget(one.key)
            one.is_pending = False
            self._shared.gallery.describe(one.track, np.empty(0, np.float32) if kept.value is None else kept.value)

    def _forget(self, now_s: float) -> None:
        """Forget tracks that their tracker has given up, and the oldest of too many."""
        over = [identity for identity, one in self._followed.items() if abs(now_s - one.seen_s) > self._quiet_s]
        over += list(self._followed)[: max(len(self._followed) - len(over) - MAX_FOLLOWED, 0)]
        for identity in over:
            one = self._followed.pop(identity, None)
            if one is not None and one.is_pending:
                self._shared.model.forget(one.key)


def across_cameras(context: StageContext) -> AcrossCameras | None:
    """Return the stage of one stream; ``None`` where it does not take part."""
    shared = context.secondary.across_cameras if context.secondary is not None else None
    if shared is None or context.tracker is None or not shared.config.takes_part(context.stream_id):
        return None
    return AcrossCameras(
        shared,
        stream_id=context.stream_id,
        names=context.names,
        live=context.live,
        memory_s=context.config.tracker.memory_s,
    )
