"""The identities of running streams, each kept as its best crops and described once it is gone.

An identity costs a handful of network calls, however long it stays; crops that were taken at nearly one time show
nearly the same, so the better of them is kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.crops import crop_edges, cut
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import Picture
from streamvision.search.embedder import Embedder
from streamvision.search.index import ObjectIndex, Recording, Tracklet, mean_direction

CROPS = 6
"""Most crops of an identity that are described."""
INTERVAL_S = 0.3
"""Of each interval of an identity's time, the best crop counts."""
BATCH = 32
"""Crops that are described together."""
MIN_SIDE_PX = 8
"""Smaller objects say nothing of their looks."""
MAX_HELD_PX = 64_000_000
"""Pixels of crops that are held, 96 MB as planes; beyond it the identity not seen for longest is described early."""
MAX_TRACKLETS = 20_000
"""Most identities of an index, with descriptions and thumbnails some 200 MB; the briefest are left out beyond it."""
THUMBNAIL_PX = 160
"""Longest side of a thumbnail."""
_JPEG_QUALITY = 85


@dataclass(frozen=True, eq=False)
class _TrackletCrop:
    picture: Picture
    quality: float
    score: float
    index: int
    pts_s: float
    box_xyxy_px: tuple[float, float, float, float]

    @property
    def pixels(self) -> int:
        return self.picture.width_px * self.picture.height_px


@dataclass(eq=False)
class _TrackletState:
    """What is known of one identity so far."""

    stream_id: str
    track_id: int
    first_s: float
    last_s: float
    frames: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    shots: list[_TrackletCrop] = field(default_factory=list)

    def rival(self, pts_s: float) -> int | None:
        """Return which shot one of this time would take the place of; ``None`` where there is room for it."""
        interval = self._interval(pts_s)
        for number, shot in enumerate(self.shots):
            if self._interval(shot.pts_s) == interval:
                return number
        return None if len(self.shots) < CROPS else min(range(CROPS), key=lambda i: self.shots[i].quality)

    def _interval(self, pts_s: float) -> int:
        # Counted from the first frame: by the distance between crops, one that grows would replace itself for ever.
        return int((pts_s - self.first_s) / INTERVAL_S)


class TrackletCollector:
    """Collects what streams show, from one thread, and describes it.

    Args:
        embedder: the model; it stays the caller's.
        names: class names of the detector, by class id.
        memory_s: how long an identity may be out of sight and come back, in seconds.
    """

    def __init__(self, embedder: Embedder, *, names: tuple[str, ...], memory_s: float) -> None:
        self._embedder = embedder
        self._names = names
        self._memory_s = memory_s
        self._shown: dict[tuple[str, int], _TrackletState] = {}
        self._gone: list[_TrackletState] = []
        self._held_px = 0
        self._sightings: list[Tracklet] = []
        self._embedding: list[NDArray[np.float32]] = []

    def add(self, result: Result) -> None:
        """Take the objects of a frame along; frames of one stream come in their order.

        Raises:
            ModelError: when the embedding model fails.
        """
        frame, found = result.frame, result.detections
        for key, shown in [*self._shown.items()]:
            if shown.stream_id == frame.stream_id and frame.pts_s - shown.last_s > self._memory_s + INTERVAL_S:
                self._gone.append(self._shown.pop(key))
        if found.track_id is not None:
            size_px = frame.picture.width_px, frame.picture.height_px
            edges = crop_edges(found.box_xyxy_px, picture_px=size_px, margin=0.0)
            rows = np.flatnonzero(~np.ma.getmaskarray(found.track_id) & ((edges[:, 2:] - edges[:, :2]).min(axis=1) > 0))
            quality = (edges[:, 2:] - edges[:, :2]).prod(axis=1) * found.score
            for row in rows.tolist():
                shown = self._of(frame, int(found.track_id[row]))
                shown.classes[int(found.class_id[row])] += 1
                box = tuple(found.box_xyxy_px[row].tolist())
                self._offer(shown, frame, edges[row], float(quality[row]), float(found.score[row]), box)
        while self._held_px > MAX_HELD_PX and self._shown:
            self._gone.append(self._shown.pop(min(self._shown, key=lambda key: self._shown[key].last_s)))
            self._describe(at_least=0)
        self._describe(at_least=BATCH)

    def finish(self, recordings: dict[str, Recording], *, settings_sha256: str = "") -> ObjectIndex:
        """Describe what is left and return all of it.

        Args:
            recordings: what the streams were, by stream id.
            settings_sha256: digest of the settings that found the identities.

        Raises:
            ModelError: when the embedding model fails.
        """
        self._gone += self._shown.values()
        self._shown.clear()
        self._describe(at_least=0)
        embedding = np.stack(self._embedding) if self._embedding else np.empty((0, 0), np.float32)
        return ObjectIndex(self._embedder.mark, recordings, tuple(self._sightings), embedding, settings_sha256)

    def _of(self, frame: Frame, track_id: int) -> _TrackletState:
        key = frame.stream_id, track_id
        if key not in self._shown:
            self._shown[key] = _TrackletState(*key, first_s=frame.pts_s, last_s=frame.pts_s)
        shown = self._shown[key]
        shown.last_s = frame.pts_s
        shown.frames += 1
        return shown

    def _offer(
        self,
        shown: _TrackletState,
        frame: Frame,
        edges: NDArray[np.int64],
        quality: float,
        score: float,
        box_xyxy_px: tuple[float, ...],
    ) -> None:
        rival = shown.rival(frame.pts_s)
        small = int((edges[2:] - edges[:2]).min()) < MIN_SIDE_PX
        if (small and shown.shots) or (rival is not None and quality <= shown.shots[rival].quality):
            return
        left, top, right, bottom = box_xyxy_px
        shot = _TrackletCrop(
            cut(frame.picture, *edges.tolist()), quality, score, frame.index, frame.pts_s, (left, top, right, bottom)
        )
        self._held_px += shot.pixels
        if rival is None:
            shown.shots.append(shot)
        else:
            self._held_px -= shown.shots[rival].pixels
            shown.shots[rival] = shot

    def _describe(self, *, at_least: int) -> None:
        """Describe the identities that are gone, if their crops are worth a call."""
        shots = [shot for shown in self._gone for shot in shown.shots]
        if not shots or len(shots) < at_least:
            return
        vectors = self._embedder.describe([shot.picture for shot in shots])
        taken = 0
        for shown in self._gone:
            rows = vectors[taken : taken + len(shown.shots)]
            taken += len(shown.shots)
            self._embedding.append(mean_direction(rows))
            self._sightings.append(self._sighting(shown))
        self._gone.clear()
        self._held_px = sum(shot.pixels for shown in self._shown.values() for shot in shown.shots)
        if len(self._sightings) > MAX_TRACKLETS:
            frames = np.array([one.frames for one in self._sightings])
            kept = np.sort(np.argsort(-frames, kind="stable")[: MAX_TRACKLETS * 9 // 10]).tolist()
            self._sightings = [self._sightings[row] for row in kept]
            self._embedding = [self._embedding[row] for row in kept]

    def _sighting(self, shown: _TrackletState) -> Tracklet:
        best = max(shown.shots, key=lambda shot: shot.quality)
        class_id = shown.classes.most_common(1)[0][0]
        return Tracklet(
            stream_id=shown.stream_id,
            track_id=shown.track_id,
            class_name=self._names[class_id],
            score=round(best.score, 4),
            first_s=round(shown.first_s, 3),
            last_s=round(shown.last_s, 3),
            frames=shown.frames,
            best_frame=best.index,
            best_s=round(best.pts_s, 3),
            box_xyxy_px=best.box_xyxy_px,
            thumbnail_jpeg=thumbnail_jpeg(best.picture),
        )


def thumbnail_jpeg(picture: Picture) -> bytes:
    """Return a picture as a small JPEG file."""
    bgr: Any = picture.to_bgr()
    shrink = min(THUMBNAIL_PX / max(picture.width_px, picture.height_px), 1.0)
    size = max(round(picture.width_px * shrink), 1), max(round(picture.height_px * shrink), 1)
    small = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    encoded: Any = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    return bytes(encoded.tobytes())
