"""The stage ``across_cameras`` over two cameras whose tracks and embeddings are known, and what comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cut_cameras import Camera, Cameras
from pipelines.stages.across_cameras.shared import CameraIdentities
from pipelines.stages.across_cameras.stage import AcrossCameras
from pipelines.stages.secondary.model_worker import Crop, Kept
from streamvision.core.config.across_cameras import AcrossCamerasConfig
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.evaluation.tracks.metrics import count, match_sequence
from streamvision.evaluation.tracks.mot_files import MotSequence

BASELINES: dict[str, dict[str, Any]] = {
    "each_camera_alone": {"similarity": 0.99, "vectors": "none"},
    "time_only": {"similarity": 0.5, "vectors": "same"},
    "chance": {"similarity": -0.99, "vectors": "random"},
}
"""Without matches; whoever was seen last; and anybody."""


class KnownModel:
    """Answers at once with embeddings that were made before; it has the methods of :class:`AppearanceModel`."""

    def __init__(self, vectors: str) -> None:
        self.vectors = vectors
        self.present: dict[int, NDArray[np.float32]] = {}
        self._answers: dict[Hashable, Kept[NDArray[np.float32]]] = {}
        self._random = np.random.default_rng(0)

    def submit(self, crops: Sequence[Crop]) -> None:
        """Take crops."""
        for crop in crops:
            assert isinstance(crop.key, tuple)
            self._answers[crop.key] = Kept(self._vector(crop.key[2]), 1.0)

    def known(self, keys: Sequence[Hashable]) -> list[Kept[NDArray[np.float32]] | None]:
        """Return their embeddings."""
        return [self._answers.get(key) for key in keys]

    def wait(self, keys: Sequence[Hashable]) -> bool:
        """Say that nobody needs to wait."""
        return True

    def forget(self, key: Hashable) -> None:
        """Let go of an answer."""
        self._answers.pop(key, None)

    def forget_owner(self, owner: Hashable) -> None:
        """Let go of all answers."""
        self._answers.clear()

    def _vector(self, identity: int) -> NDArray[np.float32]:
        if self.vectors == "known":
            return self.present[identity]
        length = len(self.present[identity])
        random = self._random.normal(size=length).astype(np.float32)
        return np.ones(length, np.float32) if self.vectors == "same" else random


def idf1(cameras: Cameras, shift_s: float, *, similarity: float, vectors: str = "known", **settings: Any) -> float:
    """Return IDF1 in percent over the frames of both cameras, the second late by ``shift_s`` seconds."""
    config = AcrossCamerasConfig(model=str(Path("known")), similarity=similarity, **settings)
    model = KnownModel(vectors)
    shared = CameraIdentities(config, model)  # type: ignore[arg-type]
    stages = [AcrossCameras(shared, stream_id=name, names=(), live=True, memory_s=1.0) for name in ("first", "second")]
    moments = [
        (index / cameras.fps + number * shift_s, number, index)
        for number, camera in enumerate(cameras.pair)
        for index in range(len(camera.found))
    ]
    given: list[list[list[int | None]]] = [[], []]
    for at_s, number, index in sorted(moments):
        camera = cameras.pair[number]
        found = camera.found[index]
        assert found.track_id is not None and found.embedding is not None
        model.present = dict(zip(found.track_id.data.tolist(), found.embedding, strict=True))
        width_px, height_px = camera.size_px
        blank = BgrPicture(np.broadcast_to(np.uint8(0), (height_px, width_px, 3)))
        result = Result(Frame(stages[number].stream_id, index, index / cameras.fps, at_s, blank), found)
        stages[number].process(result)
        stages[number].collect()
        column = result.detections.global_id
        assert column is not None
        given[number].append(column.tolist())
    return _idf1(cameras, given)


def ideal_idf1(cameras: Cameras) -> float:
    """Return IDF1 in percent where every track has the identity that it is of; detector and trackers stay."""
    given = []
    for number, camera in enumerate(cameras.pair):
        votes: dict[int, Counter[int]] = {}
        for found, truth in zip(camera.found, camera.truth, strict=False):
            for identity, box in zip(found.identities(), found.box_xyxy_px.tolist(), strict=True):
                votes.setdefault(identity or 0, Counter()).update([_of(box, truth)])
        names = {
            track: (known if (known := most.most_common(1)[0][0]) else -(number + 1) * 10_000 - track)
            for track, most in votes.items()
        }
        given.append([[names[one or 0] for one in found.identities()] for found in camera.found])
    return _idf1(cameras, given)


def _of(box: list[float], truth: NDArray[np.float64]) -> int:
    """Return whose box it is; 0 where nobody's."""
    if not len(truth):
        return 0
    low, high = np.maximum(truth[:, 1:3], box[:2]), np.minimum(truth[:, 3:5], box[2:])
    both = np.clip(high - low, 0, None).prod(axis=1)
    area = (truth[:, 3:5] - truth[:, 1:3]).prod(axis=1) + (box[2] - box[0]) * (box[3] - box[1])
    iou = both / (area - both)
    best = int(iou.argmax())
    return int(truth[best, 0]) if iou[best] >= 0.5 else 0


def _idf1(cameras: Cameras, given: Sequence[Sequence[Sequence[int | None]]]) -> float:
    """Return IDF1 over both cameras, one behind the other as frames of one sequence."""
    truth, results, before = [], [], 0
    for camera, of_camera in zip(cameras.pair, given, strict=True):
        for index, (found, ids) in enumerate(zip(camera.found, of_camera, strict=True)):
            number = before + index + 1
            truth += [_row(number, row[0], row[1:]) for row in camera.truth[index]]
            results += [
                _row(number, identity, box)
                for identity, box in zip(ids, found.box_xyxy_px.astype(np.float64), strict=True)
                if identity is not None
            ]
        before += len(camera.found)
    rows = np.array(truth).reshape(-1, 10)
    numbers = np.arange(1, before + 1)
    sequence = MotSequence("both", Path(), numbers, cameras.fps, Camera((1, 1)).size_px, rows, np.empty((0, 7)))
    return count(match_sequence(sequence, np.array(results).reshape(-1, 10))).figures()["IDF1"]


def _row(number: int, identity: float, box: NDArray[np.float64]) -> list[float]:
    left, top, right, bottom = box.tolist()
    return [number, identity, left, top, right - left, bottom - top, 1, -1, -1, -1]
