"""Whole trajectories: which pieces are joined, what is filled, and how much jitter goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.trajectories import linking as linking_module
from pipelines.trajectories import log as log_module
from pipelines.trajectories.linking import Linking, links
from pipelines.trajectories.log import TrajectoryLog
from pipelines.trajectories.paths import MARGIN, PART, filled, smooth
from pipelines.trajectories.smoothing import Smoothing, smoothed, smoothed_rows
from pipelines.trajectories.trajectories import Trajectories
from streamvision.core.detections import Detections

FPS = 25


def piece(identity: int, frames: range, *, x: float, speed: float, height: float = 100, class_id: int = 0) -> Any:
    """Return a piece whose middle is at ``x`` on frame 0 and moves by ``speed`` pixels a frame."""
    frame = np.array(frames)
    left = x + speed * frame - height / 4
    top = np.full(len(frame), 50.0)
    return {
        "frame": frame,
        "time_s": frame / FPS,
        "identity": np.full(len(frame), identity),
        "box_xyxy_px": np.stack([left, top, left + height / 2, top + height], axis=1),
        "score": np.full(len(frame), 0.8),
        "class_id": np.full(len(frame), class_id, np.int32),
    }


def tracks(*pieces: Any) -> Trajectories:
    return Trajectories.of(**{name: np.concatenate([one[name] for one in pieces]) for name in pieces[0]})


def test_two_who_crossed_unseen_are_joined_by_how_they_moved() -> None:
    """They are where the other one vanished when they are seen again, so that places alone would exchange them."""
    seen = tracks(
        piece(1, range(0, 25), x=0, speed=4),
        piece(2, range(0, 25), x=200, speed=-4),
        piece(3, range(30, 60), x=0, speed=4),
        piece(4, range(30, 60), x=200, speed=-4),
    )
    assert sorted(links(seen, Linking())) == [(0, 2), (1, 3)]


def test_all_pieces_together_decide_and_not_the_best_pair_first() -> None:
    """The later piece nearest to both is left to the one that has no other."""
    settings = replace(Linking(), error=1.0)
    seen = tracks(
        piece(1, range(0, 25), x=100, speed=0),
        piece(2, range(0, 25), x=130, speed=0),
        piece(3, range(30, 60), x=102, speed=0),
        piece(4, range(30, 60), x=48, speed=0),
    )
    assert sorted(links(seen, settings)) == [(0, 3), (1, 2)]


@pytest.mark.parametrize(
    "other",
    [
        {"x": 400.0, "speed": 0},
        {"x": 100.0, "speed": 0, "height": 160},
        {"x": 100.0, "speed": 0, "class_id": 1},
        {"x": 100.0, "speed": 40},
    ],
    ids=["far", "another-size", "another-class", "another-way"],
)
def test_what_is_another_object_stays_another(other: Any) -> None:
    seen = tracks(piece(1, range(0, 25), x=100, speed=0), piece(2, range(30, 60), **other))
    assert not links(seen, Linking())
    same = tracks(piece(1, range(0, 25), x=100, speed=0), piece(2, range(30, 60), x=100.0, speed=0))
    assert links(same, Linking()) == [(0, 1)]


def test_a_chain_of_pieces_has_the_first_ones_identity_and_its_gaps_are_filled() -> None:
    seen = tracks(
        piece(7, range(0, 25), x=0, speed=2),
        piece(3, range(30, 55), x=0, speed=2),
        piece(5, range(60, 85), x=0, speed=2),
        piece(9, range(0, 5), x=600, speed=0),
    )
    frame = np.arange(85)
    made = smoothed(seen, frame, frame / FPS)
    assert made.identity_of == {3: 7, 5: 7, 7: 7, 9: None}  # who was seen for a fifth of a second is let go
    assert made.tracks.frame.tolist() == frame.tolist()
    assert set(made.tracks.identity.tolist()) == {7}
    assert made.tracks.frame[made.tracks.interpolated].tolist() == [*range(25, 30), *range(55, 60)]
    middle = made.tracks.box_xyxy_px[:, [0, 2]].mean(axis=1)
    assert middle == pytest.approx(2 * frame, abs=0.01)


def test_gaps_are_filled_on_frames_that_there_were_in_proportion_to_their_times() -> None:
    seen = tracks(piece(1, range(0, 2), x=0, speed=10), piece(1, range(8, 10), x=0, speed=10))
    frame = np.array([0, 1, 3, 6, 8, 9])
    whole = filled(seen, frame, frame / FPS, longest_gap_s=0.5)
    assert whole.frame.tolist() == frame.tolist()
    assert whole.interpolated.tolist() == [False, False, True, True, False, False]
    assert whole.box_xyxy_px[:, [0, 2]].mean(axis=1) == pytest.approx(10.0 * frame)
    assert filled(seen, frame, frame / FPS, longest_gap_s=0.2) is seen


def test_a_smooth_path_is_the_mean_of_the_gaussian_process() -> None:
    """Equation 2.25 of Rasmussen and Williams, around the straight line that NumPy fits."""
    draw = np.random.default_rng(1)
    time_s = np.sort(draw.uniform(0, 4, 60))
    values = draw.normal(size=(60, 4)).cumsum(axis=0)
    covariance = np.exp(-((time_s[:, None] - time_s) ** 2) / (2 * 0.3**2))
    for column in range(4):
        line = np.polyval(np.polyfit(time_s, values[:, column], 1), time_s)
        mean = line + covariance @ np.linalg.inv(covariance + 0.1 * np.eye(60)) @ (values[:, column] - line)
        assert smooth(time_s, values, scale_s=0.3, noise=0.1)[:, column] == pytest.approx(mean, abs=1e-6)


def test_a_long_path_loses_its_jitter_without_a_seam_between_parts() -> None:
    draw = np.random.default_rng(2)
    time_s = np.arange(5 * PART) / FPS
    way = np.stack([400 + 300 * np.sin(time_s / 3), 20 * time_s], axis=1)
    seen = way + draw.normal(scale=4, size=way.shape)
    error = np.abs(smooth(time_s, seen, scale_s=1.0, noise=0.1) - way)
    assert error.mean() < 0.5 * np.abs(seen - way).mean()
    at_seam = np.concatenate([error[seam - 3 : seam + 3] for seam in range(PART, len(time_s), PART)])
    assert at_seam.mean() < 2 * error[MARGIN:-MARGIN].mean()


def test_nothing_seen_is_no_trajectory() -> None:
    assert smoothed_rows(np.empty((0, 10)), np.arange(1, 10), FPS).shape == (0, 10)


def test_identities_keep_their_names_from_one_part_of_a_long_recording_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_module, "MAX_ROWS", 150)
    log, parts = TrajectoryLog(), []
    for frame in range(200):
        if log.is_full:
            parts.append(log.take())
        if not 25 <= frame < 30:
            box = np.array([[frame, 0, frame + 50, 100]], np.float32)
            identity = np.ma.array([4 if frame < 25 else 6], mask=[False], dtype=np.int64)
            found = Detections(box, np.ones(1, np.float32), np.zeros(1, np.int32), identity)
            log.add(found, frame=frame, pts_s=frame / FPS)
        else:
            log.add(Detections.empty(), frame=frame, pts_s=frame / FPS)
    parts.append(log.take())
    assert [part.identity_of for part in parts] == [{4: 4, 6: 4}, {6: 4}, {6: 4}]
    frames = np.concatenate([part.tracks.frame for part in parts])
    assert frames.tolist() == list(range(200))


def test_settings_may_leave_everything_as_it_was() -> None:
    seen = tracks(piece(1, range(0, 25), x=0, speed=2), piece(2, range(30, 40), x=0, speed=2))
    settings = Smoothing(linking=replace(Linking(), longest_gap_s=0.0), least_s=0.0)
    made = smoothed(seen, np.arange(40), np.arange(40) / FPS, settings)
    assert made.tracks.identity.tolist() == [1] * 25 + [2] * 10
    assert made.tracks.box_xyxy_px == pytest.approx(seen.box_xyxy_px, abs=0.05)


def test_a_crowd_that_flickers_is_compared_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of thousands of short pieces may be continued by each that begins behind it."""
    random = np.random.default_rng(3)
    seen = tracks(
        *(
            piece(n, range(begin, begin + 3), x=random.uniform(0, 4000), speed=random.uniform(-2, 2), class_id=n % 2)
            for n, begin in enumerate(random.integers(0, 60, 300).tolist(), 1)
        )
    )
    whole = links(seen, Linking())
    assert len(whole) > 20
    compared: list[int] = []

    def counted(tails: Any, heads: Any, tail: Any, head: Any, settings: Linking) -> Any:
        compared.append(len(tail))
        return likeness(tails, heads, tail, head, settings)

    likeness = linking_module._likeness
    monkeypatch.setattr(linking_module, "_likeness", counted)
    for most in (1, 1000):
        compared.clear()
        monkeypatch.setattr(linking_module, "MAX_PAIRS", most)
        assert links(seen, Linking()) == whole
        assert max(compared) <= max(most, len(seen.pieces()))
        assert sum(compared) > 3000
