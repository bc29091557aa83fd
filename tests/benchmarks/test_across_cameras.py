"""The measurement of identities across cameras: with perfect descriptions it gives what is possible, else less."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.across_cameras import best, spread
from benchmarks.cut_cameras import Camera, Cameras
from benchmarks.cut_cameras_replay import BASELINES, ideal_idf1, idf1
from streamvision.core.detections import Detections

FPS, FRAMES_OF_EACH = 10.0, 40


@pytest.fixture(scope="module")
def cameras() -> Cameras:
    """Two cameras past which three objects go, one after the other; each tracker has numbers of its own."""
    return Cameras(FPS, (camera([1, 2, 3]), camera([7, 5, 9])))


def camera(track_ids: list[int]) -> Camera:
    made = Camera((200, 200))
    box = np.array([[50, 50, 90, 150]], np.float32)
    for number, track_id in enumerate(track_ids):
        found = Detections(
            box, np.array([0.9], np.float32), np.zeros(1, np.int32),
            np.ma.MaskedArray(np.array([track_id], np.int64), mask=False),
            embedding=np.eye(3, dtype=np.float32)[number : number + 1],
        )  # fmt: skip
        made.found += [found] * FRAMES_OF_EACH
        made.truth += [np.hstack([[[number + 1.0]], box])] * FRAMES_OF_EACH
    return made


def test_perfect_descriptions_give_nearly_what_is_possible(cameras: Cameras) -> None:
    assert cameras.identities == 3 and ideal_idf1(cameras) == pytest.approx(100)
    for shift_s in (0.0, 7.0, 60.0):
        assert idf1(cameras, shift_s, similarity=0.6) > 90  # each is described before it has an identity


def test_what_knows_nothing_is_worse(cameras: Cameras) -> None:
    baselines = {name: idf1(cameras, 60.0, **given) for name, given in BASELINES.items()}
    assert max(baselines.values()) < 75, baselines


def test_the_threshold_is_the_middle_of_the_best() -> None:
    assert best({0.2: [10.0], 0.3: [90.0], 0.4: [90.0], 0.5: [90.0], 0.6: [20.0]}) == 0.4
    assert spread([10.0, 20.0]) == {"mean": 15.0, "min": 10.0, "max": 20.0}
