"""Two cameras made of one clip: parts of its picture, the second of which looks different; tracks and truth."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import streamvision
from streamvision.core.crops import crop_edges, cut
from streamvision.core.detections import Detections
from streamvision.search.embedder import Embedder

CUTS = {"windows": (0.0, 0.85, 0.15, 1.0), "halves": (0.0, 0.5, 0.5, 1.0)}
"""Where both cameras begin and end, as shares of the picture: two views that are moved against each other, or nothing
that both see."""
SCALE = 0.8
GAIN = (1.15, 1.0, 0.85)
"""Of blue, green and red of the second camera."""
BRIGHTER = 8
LEAST_VISIBLE = 0.3
"""Of an object at least this share must be in a camera's part to be counted there."""


@dataclass(frozen=True)
class Clip:
    """A clip, and how its objects are found."""

    video: Path
    classes: tuple[str, ...]
    score: float
    axis: int
    """1: it is cut from left to right, 0: from top to bottom."""


@dataclass
class Camera:
    """One of both, detected and tracked by itself."""

    size_px: tuple[int, int]
    found: list[Detections] = field(default_factory=list)
    """Confirmed objects of each frame, with identities and embeddings."""
    truth: list[NDArray[np.float64]] = field(default_factory=list)
    """(N, 5) of each frame: identity, left, top, right, bottom."""


@dataclass
class Cameras:
    """Both, and how fast they are."""

    fps: float
    pair: tuple[Camera, Camera]

    @property
    def identities(self) -> int:
        """How many objects both see."""
        seen = [{int(row[0]) for rows in camera.truth for row in rows} for camera in self.pair]
        return len(seen[0] & seen[1])


def make_cameras(clip: Clip, name: str, *, detector: Path, embedder: Path, cache: Path) -> Cameras:
    """Return both cameras of a clip, from the cache where they are there."""
    cache.mkdir(parents=True, exist_ok=True)
    mark = hashlib.sha256(repr((clip, CUTS[name], detector.name)).encode() + embedder.read_bytes()).hexdigest()[:12]
    kept = cache / f"{clip.video.stem}-{name}-{mark}.pickle"
    if kept.exists():
        made: Cameras = pickle.loads(kept.read_bytes())
        return made
    truth, fps, size_px = _truth(clip, detector)
    shares = CUTS[name]
    parts = (shares[:2], shares[2:])
    pair = []
    with Embedder.open(embedder, threads=1) as described:
        for number, (begin, end) in enumerate(parts):
            film = cache / f"{clip.video.stem}-{name}-{number}.mp4"
            begin_px, end_px = (int(share * size_px[1 - clip.axis]) // 2 * 2 for share in (begin, end))
            _write(film, _part(clip, begin_px, end_px, other=number == 1), fps)
            camera = _tracked(film, clip, detector, described)
            factor = SCALE if number else 1.0
            camera.truth = [_clipped(rows, clip.axis, begin_px, end_px, factor) for rows in truth]
            pair.append(camera)
    made = Cameras(fps, (pair[0], pair[1]))
    kept.write_bytes(pickle.dumps(made))
    return made


def _truth(clip: Clip, detector: Path) -> tuple[list[NDArray[np.float64]], float, tuple[int, int]]:
    """Return the objects of the uncut clip, as a tracker over it has them, its rate and its size."""
    truth, size_px = [], (0, 0)
    for result in streamvision.stream(clip.video, model=detector, classes=clip.classes, conf=clip.score):
        found = _confirmed(result.detections)
        assert found.track_id is not None
        truth.append(np.hstack([found.track_id.data[:, None], found.box_xyxy_px]).astype(np.float64))
        size_px = result.frame.picture.width_px, result.frame.picture.height_px
    with av.open(str(clip.video)) as file:
        return truth, float(file.streams.video[0].average_rate or 25), size_px


def _clipped(rows: NDArray[np.float64], axis: int, begin_px: int, end_px: int, factor: float) -> NDArray[np.float64]:
    """Return what of the truth a camera sees, in its own pixels."""
    low, high = (1, 3) if axis == 1 else (2, 4)
    cut_rows = rows.copy()
    cut_rows[:, [low, high]] = np.clip(rows[:, [low, high]], begin_px, end_px) - begin_px
    visible = (cut_rows[:, high] - cut_rows[:, low]) / np.maximum(rows[:, high] - rows[:, low], 1e-9)
    cut_rows[:, 1:] *= factor
    return cut_rows[visible >= LEAST_VISIBLE]


def _part(clip: Clip, begin_px: int, end_px: int, *, other: bool) -> Iterator[NDArray[np.uint8]]:
    with av.open(str(clip.video)) as file:
        for frame in file.decode(video=0):
            whole = frame.to_ndarray(format="bgr24")
            part = whole[:, begin_px:end_px] if clip.axis == 1 else whole[begin_px:end_px]
            if other:
                part = np.clip(part.astype(np.float32) * GAIN + BRIGHTER, 0, 255).astype(np.uint8)
                part = cv2.resize(part, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
            yield np.ascontiguousarray(part[: part.shape[0] // 2 * 2, : part.shape[1] // 2 * 2])


def _write(film: Path, pictures: Iterator[NDArray[np.uint8]], fps: float) -> None:
    with av.open(str(film), "w") as file:
        stream = None
        for picture in pictures:
            if stream is None:
                stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt, stream.options = "yuv420p", {"crf": "23", "preset": "ultrafast"}
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                file.mux(packet)
        assert stream is not None
        for packet in stream.encode():
            file.mux(packet)


def _tracked(film: Path, clip: Clip, detector: Path, embedder: Embedder) -> Camera:
    """Detect and track a camera by itself, and describe every object on every frame."""
    camera = Camera((0, 0))
    for result in streamvision.stream(film, model=detector, classes=clip.classes, conf=clip.score):
        picture, found = result.frame.picture, _confirmed(result.detections)
        camera.size_px = picture.width_px, picture.height_px
        edges = crop_edges(found.box_xyxy_px, picture_px=camera.size_px, margin=0.0)
        good = ((edges[:, 2:] - edges[:, :2]) >= 2).all(axis=1)
        found, edges = found[good], edges[good]
        crops = [cut(picture, *one) for one in edges.tolist()]
        vectors = embedder.describe(crops) if crops else np.empty((0, 0), np.float32)
        camera.found.append(found.with_columns(embedding=vectors, class_name=None))
    return camera


def _confirmed(found: Detections) -> Detections:
    assert found.track_id is not None
    return found[~np.ma.getmaskarray(found.track_id)]
