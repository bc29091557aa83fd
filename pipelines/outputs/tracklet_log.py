"""Keeps one row for each identity of a stream until somebody takes what has changed.

A frame costs little more than a list that grows by one: what frames showed is reckoned up for :data:`BATCH_FRAMES` of
them together. Only pictures of objects must be copied at once. One is copied where it is a quarter clearer than the
copy before, so an identity costs :data:`MAX_COPIES` copies at most, however long it stays; encoding and writing are for
whoever takes the rows.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.cells import ROWS, cells_of_boxes, packed
from streamvision.core.crops import crop_edges, cut
from streamvision.core.detections import Detections, class_name
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import Picture
from streamvision.core.telemetry import DropCounter
from streamvision.core.tracklet import Moment, Tracklet, majority

BATCH_FRAMES = 32
"""Frames that are reckoned up together, or fewer where what has changed is taken before."""
BATCH_S = 2.0
"""Longest time that they cover, in seconds of the stream."""
QUIET_S = 10.0
"""An identity is over when it was not seen for so long beyond the tracker's memory, in seconds of the stream."""
CLEARER = 1.25
"""How many times as clear as the copy before a view must be to be copied."""
CLEAR_SIDE_PX = 160.0
"""Size, the root of its area, from which an object counts as seen in full; smaller ones are less clear."""
LEAST_CLEAR = 1e-3
"""Views below are not copied: a score of 0.05 and 3 pixels."""
MAX_COPIES = 1 + math.ceil(math.log(1 / LEAST_CLEAR) / math.log(CLEARER))
MARGIN = 0.1
"""How far a crop reaches beyond the box on each side, as a share of it."""
MAX_HELD_PX = 16_000_000
"""Pixels of copies that are held, 24 MB as planes; what is clearer is copied when these were taken."""
MAX_OPEN = 8192
"""Most identities that are not over; beyond it those not seen for longest are."""
MAX_OVER = 20_000
"""Most identities that are over and not taken; beyond it they are lost, and counted."""
LOST = "tracklets"
"""Cause under which these are counted."""

_KEYS = itertools.count(1)

Int = NDArray[np.intp]


class _Seen(NamedTuple):
    """What a frame showed of identities."""

    moment: Moment
    track_ids: list[int]
    box_xyxy_px: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int32]
    global_id: NDArray[np.object_] | None


@dataclass(eq=False, slots=True)
class _View:
    """The clearest view of an identity so far."""

    wanted: float = LEAST_CLEAR
    """How clear the next must be."""
    crop: Picture | None = None
    """Its copy; ``None`` where it was taken."""


@dataclass(eq=False, slots=True)
class _Row:
    """One identity."""

    track_id: int
    first: Moment
    last: Moment
    best: Moment
    best_score: float = -1.0
    best_box_xyxy_px: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    picture_px: tuple[int, int] = (1, 1)
    frames: int = 0
    cells: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(ROWS, np.uint16))
    classes: Counter[int] = field(default_factory=Counter)
    global_id: int | None = None
    key: int = field(default_factory=lambda: next(_KEYS))


class TrackletLog:
    """Of one stream. One thread adds frames, another may take what has changed.

    Args:
        stream_id: the stream.
        names: class names by class id.
        memory_s: how long the tracker remembers an identity out of sight.
        drops: where identities are counted that nobody took in time.
        crops: whether pictures of the objects are wanted.
    """

    def __init__(
        self,
        stream_id: str,
        names: tuple[str, ...],
        *,
        memory_s: float = 1.0,
        drops: DropCounter | None = None,
        crops: bool = True,
    ) -> None:
        self.stream_id = stream_id
        self._names = names
        self._quiet_s = memory_s + QUIET_S
        self._drops = drops or DropCounter()
        self._crops = crops
        self._adding = threading.Lock()
        self._reckoning = threading.Lock()
        self._segment: int | None = None
        self._picture_px = (1, 1)
        self._pts_s = self._begun_s = 0.0
        self._frames = 0
        self._seen: list[_Seen] = []
        self._views: dict[int, _View] = {}
        self._held_px = 0
        self._rows: dict[int, _Row] = {}
        self._changed: set[int] = set()
        self._over: list[Tracklet] = []

    @property
    def waiting(self) -> int:
        """How many identities are over and were not taken yet."""
        return len(self._over)

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

    def add(self, result: Result) -> None:
        """Take the objects of the next frame that have an identity."""
        frame, found = result.frame, result.detections
        if frame.segment != self._segment:
            self.end()
            self._segment = frame.segment
            self._picture_px = frame.picture.width_px, frame.picture.height_px
        self._pts_s = frame.pts_s
        if self._frames >= BATCH_FRAMES or abs(frame.pts_s - self._begun_s) > BATCH_S:
            with self._reckoning:
                self._reckon()
            self._begun_s = frame.pts_s
        self._frames += 1
        if found.track_id is not None and len(found):
            self._add(frame, _with_identity(found), is_seen=result.plan.kind != "predicted")

    def _add(self, frame: Frame, found: Detections, *, is_seen: bool) -> None:
        if found.track_id is None or not len(found):
            return
        track_ids: list[int] = found.track_id.data.tolist()
        moment = Moment(frame.index, frame.pts_s, frame.captured_unix_s, frame.wall_time, frame.place)
        # The score of a box that was predicted is that of an earlier one.
        score = found.score if is_seen else np.full(len(found), -1, np.float32)
        with self._adding:
            self._seen.append(_Seen(moment, track_ids, found.box_xyxy_px, score, found.class_id, found.global_id))
            if self._crops and is_seen:
                self._look(track_ids, found, frame.picture)

    def _look(self, track_ids: list[int], found: Detections, picture: Picture) -> None:
        """Copy the objects that are seen so much more clearly than before."""
        views = self._views
        for number, (track_id, score) in enumerate(zip(track_ids, found.score.tolist(), strict=True)):
            view = views.get(track_id)
            if view is None:
                view = views[track_id] = _View()
            if score >= view.wanted:  # no view is clearer than its score
                clearness = score * min(_side_px(found.box_xyxy_px[number].tolist(), picture) / CLEAR_SIDE_PX, 1.0)
                if clearness >= view.wanted:
                    self._copy(view, found.box_xyxy_px[number : number + 1], picture, clearness)

    def _copy(self, view: _View, box_xyxy_px: NDArray[np.float32], picture: Picture, clearness: float) -> None:
        picture_px = picture.width_px, picture.height_px
        left, top, right, bottom = crop_edges(box_xyxy_px, picture_px=picture_px, margin=MARGIN)[0].tolist()
        held_px = self._held_px - _pixels(view.crop) + (right - left) * (bottom - top)
        if held_px <= MAX_HELD_PX:
            view.crop = cut(picture, left, top, right, bottom)
            view.wanted = clearness * CLEARER
            self._held_px = held_px

    def end(self) -> None:
        """Let all identities be over; those that come later are others, though they may have the same numbers."""
        with self._reckoning:
            self._reckon()
            self._end(list(self._rows))

    def take(self) -> list[Tracklet]:
        """Return what has changed since the last call; those that are over for the last time."""
        with self._reckoning:
            self._reckon()
            over, self._over = self._over, []
            changed = [self._tracklet(one, is_over=False) for one in self._changed]
            self._changed.clear()
            with self._adding:
                self._held_px = sum(_pixels(view.crop) for view in self._views.values())
        return over + changed

    def _reckon(self) -> None:
        """Bring the rows up to the newest frame; within ``_reckoning``."""
        with self._adding:
            seen, self._seen = self._seen, []
            self._frames = 0
        if seen:
            self._reckon_up(seen)
        over = [one for one, row in self._rows.items() if abs(self._pts_s - row.last.pts_s) > self._quiet_s]
        if len(self._rows) - len(over) > MAX_OPEN:
            over = sorted(self._rows, key=lambda one: self._rows[one].last.pts_s)[:-MAX_OPEN]
        self._end(over)

    def _note_global_ids(self, seen: Sequence[_Seen]) -> None:
        """Keep the newest identity of each that it has in all cameras."""
        for one in seen:
            for track_id, global_id in zip(one.track_ids, () if one.global_id is None else one.global_id, strict=False):
                if global_id is not None:
                    self._rows[track_id].global_id = global_id

    def _reckon_up(self, seen: Sequence[_Seen]) -> None:
        frame_of = np.repeat(np.arange(len(seen)), [len(one.track_ids) for one in seen])
        score, class_id = (np.concatenate([one[column] for one in seen]) for column in (3, 4))
        box = np.concatenate([one.box_xyxy_px for one in seen])
        track_id = np.array([one for frame in seen for one in frame.track_ids])
        order = np.argsort(track_id, kind="stable")
        begin = np.flatnonzero(np.diff(track_id[order], prepend=track_id[order[0]] - 1))
        cells = np.bitwise_or.reduceat(cells_of_boxes(box, picture_px=self._picture_px)[order], begin)
        for number, rows in enumerate(np.split(order, begin[1:])):
            row = self._row_of(int(track_id[rows[0]]), seen[frame_of[rows[0]]].moment)
            row.last = seen[frame_of[rows[-1]]].moment
            row.frames += len(rows)
            row.cells |= cells[number]
            row.classes.update(class_id[rows].tolist())
            best = rows[int(score[rows].argmax())]
            if score[best] > row.best_score:
                row.best, row.best_score = seen[frame_of[best]].moment, float(score[best])
                row.best_box_xyxy_px, row.picture_px = tuple(box[best].tolist()), self._picture_px
        self._note_global_ids(seen)

    def _row_of(self, track_id: int, moment: Moment) -> _Row:
        self._changed.add(track_id)
        row = self._rows.get(track_id)
        if row is None:
            row = self._rows[track_id] = _Row(track_id, moment, moment, moment, picture_px=self._picture_px)
        return row

    def _end(self, track_ids: Sequence[int]) -> None:
        for track_id in track_ids:
            if len(self._over) < MAX_OVER:
                self._over.append(self._tracklet(track_id, is_over=True))
            else:
                self._drops.add(LOST)
            del self._rows[track_id]
            self._changed.discard(track_id)
            with self._adding:
                self._views.pop(track_id, None)

    def _tracklet(self, track_id: int, *, is_over: bool) -> Tracklet:
        """Return a row as a record, with the newest view, which is not held any longer."""
        row = self._rows[track_id]
        left, top, right, bottom = row.best_box_xyxy_px
        return Tracklet(
            key=row.key,
            stream=self.stream_id,
            track_id=track_id,
            class_name=class_name(majority(row.classes), self._names),
            first=row.first,
            last=row.last,
            best=row.best,
            best_score=max(row.best_score, 0.0),
            best_box_xyxy_px=(left, top, right, bottom),
            picture_px=row.picture_px,
            frames=row.frames,
            cells=packed(row.cells),
            crop=self._taken_view(track_id),
            is_over=is_over,
            global_id=row.global_id,
        )

    def _taken_view(self, track_id: int) -> Picture | None:
        with self._adding:
            view = self._views.get(track_id)
            if view is None:
                return None
            crop, view.crop = view.crop, None
            return crop


def _with_identity(found: Detections) -> Detections:
    """Return the objects that have an identity."""
    assert found.track_id is not None
    hidden = found.track_id.mask
    return found[(~hidden).nonzero()[0]] if hidden is not np.ma.nomask and hidden.any() else found


def _side_px(box: Sequence[float], picture: Picture) -> float:
    """Return the root of the area of a box within the picture."""
    width_px = min(box[2], picture.width_px) - max(box[0], 0.0)
    height_px = min(box[3], picture.height_px) - max(box[1], 0.0)
    return math.sqrt(width_px * height_px) if width_px > 0 and height_px > 0 else 0.0


def _pixels(picture: Any) -> int:
    return 0 if picture is None else picture.width_px * picture.height_px
