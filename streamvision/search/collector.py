"""Collects the tracklets of running streams: each is kept as its best crops and described once it is over.

An identity costs a handful of network calls, however long it stays; crops that were taken at nearly one time show
nearly the same, so the better of them is kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamvision.core.crops import crop_edges, cut, small_jpeg
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import Picture
from streamvision.search.embedder import Embedder
from streamvision.search.index import ObjectIndex, Recording, Tracklet, mean_direction

MAX_CROPS = 6
"""Most crops of an identity that are described."""
INTERVAL_S = 0.3
"""Of each interval of an identity's time, the best crop counts."""
BATCH_CROPS = 32
"""Crops that are described together."""
MIN_SIDE_PX = 8
"""Smaller objects are described only where nothing larger is known of them."""
MAX_HELD_PX = 64_000_000
"""Pixels of crops that are held, 96 MB as planes; beyond it the identity not seen for longest is described early."""
MAX_TRACKLETS = 20_000
"""Most identities of an index, with descriptions and thumbnails some 200 MB; the briefest are left out beyond it."""
THUMBNAIL_PX = 160
"""Longest side of a thumbnail."""


@dataclass(frozen=True, eq=False)
class _TrackletCrop:
    picture: Picture
    quality: float
    score: float
    frame_index: int
    pts_s: float
    box_xyxy_px: tuple[float, float, float, float]

    @property
    def pixels(self) -> int:
        return self.picture.width_px * self.picture.height_px


@dataclass(eq=False)
class _TrackletState:
    """One identity so far."""

    stream_id: str
    track_id: int
    first_s: float
    last_s: float
    first_unix_s: float | None
    last_unix_s: float | None
    frames: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    crops: list[_TrackletCrop] = field(default_factory=list)

    def unseen_s(self, frame: Frame) -> float:
        """Return for how long it has not been seen, by the clock of the stream or, if that is more, on the wall."""
        passed_s = frame.pts_s - self.last_s
        if self.last_unix_s is None or frame.time_unix_s is None:
            return passed_s
        return max(passed_s, frame.time_unix_s - self.last_unix_s)

    def replaced_by(self, pts_s: float) -> int | None:
        """Return the index of the crop that one of this time would replace; ``None`` where it would be one more."""
        interval = self._interval(pts_s)
        for number, crop in enumerate(self.crops):
            if self._interval(crop.pts_s) == interval:
                return number
        return None if len(self.crops) < MAX_CROPS else min(range(MAX_CROPS), key=lambda i: self.crops[i].quality)

    def _interval(self, pts_s: float) -> int:
        # Counted from the first frame: by the distance between crops, one that grows would replace itself for ever.
        return int((pts_s - self.first_s) / INTERVAL_S)


class TrackletCollector:
    """Collects the tracklets of streams and describes them, from one thread.

    Args:
        embedder: the model; it stays the caller's.
        names: class names of the detector, by class id.
        memory_s: how long an identity may be out of sight and come back, in seconds.
    """

    def __init__(self, embedder: Embedder, *, names: tuple[str, ...], memory_s: float) -> None:
        self._embedder = embedder
        self._names = names
        self._memory_s = memory_s
        self._in_view: dict[tuple[str, int], _TrackletState] = {}
        self._ended: list[_TrackletState] = []
        self._held_px = 0
        self._tracklets: list[Tracklet] = []
        self._embedding: list[NDArray[np.float32]] = []

    def add(self, result: Result) -> None:
        """Add the objects of a frame; frames of one stream come in their order.

        Raises:
            ModelError: when the embedding model fails.
        """
        frame, found = result.frame, result.detections
        for key, state in [*self._in_view.items()]:
            if state.stream_id == frame.stream_id and state.unseen_s(frame) > self._memory_s + INTERVAL_S:
                self._ended.append(self._in_view.pop(key))
        if found.track_id is not None:
            size_px = frame.picture.width_px, frame.picture.height_px
            edges = crop_edges(found.box_xyxy_px, picture_px=size_px, margin=0.0)
            rows = np.flatnonzero(~np.ma.getmaskarray(found.track_id) & ((edges[:, 2:] - edges[:, :2]).min(axis=1) > 0))
            quality = (edges[:, 2:] - edges[:, :2]).prod(axis=1) * found.score
            for row in rows.tolist():
                state = self._of(frame, int(found.track_id[row]))
                state.classes[int(found.class_id[row])] += 1
                box = tuple(found.box_xyxy_px[row].tolist())
                self._offer(state, frame, edges[row], float(quality[row]), float(found.score[row]), box)
        while self._held_px > MAX_HELD_PX and self._in_view:
            self._ended.append(self._in_view.pop(min(self._in_view, key=lambda key: self._in_view[key].last_s)))
            self._describe(at_least=0)
        self._describe(at_least=BATCH_CROPS)

    def finish(self, recordings: dict[str, Recording], *, settings_sha256: str = "") -> ObjectIndex:
        """Describe the tracklets that are left and return all.

        Args:
            recordings: what the streams were, by stream id.
            settings_sha256: digest of the settings that found the identities.

        Raises:
            ModelError: when the embedding model fails.
        """
        self._ended += self._in_view.values()
        self._in_view.clear()
        self._describe(at_least=0)
        embedding = np.stack(self._embedding) if self._embedding else np.empty((0, 0), np.float32)
        return ObjectIndex(self._embedder.mark, recordings, tuple(self._tracklets), embedding, settings_sha256)

    def _of(self, frame: Frame, track_id: int) -> _TrackletState:
        key = frame.stream_id, track_id
        if key not in self._in_view:
            self._in_view[key] = _TrackletState(*key, frame.pts_s, frame.pts_s, frame.time_unix_s, frame.time_unix_s)
        state = self._in_view[key]
        state.last_s, state.last_unix_s = frame.pts_s, frame.time_unix_s
        state.frames += 1
        return state

    def _offer(
        self,
        state: _TrackletState,
        frame: Frame,
        edges: NDArray[np.int64],
        quality: float,
        score: float,
        box_xyxy_px: tuple[float, ...],
    ) -> None:
        replaced = state.replaced_by(frame.pts_s)
        small = int((edges[2:] - edges[:2]).min()) < MIN_SIDE_PX
        if (small and state.crops) or (replaced is not None and quality <= state.crops[replaced].quality):
            return
        left, top, right, bottom = box_xyxy_px
        crop = _TrackletCrop(
            cut(frame.picture, *edges.tolist()), quality, score, frame.index, frame.pts_s, (left, top, right, bottom)
        )
        self._held_px += crop.pixels
        if replaced is None:
            state.crops.append(crop)
        else:
            self._held_px -= state.crops[replaced].pixels
            state.crops[replaced] = crop

    def _describe(self, *, at_least: int) -> None:
        """Describe the tracklets that are over, if their crops fill a batch of that size."""
        crops = [crop for state in self._ended for crop in state.crops]
        if not crops or len(crops) < at_least:
            return
        vectors = self._embedder.describe([crop.picture for crop in crops])
        taken = 0
        for state in self._ended:
            rows = vectors[taken : taken + len(state.crops)]
            taken += len(state.crops)
            self._embedding.append(mean_direction(rows))
            self._tracklets.append(self._tracklet(state))
        self._ended.clear()
        self._held_px = sum(crop.pixels for state in self._in_view.values() for crop in state.crops)
        if len(self._tracklets) > MAX_TRACKLETS:
            frames = np.array([one.frames for one in self._tracklets])
            kept = np.sort(np.argsort(-frames, kind="stable")[: MAX_TRACKLETS * 9 // 10]).tolist()
            self._tracklets = [self._tracklets[row] for row in kept]
            self._embedding = [self._embedding[row] for row in kept]

    def _tracklet(self, state: _TrackletState) -> Tracklet:
        best = max(state.crops, key=lambda crop: crop.quality)
        class_id = state.classes.most_common(1)[0][0]
        return Tracklet(
            stream_id=state.stream_id,
            track_id=state.track_id,
            class_name=self._names[class_id],
            score=round(best.score, 4),
            first_s=round(state.first_s, 3),
            last_s=round(state.last_s, 3),
            frames=state.frames,
            best_frame=best.frame_index,
            best_s=round(best.pts_s, 3),
            box_xyxy_px=best.box_xyxy_px,
            thumbnail_jpeg=small_jpeg(best.picture, longest_px=THUMBNAIL_PX),
            first_unix_s=_rounded(state.first_unix_s),
            last_unix_s=_rounded(state.last_unix_s),
        )


def _rounded(unix_s: float | None) -> float | None:
    return None if unix_s is None else round(unix_s, 3)
