"""The closed form equals the textbook, and time is time."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stages.tracking.kalman import (
    BEHIND,
    P00,
    P11,
    POSITION,
    VELOCITY,
    BoxFilter,
    cxcywh_from_xyxy,
    xyxy_from_cxcywh,
)

BOXES = np.array([[100.0, 200, 40, 120], [500, 300, 80, 60], [50, 60, 200, 400]])


def update(box_filter: BoxFilter, state: np.ndarray, rows: np.ndarray, box: np.ndarray, score: np.ndarray) -> None:
    box_filter.update(state, rows, box, box_filter.measurement_error_px(box, score))


def settled(box_filter: BoxFilter) -> np.ndarray:
    state = box_filter.start(BOXES)
    for step in range(1, 6):
        box_filter.predict(state, 0.04)
        update(box_filter, state, np.arange(3), BOXES + step * np.array([3.0, -2, 0, 0]), np.array([0.9, 0.5, 0.2]))
    return state


def test_one_step_equals_the_matrix_form() -> None:
    box_filter = BoxFilter()
    state = settled(box_filter)
    expected = state.copy()
    dt_s, score = 0.05, np.array([0.8, 0.3, 0.6])
    measured = BOXES + np.array([20.0, -8, 1, 2])
    transition = np.array([[1, dt_s], [0, 1]])
    for track in range(3):
        height = state[POSITION, track, 3]
        for axis in range(4):
            position, velocity, p00, p01, p11, _ = state[:, track, axis]
            acceleration = (box_filter.acceleration_std * height * (1 if axis < 2 else box_filter.growth)) ** 2
            drift = (box_filter.drift_std * height) ** 2
            process = acceleration * np.array([[dt_s**3 / 3, dt_s**2 / 2], [dt_s**2 / 2, dt_s]])
            process[0, 0] += drift * dt_s
            mean = transition @ [position, velocity]
            covariance = transition @ np.array([[p00, p01], [p01, p11]]) @ transition.T + process
            error = box_filter.measurement_std * (1 + box_filter.doubt * (1 - score[track])) * measured[track, 3]
            gain = covariance[:, 0] / (covariance[0, 0] + error**2)
            mean = mean + gain * (measured[track, axis] - mean[0])
            covariance = covariance - np.outer(gain, covariance[0])
            expected[: P11 + 1, track, axis] = [*mean, covariance[0, 0], covariance[0, 1], covariance[1, 1]]
    box_filter.predict(state, dt_s)
    update(box_filter, state, np.arange(3), measured, score)
    np.testing.assert_allclose(state, expected, rtol=1e-9)


@pytest.mark.parametrize("parts", [2, 3, 10])
def test_many_short_steps_equal_a_long_one(parts: int) -> None:
    box_filter = BoxFilter()
    once = settled(box_filter)
    once[VELOCITY, :, 3] = 0
    often = once.copy()
    box_filter.predict(once, 0.6)
    for _ in range(parts):
        box_filter.predict(often, 0.6 / parts)
    np.testing.assert_allclose(often, once, rtol=1e-9)


def test_no_time_changes_nothing() -> None:
    state = settled(BoxFilter())
    before = state.copy()
    BoxFilter().predict(state, 0.0)
    np.testing.assert_array_equal(state, before)


def test_velocity_is_learned_in_pixels_per_second_whatever_the_frame_rate() -> None:
    box_filter = BoxFilter()
    for fps in (8, 30):
        state = box_filter.start(BOXES[:1])
        for step in range(1, 3 * fps):
            box_filter.predict(state, 1 / fps)
            moved = BOXES[:1] + step / fps * np.array([90.0, 0, 0, 0])
            update(box_filter, state, np.array([0]), moved, np.ones(1))
        assert state[VELOCITY, 0, 0] == pytest.approx(90, rel=0.05)


def test_tracks_that_are_not_updated_are_left_alone() -> None:
    box_filter = BoxFilter()
    state = settled(box_filter)
    before = state.copy()
    update(box_filter, state, np.array([1]), BOXES[1:2], np.ones(1))
    np.testing.assert_array_equal(state[:, [0, 2]], before[:, [0, 2]])
    assert (state[P00, 1] < before[P00, 1]).all()


def test_a_shrinking_box_stays_a_box() -> None:
    state = settled(BoxFilter())
    state[VELOCITY, :, 2:] = -1000
    BoxFilter().predict(state, 5.0)
    assert (state[POSITION, :, 2:] > 0).all()


def test_box_forms_are_inverse() -> None:
    np.testing.assert_allclose(cxcywh_from_xyxy(xyxy_from_cxcywh(BOXES)), BOXES)


@pytest.mark.parametrize("fps", [10, 30])
def test_how_far_the_filter_is_behind_what_grows_ever_faster_is_known(fps: int) -> None:
    box_filter = BoxFilter()
    for step in range(2 * fps):
        side = 700 / (40 - 16.7 * step / fps)
        box = np.array([[600.0, 300, side, side]])
        if step == 0:
            state = box_filter.start(box)
        box_filter.predict(state, 1 / fps)
        error = box_filter.measurement_error_px(box, np.ones(1))
        box_filter.update(state, np.array([0]), box, error, step_s=1 / fps)
    missing = side - state[POSITION, 0, 3]
    assert missing > 0.02 * side
    assert 0.5 * missing < state[BEHIND, 0, 3] <= missing
