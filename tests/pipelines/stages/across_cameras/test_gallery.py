"""Which tracks of several cameras are one object: by appearance, time and place, whatever the descriptions are."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipelines.stages.across_cameras.gallery import Gallery, Rules
from pipelines.stages.across_cameras.records import MAX_EXEMPLARS, MAX_VISITS, Identity, Track

RED, GREEN, BLUE = np.eye(3, 8, dtype=np.float32)


def gallery(**rules: Any) -> Gallery:
    return Gallery(Rules(**{"similarity": 0.5, "views": 1, **rules}))


def shown(made: Gallery, camera: str, vector: np.ndarray, *times_s: float, together: Sequence[Track] = ()) -> Track:
    """Let a camera see and describe one more object at these times."""
    track = Track(camera, times_s[0], times_s[0])
    for at_s in times_s:
        made.see([track, *together], now_s=at_s)
        made.describe(track, vector)
    return track


def test_the_same_looks_in_another_camera_are_the_same_identity() -> None:
    made = gallery()
    first, other = shown(made, "gate", RED, 0, 1), shown(made, "gate", GREEN, 5, 6)
    again = shown(made, "yard", RED + 0.2 * BLUE, 10)
    assert (first.global_id, other.global_id, again.global_id) == (1, 2, 1)
    assert shown(made, "yard", BLUE, 12).global_id == 3
    counts = made.counts()
    assert (counts.identities, counts.begun, counts.matches) == (3, 3, 1)


def test_it_waits_for_as_many_views_as_are_asked_for() -> None:
    made = gallery(views=3)
    track = shown(made, "gate", RED, 0, 1)
    assert track.global_id is None
    made.describe(track, RED)
    assert track.global_id == 1


def test_one_good_likeness_by_chance_is_not_enough() -> None:
    made = gallery(views=3)
    shown(made, "gate", RED, 0, 1, 2)
    track = Track("yard", 10, 10)
    for vector in (GREEN, RED, GREEN):
        made.describe(track, vector)
    assert track.global_id == 2


def test_two_that_a_camera_sees_at_one_time_are_never_one() -> None:
    made = gallery()
    first = shown(made, "gate", RED, 0, 1)
    twin = shown(made, "gate", RED, 2, together=[first])
    assert (first.global_id, twin.global_id) == (1, 2)


def test_a_track_that_comes_back_keeps_its_identity_and_the_later_one_gives_way() -> None:
    made = gallery()
    first = shown(made, "gate", RED, 0, 1)
    later = shown(made, "gate", RED, 2)  # the first is out of sight for a moment
    assert later.global_id == 1
    made.see([later, first], now_s=3)
    assert (first.global_id, later.global_id) == (1, 2)
    assert made.counts().clashes == 1
    made.describe(later, RED)
    made.see([later, first], now_s=4)
    assert later.global_id == 2


@pytest.mark.parametrize(("overlap_s", "expected"), [(None, 1), (5.0, 1), (1.0, 2), (0.0, 2)])
def test_how_long_two_cameras_may_see_one_object_is_a_choice(overlap_s: float | None, expected: int) -> None:
    made = gallery(overlap_s=overlap_s)
    shown(made, "gate", RED, 0, 10)
    other = Track("yard", 7, 10)
    made.describe(other, RED)
    assert other.global_id == expected


@pytest.mark.parametrize(("at_s", "expected"), [(12, 2), (25, 1), (90, 2)])
def test_the_way_between_two_cameras_takes_its_time(at_s: float, expected: int) -> None:
    made = gallery(transit_s={frozenset(("gate", "yard")): (10.0, 60.0)})
    shown(made, "gate", RED, 0, 5)
    assert shown(made, "yard", RED, at_s).global_id == expected
    assert shown(made, "roof", RED, at_s + 1).global_id is not None


def test_an_identity_is_forgotten_after_its_time() -> None:
    made = gallery(memory_s=60)
    shown(made, "gate", RED, 0, 5)
    assert shown(made, "yard", RED, 64).global_id == 1
    assert shown(made, "yard", RED, 200).global_id == 2
    assert made.counts().identities == 1


def test_a_clock_that_goes_back_ends_nothing() -> None:
    made = gallery()
    track = shown(made, "gate", RED, 1000, 3, 1001)
    assert track.global_id == 1 and track.last_s == 1001
    assert shown(made, "yard", RED, 2).global_id == 1


@pytest.mark.parametrize(
    "vector",
    [np.zeros(8), np.full(8, np.nan), np.array([np.inf] + [0] * 7), np.empty(0), np.ones(5)],
    ids=["zero", "no number", "infinite", "empty", "another length"],
)
def test_a_description_that_says_nothing_changes_nothing(vector: np.ndarray) -> None:
    made = gallery()
    shown(made, "gate", RED, 0)
    track = Track("yard", 10, 10)
    made.describe(track, vector)
    assert track.global_id is None and made.counts().refused == 1
    made.describe(track, RED)
    assert track.global_id == 1


def test_memory_has_bounds() -> None:
    made, random = gallery(max_identities=50, similarity=0.99), np.random.default_rng(0)
    for number in range(3000):
        shown(made, f"camera {number % 7}", random.normal(size=8), number * 0.01)
    assert made.counts().identities == 50 and made.counts().begun > 2000
    one, exemplars = Identity(1), random.normal(size=(400, 64)).astype(np.float32)
    for vector in exemplars / np.linalg.norm(exemplars, axis=1, keepdims=True):
        one.add_view(vector)
        one.add_track(Track("gate", 0, 1))
    assert len(one.exemplars) == MAX_EXEMPLARS and len(one.tracks) == MAX_VISITS


def test_a_view_that_says_nothing_new_is_not_kept() -> None:
    one = Identity(1)
    for _ in range(5):
        one.add_view(RED)
    one.add_view(GREEN)
    assert len(one.exemplars) == 2


def test_many_cameras_at_once() -> None:
    """Every camera has its own thread; none of them gives one identity to two objects of one frame."""
    made, clashes = gallery(), []

    def work(camera: str) -> None:
        random = np.random.default_rng(len(camera))
        for number in range(60):
            tracks = [Track(camera, number, number) for _ in range(3)]
            made.see(tracks, now_s=number)
            for track in tracks:
                made.describe(track, random.permutation(np.stack([RED, GREEN, BLUE]))[0])
            made.see(tracks, now_s=number)
            ids = [track.global_id for track in tracks]
            if None in ids or len(set(ids)) < 3:
                clashes.append(ids)

    threads = [threading.Thread(target=work, args=("c" * count,)) for count in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not clashes


def test_many_identities_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.stages.across_cameras.gallery.AT_A_TIME", 2)
    made = gallery()
    looks = np.eye(7, dtype=np.float32)
    begun = [shown(made, "gate", look, 2 * at, 2 * at + 1).global_id for at, look in enumerate(looks)]
    again = [shown(made, "yard", look, 20 + at).global_id for at, look in enumerate(looks)]
    assert begun == again == [1, 2, 3, 4, 5, 6, 7]
