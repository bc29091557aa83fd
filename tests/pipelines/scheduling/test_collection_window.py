"""The window follows the measured cost of a call."""

from __future__ import annotations

import random

import pytest

from pipelines.scheduling.collection_window import MAX_WINDOW_S, CollectionWindow


def feed(window: CollectionWindow, *, fixed_s: float, each_s: float, calls: int = 200) -> None:
    rng = random.Random(1)
    for _ in range(calls):
        pictures = rng.randint(1, 8)
        window.observe(pictures, (fixed_s + each_s * pictures) * rng.uniform(0.95, 1.05))


def test_where_a_call_costs_a_fixed_part_waiting_pays() -> None:
    window = CollectionWindow()
    feed(window, fixed_s=0.010, each_s=0.001)
    assert window.seconds == pytest.approx(0.010, rel=0.15)


def test_where_every_picture_costs_its_own_nobody_waits() -> None:
    window = CollectionWindow()
    feed(window, fixed_s=0.0, each_s=0.030)
    assert window.seconds < 0.005


def test_it_is_bounded_and_follows_a_change() -> None:
    window = CollectionWindow()
    feed(window, fixed_s=0.5, each_s=0.001)
    assert window.seconds == MAX_WINDOW_S
    feed(window, fixed_s=0.0, each_s=0.001, calls=500)
    assert window.seconds < 0.001


def test_with_one_stream_there_is_nothing_to_wait_for() -> None:
    window = CollectionWindow()
    assert window.seconds == 0.0
    for _ in range(100):
        window.observe(1, 0.02)
    assert window.seconds == 0.0
